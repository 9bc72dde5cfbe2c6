import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Duration, toMs } from './duration.ts'

describe('durations', () => {
  it('are milliseconds or text with a unit', () => {
    const cases: [Duration, number][] = [
      [0, 0],
      [1500, 1500],
      ['500ms', 500],
      ['10s', 10_000],
      ['1.1s', 1100],
      ['5m', 300_000],
      ['1h', 3_600_000],
      ['7d', 604_800_000],
    ]
    for (const [duration, ms] of cases) assert.equal(toMs(duration, 'grace'), ms, String(duration))
  })

  it('that are none are refused, saying which option and what would do', () => {
    for (const wrong of [
      '10',
      '10 s',
      '-1s',
      's',
      '1e3s',
      '10sec',
      '0.5ms',
      '',
      -1,
      0.5,
      Number.NaN,
      Infinity,
      null,
    ]) {
      assert.throws(
        () => toMs(wrong as Duration, 'grace'),
        /^TypeError: grace: .* is not a duration; give/,
        String(wrong),
      )
    }
  })
})
