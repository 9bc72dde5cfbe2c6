import type { Cron, Emission } from '../plan/graph.ts'
import { type Duration, toMs } from '../std/duration.ts'

export interface EveryOptions {
  /** `wall` (default): by the clock on the wall; `event`: when the watermark passes a multiple. */
  readonly time?: 'wall' | 'event'
}

/**
 * Emits the rows that changed, each once, every `period`, or at the times of a schedule: `every('5m')`,
 * `every(cron('0 * * * *', { timeZone: 'Europe/Berlin' }))` (SEMANTICS 5.8). A time of a schedule at which nothing runs is made up
 * for, once, when it runs again. Throws `TypeError` for a period of 0, and for a schedule in event time.
 */
export function every(period: Duration | Cron, { time = 'wall' }: EveryOptions = {}): Every {
  if (isCron(period)) {
    if (time === 'wall') return Object.freeze({ kind: 'every', schedule: period, time })
    throw new TypeError("every: a schedule goes by the wall clock; leave { time: 'event' } out")
  }
  const everyMs = toMs(period, 'every')
  if (everyMs === 0) throw new TypeError("every: the period is 0; use emit('updates') for each change")
  return Object.freeze({ kind: 'every', everyMs, time })
}

function isCron(period: Duration | Cron): period is Cron {
  return typeof period === 'object' && period?.kind === 'cron'
}

/** Made by `every()`. */
export type Every = Extract<Emission, { kind: 'every' }>

export interface AfterCountOptions {
  /** The row begins again behind the one that goes out; false by default. */
  readonly reset?: boolean
}

/**
 * Emits the row of a key with every `records`-th record of that key: `emit(afterCount(100))`, with `{ reset: true }` each time of the
 * last hundred records alone. For tables without a window. Throws `RangeError` unless `records` is a whole number from 1.
 */
export function afterCount(records: number, { reset = false }: AfterCountOptions = {}): AfterCount {
  if (!(Number.isSafeInteger(records) && records > 0))
    throw new RangeError(`afterCount(records): ${records} is no whole number from 1`)
  return Object.freeze({ kind: 'count', records, reset })
}

/** Made by `afterCount()`. */
export type AfterCount = Extract<Emission, { kind: 'count' }>

export interface WhenOptions {
  /** The row goes out each time the condition holds after it did not; false by default, for once. */
  readonly again?: boolean
}

/**
 * Emits the row of a key, or of a key and window, with the record that makes `predicate` hold for it: `emit(when(row => row.n >= 3))`,
 * once, or with `{ again: true }` each time after it did not hold. For tables, and for windows on a grid, beside their final rows.
 * A predicate that throws sends a null value under the key to `.failed`, and is asked again after the next record.
 */
export function when<R>(predicate: (row: R) => boolean, { again = false }: WhenOptions = {}): When<R> {
  return Object.freeze({ kind: 'when', predicate, again })
}

/** Made by `when()`: a condition on rows `R`. */
export interface When<in R> {
  readonly kind: 'when'
  readonly predicate: (row: R) => boolean
  readonly again: boolean
}
