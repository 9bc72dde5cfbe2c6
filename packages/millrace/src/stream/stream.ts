import type { CountWindow, EventWindow, GridWindow } from '../plan/graph.ts'
import type { DeepReadonly } from '../plan/readonly.ts'
import type { StreamRecord } from '../plan/record.ts'
import type { TopicToWrite } from '../plan/topic.ts'
import type { Duration } from '../std/duration.ts'
import type { Columns, Row } from './aggregates.ts'
import type { AsyncCallback, AsyncMapOptions } from './async-map.ts'
import type {
  FieldName,
  FieldType,
  KeyOf,
  NotPromise,
  RetryOptions,
  StepCallback,
  StepOptions,
  ValueOf,
} from './callback-types.ts'
import type { Every, When } from './emission.ts'
import type { KeyedOperators } from './keyed-operators.ts'
import type {
  Broadcast,
  ProcessCallback,
  ProcessOptions,
  ProcessResults,
  SideOutputs,
  States,
} from './process.ts'
import type { JoinInterval, JoinPair, JoinResults } from './stream-join.ts'
import type {
  AggregateTable,
  GlobalJoinOptions,
  GlobalTable,
  JoinOptions,
  JoinRow,
  Table,
  TableRowOptions,
} from './table.ts'

/** The end of a path. Its side stream takes records that could not be written. */
export interface Sink<F> {
  /** Records whose callback threw, or that could not be written. */
  readonly failed: Stream<F, unknown>
}

/**
 * Records of value `V` under keys `K`, in order per partition. `F` is the value of the records that the
 * step behind it failed on.
 */
export interface Stream<V, K, F = unknown> {
  /** Phantom, for inference only. */
  readonly types?: { readonly value: V; readonly key: K }

  /** Records that this step's callback threw on, after its retries, with the error in their headers. */
  readonly failed: Stream<F, K>

  /** Keeps the records for which `predicate` is true. */
  filter<N extends DeepReadonly<V>>(
    predicate: (value: DeepReadonly<V>, record: StreamRecord<K>) => value is N,
    options?: StepOptions,
  ): Stream<N, K, V>
  filter(predicate: StepCallback<V, K, boolean>, options?: StepOptions): Stream<V, K, V>

  /** Replaces each value; `out()` also sets key, headers or timestamp. A callback must not return undefined. */
  map<R>(fn: StepCallback<V, K, NotPromise<R>>, options?: StepOptions): Stream<ValueOf<R>, KeyOf<R, K>, V>

  /** Replaces each record by any number of values or `out()` results. */
  flatMap<R>(fn: StepCallback<V, K, Iterable<R>>, options?: StepOptions): Stream<ValueOf<R>, KeyOf<R, K>, V>

  /** Calls `fn` for its effect; the records go on unchanged. */
  peek<R>(fn: StepCallback<V, K, NotPromise<R>>, options?: StepOptions): Stream<V, K, V>

  /**
   * Replaces each value by the result of a call that takes its time, such as a look-up in another system: under exactly-once calls
   * may be made again, results leave once (SEMANTICS 7.4). `out()` also sets key, headers or timestamp. What groups behind it needs a
   * `keyBy` between. The name is the store's, which keeps the records whose calls are under way.
   *
   * @example
   * orders.asyncMap('price', async ({ item, n }, { signal }) => ({ item, cents: n * (await priceOf(item, signal)) }), {
   *   concurrency: 32,
   *   timeout: '2s',
   *   retry: { retries: 3, backoff: '100ms', maxBackoff: '5s' },
   * })
   */
  asyncMap<R>(
    name: string,
    fn: AsyncCallback<V, K, R>,
    options?: AsyncMapOptions,
  ): Stream<ValueOf<R>, KeyOf<R, K>, V>

  /** Re-keys by a field, which is also the step's name. */
  keyBy<P extends FieldName<V>>(field: P): KeyedStream<V, KeyFrom<V[P]>, V>
  /** Re-keys by a field or callback. The name is the step's and its repartition topic's. */
  keyBy<P extends FieldName<V> | StepCallback<V, K, unknown>>(
    name: string,
    key: P,
    options?: KeyByOptions,
  ): KeyedStream<V, KeyFrom<FieldType<V, P>>, V>

  /** Calls `fn` with each record for whose `key` the global table has a row. */
  joinGlobal<R, S, P extends FieldName<V> | StepCallback<V, K, unknown>>(
    table: GlobalTable<R, any>,
    options: GlobalJoinOptions<P>,
    fn: JoinRow<V, K, R, S>,
  ): Stream<ValueOf<S>, KeyOf<S, K>, V>
  /** Calls `fn` with each record and its row of the global table, undefined where it has none. */
  leftJoinGlobal<R, S, P extends FieldName<V> | StepCallback<V, K, unknown>>(
    table: GlobalTable<R, any>,
    options: GlobalJoinOptions<P>,
    fn: JoinRow<V, K, R | undefined, S>,
  ): Stream<ValueOf<S>, KeyOf<S, K>, V>

  /** Groups by the record's own key, without re-keying. */
  byKey(): KeyedStream<V, NonNullable<K>, F>

  /** Sends each record to the first case whose predicate is true, or to `otherwise`. */
  branch<C extends BranchCases<V, K>>(cases: C): Branches<C, V, K>

  /** The records of all these streams, in order per partition. */
  merge<S extends readonly Stream<any, any>[]>(
    ...others: S
  ): Stream<V | ValueIn<S[number]>, K | KeyIn<S[number]>>

  /** Continues with a function of one's own over streams. */
  apply<T>(fragment: (stream: this) => T): T

  /** Writes the records to a topic, exactly once. An unchanged record is copied as it is. */
  to(topic: TopicToWrite<V, K>): Sink<V>

  /** Appends the values to a file as lines of JSON, at least once. */
  toFile(path: string): Sink<V>

  /** Prints a line per record, at least once: the value as JSON, or what `format` gives. */
  print(format?: StepCallback<V, K, string>): Sink<V>

  /** Calls `fn` for each record, at least once; it may be async and is awaited before the offset is committed. */
  forEach(fn: StepCallback<V, K, unknown>, options?: ForEachOptions): Sink<V>
  forEach(name: string, fn: StepCallback<V, K, unknown>, options?: ForEachOptions): Sink<V>
}

/** A stream whose equal keys lie in one partition, so that it can be aggregated. */
export interface KeyedStream<V, K, F = unknown> extends Stream<V, K, F>, KeyedOperators<V, K> {
  filter<N extends DeepReadonly<V>>(
    predicate: (value: DeepReadonly<V>, record: StreamRecord<K>) => value is N,
    options?: StepOptions,
  ): KeyedStream<N, K, V>
  filter(predicate: StepCallback<V, K, boolean>, options?: StepOptions): KeyedStream<V, K, V>
  peek<R>(fn: StepCallback<V, K, NotPromise<R>>, options?: StepOptions): KeyedStream<V, K, V>
  /** The records of all these streams; keyed where they all are, by keys of one type. */
  merge<S extends readonly Stream<any, any>[]>(
    ...others: S
  ): [S[number]] extends [KeyedStream<any, K>]
    ? KeyedStream<V | ValueIn<S[number]>, K>
    : Stream<V | ValueIn<S[number]>, K | KeyIn<S[number]>>

  /** The latest value of each key; a null value deletes its row. The name is the store's. */
  toTable(name: string, options?: TableRowOptions): Table<NonNullable<V>, K, V>

  /** Calls `fn` with each record whose key has a row in the table. */
  join<R, S>(
    table: Table<R, K>,
    fn: JoinRow<V, K, R, S>,
    options?: JoinOptions,
  ): Stream<ValueOf<S>, KeyOf<S, K>, V>
  /**
   * Calls `fn` with each two records of one key whose times lie within the interval. The result has the later time. The name is the
   * store's, which keeps records as long as one may come that meets them.
   */
  join<O, S>(
    name: string,
    right: KeyedStream<O, K>,
    interval: JoinInterval,
    fn: JoinPair<V, O, K, S>,
  ): JoinResults<ValueOf<S>, KeyOf<S, K>, V | O>

  /** Calls `fn` with each record and the row of its key, undefined where it has none. */
  leftJoin<R, S>(
    table: Table<R, K>,
    fn: JoinRow<V, K, R | undefined, S>,
    options?: JoinOptions,
  ): Stream<ValueOf<S>, KeyOf<S, K>, V>
  /** Also with each record of this stream that has met none of the other once none can come. */
  leftJoin<O, S>(
    name: string,
    right: KeyedStream<O, K>,
    interval: JoinInterval,
    fn: JoinPair<V, O | undefined, K, S>,
  ): JoinResults<ValueOf<S>, KeyOf<S, K>, V | O>

  /** Also with each record of either stream that has met none of the other once none can come. */
  outerJoin<O, S>(
    name: string,
    right: KeyedStream<O, K>,
    interval: JoinInterval,
    fn: JoinPair<V | undefined, O | undefined, K, S>,
  ): JoinResults<ValueOf<S>, KeyOf<S, K>, V | O>

  /** Groups the records of each key by time. */
  window(spec: GridWindow): WindowedStream<V, K>
  window(spec: CountWindow): CountStream<V, K>
  window(spec: GridWindow | EventWindow): EventWindowStream<V, K>

  /**
   * Calls `fn` for each record with state and timers of its key (SEMANTICS 3.2, 4.2). What it returns goes on, as with
   * `flatMap`; when it throws, state and timers stay as they were and the record goes to `.failed`.
   *
   * @example
   * payments.process('first-of-customer', { state: { seen: state.value<boolean>() } }, (payment, { state }) => {
   *   if (state.seen.get()) return
   *   state.seen.set(true)
   *   return [payment]
   * })
   */
  process<R = never, S extends States = {}, O extends SideOutputs = {}, T = never, B extends Broadcast = {}>(
    name: string,
    options: ProcessOptions<K, S, O, T, B>,
    fn: ProcessCallback<V, K, S, O, R, B>,
  ): ProcessResults<R, T, K, V, O>

  /** One row per key, kept up to date for ever. The name is the store's. */
  aggregate<C extends Columns<DeepReadonly<V>>>(name: string, columns: C): AggregateTable<Row<C>, K, V>

  /** One value per key: `fn` of the one so far and each record; the first record's value begins, or `init()`. */
  reduce(name: string, fn: ReduceCallback<V, K, DeepReadonly<V>>): AggregateTable<V, K, V>
  reduce<S>(name: string, fn: ReduceCallback<V, K, S>, init: () => S): AggregateTable<S, K, V>
}

/** A keyed stream cut into windows. */
export interface WindowedStream<V, K> {
  /** One row per key and window. The name is the store's. */
  aggregate<C extends Columns<DeepReadonly<V>>>(name: string, columns: C): WindowedTable<Row<C>, K, V>

  /** One value per key and window; see `KeyedStream.reduce`. */
  reduce(name: string, fn: ReduceCallback<V, K, DeepReadonly<V>>): WindowedTable<V, K, V>
  reduce<S>(name: string, fn: ReduceCallback<V, K, S>, init: () => S): WindowedTable<S, K, V>
}

/**
 * A keyed stream cut into windows that lie where its records are, and are made of parts: so every column must be one that can be
 * merged. `custom` needs its `merge`; `first` and `last` go by event time here. A session is deleted when it becomes a part of another.
 */
export interface EventWindowStream<V, K> {
  /** One row per key and window. The name is the store's. */
  aggregate<C extends Columns<DeepReadonly<V>>>(name: string, columns: C): WindowedTable<Row<C>, K, V, null>
}

/** A keyed stream cut into windows of so many records. */
export interface CountStream<V, K> {
  /** One row per full window. The name is the store's. */
  aggregate<C extends Columns<DeepReadonly<V>>>(name: string, columns: C): CountTable<Row<C>, K, V>

  /** One value per full window; see `KeyedStream.reduce`. */
  reduce(name: string, fn: ReduceCallback<V, K, DeepReadonly<V>>): CountTable<V, K, V>
  reduce<S>(name: string, fn: ReduceCallback<V, K, S>, init: () => S): CountTable<S, K, V>
}

/** The results `R` of windows of so many records of value `V`. */
export interface CountTable<R, K, V> {
  /** Records that a callback of the aggregate threw on, or that had no key. */
  readonly failed: Stream<V, K>

  /** One row per window, with the record that makes it full. */
  emit(when: 'final'): Stream<WindowRow<R, K>, K, V>
}

/** The results `R` of each key and window, over records of value `V`; `Gone` is null where windows merge, so that their rows are deleted. */
export interface WindowedTable<R, K, V, Gone extends null = never> {
  /** Records whose window had closed when they came. */
  readonly late: Stream<V, K>
  /** Records that a callback of the aggregate threw on, or that had no key. */
  readonly failed: Stream<V, K>

  // First among the overloads: only then do the rows give the callback of `when()` its type.
  /** The row of a key and window with the record that makes a condition hold, under the plain key. */
  emit(when: When<DeepReadonly<WindowRow<R, K>>>): WindowResults<WindowRow<R, K>, K, V>

  /**
   * `final`: one row per key and window, when the window closes. `updates`: a row for each change.
   * `every()`: the changed rows, from time to time. A session that became a part of another is null in these two.
   *
   * Updates are written under the key's bytes followed by the window's start (int64, big-endian).
   */
  emit<W extends 'final' | 'updates' | Every>(
    when: W,
    options?: EmitOptions,
  ): WindowResults<WindowRow<R, K> | (W extends 'final' ? never : Gone), K, V>
}

/** Rows of windows; the side streams are those of the aggregate before it. */
export interface WindowResults<R, K, V> extends Stream<R, K, V> {
  /** Records whose window had closed when they came. */
  readonly late: Stream<V, K>
}

/** The records of a topic. */
export interface SourceStream<V, K> extends Stream<V, K> {
  /** Records that could not be read, or lie too far in the future, as the bytes they came in. */
  readonly rejected: Stream<Uint8Array, K>
  /** Records without a value, unless the source was made with `nulls: true`. */
  readonly tombstones: Stream<null, K>
}

/** A result with its key and window, in ms since the epoch. `end` is exclusive; that of sessions, sliding and count windows is the last ms of them. */
export type WindowRow<R, K> = Columned<R> & { key: K; start: number; end: number }

/** A result that is not an object becomes the column `value`. */
type Columned<R> = R extends readonly unknown[] | Uint8Array | Date
  ? { value: R }
  : R extends object
    ? R
    : { value: R }

type ValueIn<S> = S extends { readonly types?: { readonly value: infer V } } ? V : never
type KeyIn<S> = S extends { readonly types?: { readonly key: infer K } } ? K : never

/** What is left of a field's type as a key: records without one go to `.failed`. */
type KeyFrom<T> = NonNullable<T>

/** The next result, from the one so far and a record. */
export type ReduceCallback<V, K, S> = (
  result: S,
  value: DeepReadonly<V>,
  record: StreamRecord<K>,
) => NotPromise<S>

/** The cases of a `branch`. */
export type BranchCases<V, K> = Readonly<Record<string, StepCallback<V, K, boolean>>>

/** One stream per case of a `branch`, and the rest. */
export type Branches<C, V, K> = {
  readonly [P in keyof C]: C[P] extends (value: any, record: any) => value is infer N
    ? Stream<N, K, V>
    : Stream<V, K, V>
} & { readonly otherwise: Stream<V, K, V> }

export interface KeyByOptions {
  /** Partitions of the repartition topic, fixed at the first start; the largest input count by default. */
  readonly partitions?: number
  /** How finely the watermark is carried over; 100 ms of event time by default. */
  readonly watermark?: Duration
}

export interface EmitOptions {
  /** Rows that close together come in the order of their keys' bytes. */
  readonly order?: 'key'
  /**
   * How long after their grace windows on a grid still take records, each of which gives the row of `final` again, for one that
   * replaces the one before; 0 by default. What comes later than that is late. Not with `order`.
   */
  readonly allowedLateness?: Duration
}

export interface ForEachOptions {
  /** Calls under way at once in one task; 1 by default. They begin in the order of the partition. */
  readonly concurrency?: number
  /** How long a call may take; 30 s by default. */
  readonly timeout?: Duration
  readonly retry?: RetryOptions
}
