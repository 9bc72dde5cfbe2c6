import type { Duration } from '../std/duration.ts'
import type { DeepReadonly } from './readonly.ts'
import type { StreamRecord } from './record.ts'

/** A value kept under each key. What `get` gives is read-only: change it with `set`. */
export interface ValueState<T> {
  /** Undefined where nothing was set, or its time to live is over. */
  get(): DeepReadonly<T> | undefined
  set(value: DeepReadonly<T>): void
  delete(): void
}

/** A list kept under each key; a change of one item costs one item. */
export interface ListState<T> extends Iterable<DeepReadonly<T>> {
  readonly length: number
  /** Counted from the end where `index` is negative. */
  at(index: number): DeepReadonly<T> | undefined
  /** Replaces an item that is there; throws a `RangeError` where there is none. */
  set(index: number, item: DeepReadonly<T>): void
  push(...items: readonly DeepReadonly<T>[]): void
  /** Takes the first item out. */
  shift(): DeepReadonly<T> | undefined
  /** Takes the last item out. */
  pop(): DeepReadonly<T> | undefined
  clear(): void
}

/** A map kept under each key, in the order its entries came; a change of one entry costs one entry. */
export interface MapState<K extends MapStateKey, T> extends Iterable<[K, DeepReadonly<T>]> {
  readonly size: number
  has(key: K): boolean
  get(key: K): DeepReadonly<T> | undefined
  set(key: K, value: DeepReadonly<T>): void
  /** True where there was one. */
  delete(key: K): boolean
  keys(): Iterable<K>
  values(): Iterable<DeepReadonly<T>>
  clear(): void
}

/** What entries of a `MapState` are found by. */
export type MapStateKey = string | number | bigint | boolean

/**
 * The timers of a key on one clock. There is one for each tag: setting it again moves it. A timer that is set to a time
 * before the watermark is set to the watermark, and fires right after the record that set it.
 */
export interface Timers {
  /** Sets the timer of a tag to a time in ms since the epoch. A key has one of each tag: setting it again moves it. */
  at(time: number | Date, tag?: string): void
  /** Sets the timer of a tag to a time after that of the call. */
  after(delay: Duration, tag?: string): void
  /** When the timer fires, or undefined where none is set. */
  get(tag?: string): number | undefined
  cancel(tag?: string): void
}

/** The rows of a global table as a process step sees them: read-only, and in the order of their keys' bytes. */
export interface BroadcastRows<R, K> extends Iterable<readonly [key: K, row: DeepReadonly<R>]> {
  readonly size: number
  /** Undefined where there is no such row. Throws where keys of the table are of another type. */
  get(key: K): DeepReadonly<R> | undefined
}

/** What the callbacks of a process step have in common. It is valid during the call only. */
export interface KeyContext<K, S, O, B = {}> {
  readonly key: K
  /** Event time of the record, or of the timer. Results have it unless `out()` sets another. */
  readonly timestamp: number
  /** The event time that has reached the step: no record with an earlier one is expected any more (SEMANTICS 3.1). */
  readonly watermark: number
  /** What is kept under the key. A call that throws leaves all of it as it was. */
  readonly state: S
  /** The global tables that the step was given, as far as they have been read (SEMANTICS 6.4). */
  readonly broadcast: B
  /** In event time (SEMANTICS 3.2). */
  readonly timers: Timers
  /** By the clock on the wall: when they fire is not repeatable (SEMANTICS 4.4). */
  readonly wallTimers: Timers
  /** Sends a value, or what `out()` gives, to a side output of the step. */
  side<P extends keyof O & string>(name: P, value: O[P]): void
  /** Sends a value to `.failed` with an error, and goes on: for one of several that a call is about. */
  fail(value: unknown, error: unknown): void
}

/** What the callback of a process step gets beside the value. */
export interface ProcessContext<K, S = {}, O = {}, B = {}> extends KeyContext<K, S, O, B> {
  readonly record: StreamRecord<K>
}

/** What the timer callback of a process step gets. Of a wall-clock timer the timestamp is that of the call that set it. */
export interface TimerContext<K, S = {}, O = {}, B = {}> extends KeyContext<K, S, O, B> {
  readonly timer: { readonly tag: string; readonly time: number; readonly clock: 'event' | 'wall' }
}
