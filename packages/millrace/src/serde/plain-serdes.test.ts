import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { bytes } from './bytes.ts'
import { number } from './number.ts'
import type { Serde } from './serde.ts'
import { KeyBuffer } from './sink.ts'
import { string } from './text.ts'

/** Writes both ways, which must agree, and reads back from the middle of a batch. */
function roundTrip<T>(serde: Serde<T>, value: T): T {
  const written = serde.serialize(value)
  const sink = new KeyBuffer(1)
  sink.ensure(1)
  sink.position = 1
  serde.serializeInto!(value, sink)
  assert.deepEqual(sink.toBytes().subarray(1), new Uint8Array(written))
  const batch = Buffer.concat([Buffer.from('<<'), written, Buffer.from('>>')])
  const back = serde.deserialize(batch, 2, batch.length - 2)
  batch.fill(0)
  return back
}

describe('the string, bytes and number serdes', () => {
  it('read back what they wrote, and keep no view of the batch', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), text => assert.equal(roundTrip(string(), text), text)),
    )
    fc.assert(fc.property(fc.uint8Array(), value => assert.deepEqual(roundTrip(bytes(), value), value)))
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), value =>
        assert.equal(roundTrip(number(), value), value === 0 ? 0 : value),
      ),
    )
  })

  it('give bytes that the caller may change without touching the value', () => {
    const value = new Uint8Array([1, 2])
    bytes().serialize(value)[0] = 9
    assert.equal(value[0], 1)
  })

  it('read invalid UTF-8 as U+FFFD, as Node does', () => {
    assert.equal(string().deserialize(new Uint8Array([0x61, 0xff, 0x62]), 0, 3), 'a\ufffdb')
    assert.equal(roundTrip(string(), 'a\ud800'), 'a\ufffd')
  })

  it('refuse values of another type, before anything is written', () => {
    const sink = new KeyBuffer()
    const refused: [
      { serialize(value: unknown): unknown; serializeInto?(value: unknown, to: KeyBuffer): void },
      unknown,
    ][] = [
      [string(), 1],
      [string(), undefined],
      [bytes(), 'x'],
      [bytes(), [1]],
      [number(), '1'],
      [number(), Number.NaN],
      [number(), Infinity],
    ]
    for (const [serde, value] of refused) {
      assert.throws(() => serde.serialize(value), TypeError)
      assert.throws(() => serde.serializeInto!(value, sink), TypeError)
    }
    assert.equal(sink.position, 0)
  })

  it('read decimal text as a number and nothing else', () => {
    const read = (text: string) => number().deserialize(Buffer.from(text), 0, text.length)
    for (const text of ['1.0', '01', '1e3', '-0.5E-2']) assert.equal(read(text), Number(text))
    for (const text of ['', ' 1', 'NaN', 'Infinity', '0x10', '1_000', '1e999'])
      assert.throws(() => read(text), RangeError)
  })
})
