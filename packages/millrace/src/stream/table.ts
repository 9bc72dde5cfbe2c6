import type { DeepReadonly } from '../plan/readonly.ts'
import type { StreamRecord } from '../plan/record.ts'
import type { Duration } from '../std/duration.ts'
import type { Columns, Row } from './aggregates.ts'
import type { FieldName, FieldType, NotPromise, RetryOptions, StepCallback } from './callback-types.ts'
import type { AfterCount, Every, When } from './emission.ts'
import type { SourceOptions } from './pipeline.ts'
import type { KeyedStream, Stream } from './stream.ts'

/**
 * The current row `R` of each key: of a compacted topic, of a stream's latest values, of an aggregate, or of other tables. A row
 * that goes away goes away in everything that was made of it.
 */
export interface Table<R, K, F = unknown> {
  /** Phantom, for inference only. */
  readonly rows?: { readonly row: R; readonly key: K }
  /** Records that a callback of the step threw on, or that had no key. The row stays as it was. */
  readonly failed: Stream<F, K>

  /** Each change of a row, null where it was deleted. */
  emit(when: 'updates'): KeyedStream<R | null, K>

  /** The rows for which `predicate` is true. The name is the store's. */
  filter<N extends DeepReadonly<R>>(
    name: string,
    predicate: (row: DeepReadonly<R>, record: StreamRecord<K>) => row is N,
  ): Table<N, K, R>
  filter(name: string, predicate: StepCallback<R, K, boolean>): Table<R, K, R>

  /** A row made of each; where `fn` gives null the key has none. The name is the store's. */
  map<S>(name: string, fn: StepCallback<R, K, NotPromise<S>>): Table<NonNullable<S>, K, R>

  /**
   * Groups the rows by a field or callback: a row that changes or goes is taken back from its group. The name is that of the
   * repartition topic.
   */
  groupBy<P extends FieldName<R> | StepCallback<R, K, unknown>>(
    name: string,
    key: P,
  ): GroupedTable<R, NonNullable<FieldType<R, P>>>

  /** A row for each key that both tables have. The name is the store's. */
  join<O, S>(name: string, other: Table<O, K>, fn: JoinRows<R, O, S>): Table<NonNullable<S>, K>
  /** A row for each key of this table; `fn` gets undefined where the other has none. */
  leftJoin<O, S>(
    name: string,
    other: Table<O, K>,
    fn: JoinRows<R, O | undefined, S>,
  ): Table<NonNullable<S>, K>
  /** A row for each key of either table; `fn` gets undefined where one has none. */
  outerJoin<O, S>(
    name: string,
    other: Table<O, K>,
    fn: JoinRows<R | undefined, O | undefined, S>,
  ): Table<NonNullable<S>, K>

  /**
   * A row for each row of this table that refers to one of `right`, which has another key. A row that changes, refers to another one, or
   * goes does so in the result, and so does the row it refers to. The name is the store's.
   *
   * @example
   * sales.joinForeign('with-product', products, { key: 'product' }, (sale, product) => ({ ...sale, price: product.price }))
   */
  joinForeign<O, S, P extends FieldName<R> | StepCallback<R, K, unknown>>(
    name: string,
    right: Table<O, any>,
    options: ForeignJoinOptions<P>,
    fn: JoinRows<R, O, S>,
  ): Table<NonNullable<S>, K>
  /** A row for each row of this table; `fn` gets undefined where `right` has none, or the row refers to none. */
  leftJoinForeign<O, S, P extends FieldName<R> | StepCallback<R, K, unknown>>(
    name: string,
    right: Table<O, any>,
    options: ForeignJoinOptions<P>,
    fn: JoinRows<R, O | undefined, S>,
  ): Table<NonNullable<S>, K>
}

/** How a table is joined with one of another key. */
export interface ForeignJoinOptions<P> {
  /** The key of the other table's row: a field, or a callback. Null or undefined refers to none. */
  readonly key: P
}

/** The rows of a table in groups. */
export interface GroupedTable<R, K> {
  /** Rows that the callback of the key threw on. */
  readonly failed: Stream<unknown, unknown>
  /**
   * One row per group, of `count`, `sum`, `avg`, and `custom` with `remove`. A group that has lost all its rows keeps its row, of 0 and
   * null. The name is the store's.
   */
  aggregate<C extends Columns<DeepReadonly<R>>>(name: string, columns: C): AggregateTable<Row<C>, K, unknown>
}

/** The table of an aggregate, whose changes may be gathered. */
export interface AggregateTable<R, K, F> extends Table<R, K, F> {
  // First among the overloads: only then do the rows give the callback of `when()` its type.
  /** The row with the record that makes a condition hold. */
  emit(when: When<DeepReadonly<R>>): KeyedStream<R, K>
  /** Each change of a result, null where it was deleted; or with `every()` the changed ones, from time to time. */
  emit(when: 'updates' | Every): KeyedStream<R | null, K>
  /** The row with every so many records of its key. */
  emit(when: AfterCount): KeyedStream<R, K>
}

/** The current row `R` of each key of a topic, all of them in every task. */
export interface GlobalTable<R, K> {
  /** Phantom, for inference only. */
  readonly globalRows?: { readonly row: R; readonly key: K }
}

/** The table of a topic. */
export interface SourceTable<R, K> extends Table<R, K> {
  /** Records that could not be read, or lie too far in the future, as the bytes they came in. */
  readonly rejected: Stream<Uint8Array, K>
}

/** The row of two rows; null leaves the key without one. */
export type JoinRows<L, R, S> = (left: DeepReadonly<L>, right: DeepReadonly<R>) => NotPromise<S>

/** The result of a record `V` and the row of its key. */
export type JoinRow<V, K, R, S> = (
  value: DeepReadonly<V>,
  row: DeepReadonly<R>,
  record: StreamRecord<K>,
) => NotPromise<S>

export interface TableOptions extends Omit<SourceOptions, 'nulls' | 'start' | 'maxDrift'> {
  /** The store's name; the topic's by default. */
  readonly name?: string
  readonly versions?: TableRowOptions['versions']
  readonly ttl?: TableRowOptions['ttl']
}

export interface GlobalTableOptions {
  /** The table's name, for `app.store` and errors; the topic's by default. */
  readonly name?: string
}

/** How a record is joined with a global table. */
export interface GlobalJoinOptions<P> {
  /**
   * The key of the row: a field of the value, or a callback. A record whose key is null or undefined has no row; one of another type
   * than the table's goes to `.failed`.
   */
  readonly key: P
  /** What `describe`, errors and metrics call the step. */
  readonly name?: string
  readonly retry?: RetryOptions
}

export interface TableRowOptions {
  /**
   * How long a row is known after another one has taken its place, in event time. Joins of streams then meet the row that was valid
   * at the time of their record.
   */
  readonly versions?: Duration
  /**
   * How long a row is kept that is not set anew, in event time: it is then deleted, in everything that was made of it too. For ever by
   * default. Not with `versions`.
   */
  readonly ttl?: Duration
}

export interface JoinOptions {
  /** What `describe`, errors and metrics call the step. */
  readonly name?: string
  readonly retry?: RetryOptions
  /**
   * `none` (default) takes the row as it is when the record is processed; `event-time` holds the record, in a store that `name` names,
   * until the watermark has passed its time.
   */
  readonly wait?: 'none' | 'event-time'
}

/** The tables of a join of several, by the names its callback knows them by. */
export type JoinedTables = Readonly<Record<string, Table<any, any>>>

/** One row of each of several tables; undefined where one of the optional ones has none. */
export type RowsOf<T extends JoinedTables, O extends keyof T> = {
  readonly [P in keyof T]: RowOf<T[P]> | (P extends O ? undefined : never)
}

/** The key of several tables. */
export type KeyOfTables<T extends JoinedTables> = T[keyof T] extends Table<any, infer K> ? K : never

type RowOf<T> = T extends Table<infer R, any> ? DeepReadonly<R> : never

export interface JoinTablesOptions<O> {
  /** Tables that need not have a row of a key. */
  readonly optional?: readonly O[]
}
