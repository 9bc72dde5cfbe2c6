import { type Duration, toMs } from '../std/duration.ts'
import { checkTimeZone } from './time-zone.ts'

const units = ['hour', 'day', 'week', 'month', 'quarter', 'year'] as const

/** A stretch of the calendar. Weeks begin on Monday (ISO 8601). */
export type CalendarUnit = (typeof units)[number]

/** Windows that begin and end with the calendar of a time zone, side by side; their lengths differ. */
export interface CalendarWindow {
  readonly kind: 'calendar'
  readonly unit: CalendarUnit
  readonly timeZone: string
  readonly graceMs: number
}

export interface CalendarOptions {
  /** An IANA name such as `Europe/Berlin`, or an offset such as `+05:30`; `UTC` by default. */
  readonly timeZone?: string
  /** How long after its end a window still takes late records; 0 by default. */
  readonly grace?: Duration
}

/**
 * Hours, days, weeks, months, quarters or years of a time zone: `calendar('day', { timeZone: 'Europe/Berlin' })` has a day of 23
 * hours in spring and one of 25 in autumn, where the clock is changed. An hour that the clock repeats is two windows. Throws
 * `TypeError` for another unit and for a time zone that is not known.
 */
export function calendar(unit: CalendarUnit, options: CalendarOptions = {}): CalendarWindow {
  const { timeZone = 'UTC', grace = 0 } = options
  if (!units.includes(unit))
    throw new TypeError(`calendar(unit): ${JSON.stringify(unit)} is none of ${units.join(', ')}`)
  checkTimeZone(timeZone, 'calendar')
  return Object.freeze({ kind: 'calendar', unit, timeZone, graceMs: toMs(grace, 'calendar({ grace })') })
}
