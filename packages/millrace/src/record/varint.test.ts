import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { VarintReader, varintSize, varlongSize, writeVarint, writeVarlong } from './varint.ts'

const hex = (write: (bytes: Uint8Array) => number) => {
  const bytes = new Uint8Array(12)
  return Buffer.from(bytes.subarray(0, write(bytes))).toString('hex')
}
const varlong = (value: number) => hex(bytes => writeVarlong(bytes, 0, value))

describe('varints', () => {
  it('are the bytes Kafka writes', () => {
    const vectors: [number, string][] = [
      [0, '00'],
      [-1, '01'],
      [63, '7e'],
      [64, '8001'],
      [-64, '7f'],
      [-65, '8101'],
      [2 ** 31, '8080808010'],
      [-(2 ** 31) - 1, '8180808010'],
      [2 ** 52 - 1, 'feffffffffffff0f'],
    ]
    for (const [value, expected] of vectors) {
      assert.equal(varlong(value), expected, String(value))
      assert.equal(varlongSize(value), expected.length / 2)
      if (value === (value | 0)) {
        assert.equal(
          hex(bytes => writeVarint(bytes, 0, value)),
          expected,
        )
      }
    }
  })

  it('come back as they were, with the size foretold', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: -(2 ** 52) + 1, max: 2 ** 52 - 1 }), (int, long) => {
        const bytes = new Uint8Array(20)
        const middle = writeVarint(bytes, 1, int)
        const end = writeVarlong(bytes, middle, long)
        assert.deepEqual([middle, end], [1 + varintSize(int), middle + varlongSize(long)])
        const reader = new VarintReader(bytes, 1, end)
        assert.deepEqual([reader.varint(), reader.varlong(), reader.at], [int, long, end])
        assert.throws(() => reader.varint(), RangeError)
      }),
    )
  })

  it('that are too long for a number are refused', () => {
    for (const value of [2 ** 52, -(2 ** 52), 1.5, Number.NaN])
      assert.throws(() => varlong(value), RangeError)
    const long = Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255, 255, 1)
    assert.throws(() => new VarintReader(long, 0, 10).varint(), RangeError)
    assert.throws(() => new VarintReader(long, 0, 10).varlong(), RangeError)
  })
})
