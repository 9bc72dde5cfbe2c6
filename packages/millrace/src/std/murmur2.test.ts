import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { murmur2, partitionOf } from './murmur2.ts'

const VECTORS: readonly [string, number][] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
  ['', 275646681],
]

describe('murmur2', () => {
  it('gives what the Java client gives', () => {
    for (const [text, hash] of VECTORS) {
      const bytes = Buffer.from(`..${text}..`)
      assert.equal(murmur2(bytes, 2, bytes.length - 2), hash, text)
    }
  })

  it('[5.1] chooses the partition by the hash without its sign bit', () => {
    for (const [text, hash] of VECTORS) {
      const bytes = Buffer.from(text)
      for (const count of [1, 6, 7, 1000]) {
        assert.equal(partitionOf(bytes, 0, bytes.length, count), (hash & 0x7fffffff) % count)
      }
    }
  })
})
