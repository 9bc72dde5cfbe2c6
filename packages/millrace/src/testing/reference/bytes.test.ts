import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bytesOfKey, canonicalText, keyReadBack, partitionOfKey } from './bytes.ts'

describe('key bytes of the reference model', () => {
  it('find the partition that the Java client finds', () => {
    // Hashes from Apache Kafka's UtilsTest.
    const hashes = {
      '21': -973932308,
      foobar: -790332482,
      'a-little-bit-long-string': -985981536,
      'a-little-bit-longer-string': -1486304829,
      lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
      abc: 479470107,
    }
    for (const [key, hash] of Object.entries(hashes))
      assert.equal(partitionOfKey(Buffer.from(key), 2 ** 31), hash & 0x7fffffff, key)
  })

  it('are the text of numbers and booleans, and JSON with sorted members of objects', () => {
    const textOf = (key: unknown) => Buffer.from(bytesOfKey(key)).toString()
    assert.deepEqual([1.5, -0, 12n, true, 'a', { b: 1, a: [{ d: 1, c: 2 }] }].map(textOf), [
      '1.5',
      '0',
      '12',
      'true',
      'a',
      '{"a":[{"c":2,"d":1}],"b":1}',
    ])
    assert.throws(() => bytesOfKey(Number.NaN))
    assert.ok(Object.is(keyReadBack(-0), 0))
  })

  it('keep values of different types apart in canonical text, and members of __proto__ visible', () => {
    const texts = [1, '1', 1n, true, 'true', null, 'null', [1], { 0: 1 }, Buffer.from('1')].map(canonicalText)
    assert.equal(new Set(texts).size, texts.length)
    assert.equal(canonicalText(JSON.parse('{"__proto__":1}')), '{"__proto__":1}')
  })
})
