import { createRequire } from 'node:module'
import type { Cron as CronerJob } from 'croner'
import { checkTimeZone } from './time-zone.ts'

/** Times by the clock and the calendar of a time zone. */
export interface Cron {
  readonly kind: 'cron'
  readonly expression: string
  readonly timeZone: string
}

export interface CronOptions {
  /** An IANA name such as `Europe/Berlin`; `UTC` by default. */
  readonly timeZone?: string
}

/**
 * The times of a cron expression: `every(cron('0 6 * * 1-5', { timeZone: 'Europe/Berlin' }))` is six in the morning on working days.
 * Five fields (minute, hour, day of the month, month, day of the week), six with seconds in front, or a name such as `@hourly`. A time
 * that the clock leaps over in spring is taken right behind the leap. Throws `TypeError` for what is no such expression, for one
 * that no day of the calendar fits, and for a time zone that is not known.
 */
export function cron(expression: string, { timeZone = 'UTC' }: CronOptions = {}): Cron {
  checkTimeZone(timeZone, 'cron')
  const spec: Cron = Object.freeze({ kind: 'cron', expression, timeZone })
  if (typeof expression !== 'string' || !expressionForm.test(expression.trim()))
    failExpression(expression, 'it is not of five fields, six with seconds, or a name such as @hourly')
  let first: number
  try {
    first = new CronTimes(spec).nextAfter(0)
  } catch (error) {
    return failExpression(expression, (error as Error).message)
  }
  if (first === Number.POSITIVE_INFINITY) failExpression(expression, 'there is no such time')
  return spec
}

/** The times of one schedule. The last answer is kept: a host asks for the same one again and again. */
export class CronTimes {
  readonly #job: CronerJob
  #after = Number.NaN
  #next = Number.NaN

  constructor({ expression, timeZone }: Cron) {
    const { Cron: Job } = createRequire(import.meta.url)('croner') as { Cron: typeof CronerJob }
    this.#job = new Job(expression, { timezone: timeZone, paused: true })
  }

  /** The first time behind `afterMs`; Infinity when there is none. */
  nextAfter(afterMs: number): number {
    if (afterMs !== this.#after) {
      this.#next = this.#job.nextRun(new Date(afterMs))?.getTime() ?? Number.POSITIVE_INFINITY
      this.#after = afterMs
    }
    return this.#next
  }
}

const expressionForm = /^(@[a-z]+|\S+(\s+\S+){4,5})$/i

function failExpression(expression: unknown, why: string): never {
  throw new TypeError(
    `cron(expression): ${JSON.stringify(expression)} cannot be used: ${why}; give one such as '0 * * * *', each full hour`,
  )
}
