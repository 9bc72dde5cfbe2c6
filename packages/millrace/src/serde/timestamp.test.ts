import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TimestampError, toEventTime } from './timestamp.ts'

describe('toEventTime', () => {
  it('[5.4] takes milliseconds and Dates', () => {
    for (const ms of [1e11, 1_700_000_000_000, 253_402_300_799_999, 8.64e15]) {
      assert.equal(toEventTime(ms), ms)
      assert.equal(toEventTime(new Date(ms)), ms)
    }
    assert.equal(toEventTime(1_700_000_000_000.9), 1_700_000_000_000)
  })

  const refused: [unknown, RegExp][] = [
    [1_700_000_000, /looks like seconds; multiply by 1000/],
    [0, /seconds/],
    [99_999_999_999.9, /seconds/],
    [-1, /before the epoch/],
    [Number.NEGATIVE_INFINITY, /before the epoch/],
    [Number.NaN, /NaN/],
    [Infinity, /nanoseconds/],
    [1.7e18, /nanoseconds/],
    [new Date(Number.NaN), /invalid Date/],
    [new Date(0), /1970-01-01/],
    [undefined, /undefined; give milliseconds/],
    [null, /null; give milliseconds/],
    ['2024-01-01', /the text '2024-01-01'; give Date\.parse/],
    [1_700_000_000_000n, /bigint/],
    [{}, /type object/],
  ]
  for (const [value, hint] of refused) {
    it(`[5.4] refuses ${value instanceof Date ? 'the Date' : typeof value} ${String(value)} with a hint`, () => {
      assert.throws(
        () => toEventTime(value),
        (error: unknown) => error instanceof TimestampError && hint.test(error.message),
      )
    })
  }
})
