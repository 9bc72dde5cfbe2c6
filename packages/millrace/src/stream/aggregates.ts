import type { Aggregator, FieldOrFn } from '../plan/graph.ts'
import { PlanError } from '../plan/plan-error.ts'
import type { StreamRecord } from '../plan/record.ts'
import type { FieldName, FieldNameOf, FieldType } from './callback-types.ts'

/** One column of a result: what it is computed from (`V`) and what it gives (`R`). */
export interface Aggregate<in V, out R> {
  readonly aggregator: Aggregator
  /** Phantom, for inference only. */
  readonly types?: (value: V) => R
}

/** The columns of an `aggregate` over values of type `V`. */
export type Columns<V> = Readonly<Record<string, Aggregate<V, unknown>>>

/** The row that columns give. */
export type Row<C> = { [P in keyof C]: C[P] extends Aggregate<any, infer R> ? R : never }

type Callback<V, R> = (value: V, record: StreamRecord) => R
type Numeric = number | null | undefined
type NumberField<V> = FieldNameOf<V, Numeric> | Callback<V, Numeric>
type AnyField<V> = FieldName<V> | Callback<V, unknown>

/** How many records there were; with `where`, how many of those for which it is true. */
export function count<V>(where?: Callback<V, boolean>): Aggregate<V, number> {
  return column(where === undefined ? { kind: 'count' } : { kind: 'count', where })
}

/** The sum of a numeric field, 0 over nothing. Anything but a finite number is passed over. */
export function sum<V>(field: NumberField<V>): Aggregate<V, number> {
  return column({ kind: 'sum', field })
}

/** The smallest number of a field, or null when there was none. */
export function min<V>(field: NumberField<V>): Aggregate<V, number | null> {
  return column({ kind: 'min', field })
}

/** The largest number of a field, or null when there was none. */
export function max<V>(field: NumberField<V>): Aggregate<V, number | null> {
  return column({ kind: 'max', field })
}

/** The mean of a numeric field, or null when there was no number. */
export function avg<V>(field: NumberField<V>): Aggregate<V, number | null> {
  return column({ kind: 'avg', field })
}

/** The field of the record that arrived first, or null when it was missing there. */
export function first<V, F extends AnyField<V>>(field: F): Aggregate<V, Present<FieldType<V, F>>> {
  return column({ kind: 'first', field })
}

/** The field of the record that arrived last, or null when it was missing there. */
export function last<V, F extends AnyField<V>>(field: F): Aggregate<V, Present<FieldType<V, F>>> {
  return column({ kind: 'last', field })
}

/** How many different values a field had, exactly; memory grows with their number. */
export function countDistinct<V>(field: AnyField<V>): Aggregate<V, number> {
  return column({ kind: 'countDistinct', field })
}

export interface CollectOptions {
  /** How many values are kept, 1,000 by default; those behind them are passed over. */
  readonly max?: number
}

/**
 * The values of a field in a list, in the order in which their records came, or the records' own values; a missing field is
 * passed over. A full list stays as it is: `count()` beside it says how many there were. Memory, and what each commit
 * writes of a changed row, grow with it.
 *
 *     .aggregate('order', { items: collect('item', { max: 100 }), events: collect() })
 */
export function collect<V>(field?: undefined, options?: CollectOptions): Aggregate<V, V[]>
export function collect<V, F extends AnyField<V>>(
  field: F,
  options?: CollectOptions,
): Aggregate<V, Exclude<FieldType<V, F>, undefined>[]>
export function collect(
  field: FieldOrFn = wholeValue,
  { max = 1_000 }: CollectOptions = {},
): Aggregate<any, unknown[]> {
  if (!Number.isSafeInteger(max) || max < 1)
    throw new PlanError({ step: 'collect' }, `max is ${max}`, 'give a whole number of values, at least 1')
  return column({ kind: 'collect', field, max })
}

const wholeValue = (value: unknown) => value

export interface QuantileOptions {
  /** Largest relative error of the answer, between 0 and 1; 0.01 by default. */
  readonly relativeAccuracy?: number
}

/** The `q`-quantile (0 ≤ q ≤ 1) of a numeric field within `relativeAccuracy`, or null when there was no number. */
export function quantile<V>(
  field: NumberField<V>,
  q: number,
  { relativeAccuracy = 0.01 }: QuantileOptions = {},
): Aggregate<V, number | null> {
  if (!(q >= 0 && q <= 1))
    throw new PlanError(
      { step: 'quantile' },
      `q is ${q}`,
      'give a number from 0 to 1, 0.95 for the 95th percentile',
    )
  if (!(relativeAccuracy > 0 && relativeAccuracy < 1))
    throw new PlanError(
      { step: 'quantile' },
      `relativeAccuracy is ${relativeAccuracy}`,
      'give a number between 0 and 1, for example 0.01',
    )
  return column({ kind: 'quantile', field, q, relativeAccuracy })
}

/** An aggregate of one's own over states `S`; see `custom`. */
export interface CustomOptions<V, S, R> {
  /** A fresh state; called for each key (and window). */
  readonly init: () => S
  /** The next state; may change and return the one it got. */
  readonly add: (state: S, value: V, record: StreamRecord) => S
  /** One state of two, as if the records of `b` had been added to `a`. */
  readonly merge?: (a: S, b: S) => S
  /** The state without a record that was added before. */
  readonly remove?: (state: S, value: V, record: StreamRecord) => S
  /** What goes into the row; the state itself when absent. */
  readonly result?: (state: S) => R
  /** Raise it when the state's shape changes; `migrate` then gets states written by older ones. */
  readonly version: number
  readonly migrate?: (old: unknown, from: number) => S
  /** For a state that does not survive `JSON.stringify`. */
  readonly encode?: (state: S) => unknown
  readonly decode?: (stored: any) => S
}

/** An aggregate of one's own. Its state must survive `JSON.stringify`, or come with `encode` and `decode`. */
export function custom<V, S, R>(
  options: CustomOptions<V, S, R> & { readonly result: (state: S) => R },
): Aggregate<V, R>
export function custom<V, S>(options: CustomOptions<V, S, S>): Aggregate<V, S>
export function custom<V, S extends R, R>(options: CustomOptions<V, S, R>): Aggregate<V, R>
export function custom(options: CustomOptions<any, any, any>): Aggregate<any, unknown> {
  if (!Number.isSafeInteger(options.version))
    throw new PlanError({ step: 'custom' }, 'it has no version', 'add version: 1')
  if ((options.encode === undefined) !== (options.decode === undefined))
    throw new PlanError({ step: 'custom' }, 'encode and decode come together', 'add the other one')
  return column({ ...options, kind: 'custom' } as Aggregator)
}

type Present<T> = Exclude<T, undefined> | (undefined extends T ? null : never)

function column<V, R>(aggregator: Aggregator): Aggregate<V, R> {
  return Object.freeze({ aggregator })
}
