import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Cron, CronTimes, cron } from './cron.ts'

function nextOf(spec: Cron, after: string): string {
  return new Date(new CronTimes(spec).nextAfter(Date.parse(after))).toISOString()
}

describe('cron', () => {
  it('gives the next time of its time zone, never the one asked from', () => {
    const daily = cron('30 6 * * *', { timeZone: 'Europe/Berlin' })
    assert.equal(nextOf(daily, '2026-07-01T04:29:59.999Z'), '2026-07-01T04:30:00.000Z')
    assert.equal(nextOf(daily, '2026-07-01T04:30:00Z'), '2026-07-02T04:30:00.000Z')
    assert.equal(nextOf(daily, '2026-12-01T04:30:00Z'), '2026-12-01T05:30:00.000Z')
    assert.equal(nextOf(cron('@hourly'), '2026-07-01T04:00:00.001Z'), '2026-07-01T05:00:00.000Z')
    assert.equal(nextOf(cron('*/20 * * * * *'), '2026-07-01T04:00:59Z'), '2026-07-01T04:01:00.000Z')
  })

  it('takes a time that the clock leaps over right behind the leap', () => {
    const spec = cron('30 2 * * *', { timeZone: 'Europe/Berlin' })
    assert.equal(nextOf(spec, '2026-03-28T12:00:00Z'), '2026-03-29T01:00:00.000Z')
    assert.equal(nextOf(spec, '2026-03-29T01:00:00Z'), '2026-03-30T00:30:00.000Z')
  })

  it('gives each full hour once, forward from anywhere, in any order of questions', () => {
    const times = new CronTimes(cron('0 * * * *'))
    const hourMs = 3_600_000
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), after => {
        assert.equal(times.nextAfter(after), (Math.floor(after / hourMs) + 1) * hourMs)
      }),
    )
  })

  it('refuses what is no expression, what never comes and what is no time zone', () => {
    for (const bad of [
      '',
      'hourly',
      '* * *',
      '61 * * * *',
      '0 0 0 * * * * *',
      '2026-01-01T00:00:00',
      '@never',
      5,
      undefined,
    ])
      assert.throws(
        () => cron(bad as string),
        { name: 'TypeError', message: /cron\(expression\).*cannot be used/ },
        String(bad),
      )
    assert.throws(() => cron('0 0 30 2 *'), { name: 'TypeError', message: /there is no such time/ })
    assert.throws(() => cron('0 * * * *', { timeZone: 'Europe/Atlantis' }), {
      name: 'TypeError',
      message: /cron\({ timeZone }\).*Atlantis/,
    })
  })
})
