import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { calendarWindowAt } from '../testing/reference/calendar.ts'
import { type CalendarUnit, calendar } from './calendar.ts'
import { windowGrid } from './window.ts'

const hour = 3_600_000
const unit = fc.constantFrom<CalendarUnit[]>('hour', 'day', 'week', 'month', 'quarter', 'year')
/** Those that have shown most of what clocks can do: half hours, days left out, midnights that do not exist. */
const oddZones = [
  'UTC',
  'Europe/Berlin',
  'America/New_York',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'America/Sao_Paulo',
  'Pacific/Apia',
  'Africa/Casablanca',
  'America/Havana',
  '+05:45',
]
const timeZone = fc.oneof(
  fc.constantFrom(...oddZones),
  fc.constantFrom(...Intl.supportedValuesOf('timeZone')),
)
const at = fc.integer({ min: Date.UTC(1990, 0), max: Date.UTC(2037, 0) })

function windowAt(time: number, name: CalendarUnit, zone: string): [string, number] {
  const grid = windowGrid(calendar(name, { timeZone: zone }))
  const start = grid.startOf(time)
  return [new Date(start).toISOString(), (grid.endOf(start) - start) / hour]
}

describe('calendar windows', () => {
  it('[3.2] are the stretches in which the clock on the wall names one unit', () => {
    fc.assert(
      fc.property(at, unit, timeZone, (time, name, zone) => {
        const spec = calendar(name, { timeZone: zone })
        const grid = windowGrid(spec)
        const start = grid.startOf(time)
        assert.deepEqual({ start, end: grid.endOf(start) }, calendarWindowAt(spec, time))
      }),
      { numRuns: 300 },
    )
  })

  it('[3.2] lie side by side, whatever was asked before', () => {
    fc.assert(
      fc.property(at, unit, timeZone, (time, name, zone) => {
        const spec = calendar(name, { timeZone: zone })
        const grid = windowGrid(spec)
        const start = grid.startOf(time)
        const end = grid.endOf(start)
        assert.ok(start <= time && time < end)
        assert.equal(grid.startOf(end), end)
        assert.equal(grid.startOf(end - 1), start)
        assert.equal(grid.endOf(grid.startOf(start - 1)), start)
        assert.equal(windowGrid(spec).endOf(start), end)
      }),
      { numRuns: 300 },
    )
  })

  it('have days as long as the clock makes them', () => {
    assert.deepEqual(windowAt(Date.UTC(2026, 2, 29, 12), 'day', 'Europe/Berlin'), [
      '2026-03-28T23:00:00.000Z',
      23,
    ])
    assert.deepEqual(windowAt(Date.UTC(2026, 9, 25, 12), 'day', 'Europe/Berlin'), [
      '2026-10-24T22:00:00.000Z',
      25,
    ])
    assert.deepEqual(windowAt(Date.UTC(2026, 9, 25, 12), 'day', 'UTC'), ['2026-10-25T00:00:00.000Z', 24])
  })

  it('have the hour that is repeated in autumn twice', () => {
    assert.deepEqual(windowAt(Date.UTC(2026, 9, 25, 0, 30), 'hour', 'Europe/Berlin'), [
      '2026-10-25T00:00:00.000Z',
      1,
    ])
    assert.deepEqual(windowAt(Date.UTC(2026, 9, 25, 1, 30), 'hour', 'Europe/Berlin'), [
      '2026-10-25T01:00:00.000Z',
      1,
    ])
    assert.deepEqual(windowAt(Date.UTC(2026, 9, 25, 1, 30), 'hour', 'Asia/Kolkata'), [
      '2026-10-25T01:30:00.000Z',
      1,
    ])
  })

  it('begin weeks on Monday, and know quarters and leap years', () => {
    assert.deepEqual(windowAt(Date.UTC(2026, 10, 25), 'week', 'UTC'), ['2026-11-23T00:00:00.000Z', 168])
    assert.deepEqual(windowAt(Date.UTC(2026, 10, 25), 'quarter', 'UTC'), [
      '2026-10-01T00:00:00.000Z',
      92 * 24,
    ])
    assert.deepEqual(windowAt(Date.UTC(2028, 10, 25), 'year', 'UTC'), ['2028-01-01T00:00:00.000Z', 366 * 24])
  })

  it('reach to the end of time', () => {
    const grid = windowGrid(calendar('year'))
    assert.ok(grid.endOf(grid.startOf(8.64e15)) > 8.64e15)
  })

  it('refuse other units and unknown zones, saying which', () => {
    assert.throws(() => calendar('fortnight' as never), { name: 'TypeError', message: /fortnight.*month/ })
    assert.throws(() => calendar('day', { timeZone: 'Europe/Atlantis' }), {
      name: 'TypeError',
      message: /Atlantis/,
    })
    assert.throws(() => calendar('day', { grace: -1 }), { name: 'TypeError', message: /grace/ })
    assert.ok(Object.isFrozen(calendar('day')))
  })
})
