/** Earlier than 3 March 1973 in milliseconds, but every second from 1970 to the year 5138: seconds, taken for milliseconds. */
const SECONDS_LIKE_MAX = 1e11
/** The last instant a Date can hold, in ms. */
const TIME_MAX = 8.64e15

/** A timestamp that cannot be an event time; the message says what to change. */
export class TimestampError extends Error {
  override readonly name = 'TimestampError'
}

/**
 * The event time, in whole ms since the epoch, of what a `timestamp` callback gave: a number or a Date. A fraction of a millisecond
 * is dropped. Throws `TimestampError` with a hint for anything else (SEMANTICS 5.4).
 */
export function toEventTime(value: unknown): number {
  const ms = value instanceof Date ? value.getTime() : value
  if (typeof ms === 'number' && ms >= SECONDS_LIKE_MAX && ms <= TIME_MAX) return Math.floor(ms)
  throw new TimestampError(`The timestamp is ${explain(value, ms)}`)
}

function explain(value: unknown, ms: unknown): string {
  if (value instanceof Date) {
    return Number.isNaN(ms)
      ? 'an invalid Date'
      : `${value.toISOString()}, before the year 1973, which is refused`
  }
  if (value === undefined || value === null) return `${value}; give milliseconds since the epoch or a Date`
  if (typeof value === 'bigint') return `the bigint ${value}; give Number(…)`
  if (typeof value === 'string') return `the text '${value.slice(0, 40)}'; give Date.parse(…) or Number(…)`
  if (typeof value !== 'number')
    return `a value of type ${typeof value}; give milliseconds since the epoch or a Date`
  if (Number.isNaN(value)) return 'NaN; a date that could not be parsed gives it'
  if (value < 0) return `${value}, before the epoch; give milliseconds since the epoch`
  if (value > TIME_MAX)
    return `${value}, which looks like micro- or nanoseconds; give milliseconds since the epoch`
  return `${value}, which looks like seconds; multiply by 1000`
}
