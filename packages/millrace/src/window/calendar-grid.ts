import { createRequire } from 'node:module'
import type { Temporal as TemporalNamespace } from 'temporal-polyfill'
import type { CalendarUnit, CalendarWindow } from './calendar.ts'

type Temporal = typeof TemporalNamespace
type ZonedDateTime = TemporalNamespace.ZonedDateTime

const hourMs = 3_600_000
/** The calendar ends here (ECMA-262, time values); windows that would reach further end with it. */
const timeMax = 8.64e15
const weekDays = 7

/** The begins and ends of calendar windows. Most questions are about the window of the one before, which is kept. */
export class CalendarGrid {
  readonly #spec: CalendarWindow
  readonly #temporal: Temporal
  #start = Number.NaN
  #end = Number.NaN

  constructor(spec: CalendarWindow) {
    this.#spec = spec
    this.#temporal = temporal()
  }

  startOf(timestamp: number): number {
    if (!(timestamp >= this.#start && timestamp < this.#end)) this.#find(timestamp)
    return this.#start
  }

  endOf(start: number): number {
    if (start !== this.#start) this.#find(start)
    return this.#end
  }

  #find(timestamp: number): void {
    const { unit, timeZone } = this.#spec
    const at = this.#temporal.Instant.fromEpochMilliseconds(timestamp).toZonedDateTimeISO(timeZone)
    const [start, end] = unit === 'hour' ? hourOf(at) : this.#daysOf(at, unit)
    this.#start = start
    this.#end = end
  }

  /** The days of a unit, from the first instant of its first one to that of the next unit. */
  #daysOf(at: ZonedDateTime, unit: Exclude<CalendarUnit, 'hour'>): [number, number] {
    const { timeZone } = this.#spec
    const date = at.toPlainDate()
    const first = {
      day: () => date,
      week: () => date.subtract({ days: date.dayOfWeek - 1 }),
      month: () => date.with({ day: 1 }),
      quarter: () => date.with({ day: 1, month: date.month - ((date.month - 1) % 3) }),
      year: () => date.with({ day: 1, month: 1 }),
    }[unit]()
    const length = {
      day: { days: 1 },
      week: { days: weekDays },
      month: { months: 1 },
      quarter: { months: 3 },
      year: { years: 1 },
    }[unit]
    return [
      first.toZonedDateTime(timeZone).epochMilliseconds,
      withinTime(() => first.add(length).toZonedDateTime(timeZone).epochMilliseconds),
    ]
  }
}

/** A whole hour by the clock, cut where the clock is changed: a change need not be one of whole hours. */
function hourOf(at: ZonedDateTime): [number, number] {
  const t = at.epochMilliseconds
  const local = t + at.offsetNanoseconds / 1e6
  const start = t - (local - Math.floor(local / hourMs) * hourMs)
  const before = at.add({ milliseconds: 1 }).getTimeZoneTransition('previous')?.epochMilliseconds
  const next = at.getTimeZoneTransition('next')?.epochMilliseconds
  return [
    before === undefined ? start : Math.max(start, before),
    Math.min(start + hourMs, next ?? Number.POSITIVE_INFINITY),
  ]
}

function withinTime(compute: () => number): number {
  try {
    return compute()
  } catch (error) {
    if (error instanceof RangeError) return timeMax + 1
    throw error
  }
}

/** Node's own where there is one; the substitute takes a while to load, so it is loaded where it is used. */
function temporal(): Temporal {
  const own = (globalThis as { Temporal?: Temporal }).Temporal
  if (own !== undefined) return own
  return (createRequire(import.meta.url)('temporal-polyfill') as { Temporal: Temporal }).Temporal
}
