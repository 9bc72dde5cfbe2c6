import type { Out } from '../plan/out.ts'
import type { DeepReadonly } from '../plan/readonly.ts'
import type { StreamRecord } from '../plan/record.ts'
import type { Duration } from '../std/duration.ts'

/** What the compiler shows in place of the result of an async callback. */
export interface AsyncNotAllowed {
  readonly error: 'a callback must give its result at once; only asyncMap and forEach may be async'
}

/** `R`, unless it is a promise. */
export type NotPromise<R> = R extends PromiseLike<unknown> ? AsyncNotAllowed : R

/** A callback of a step: the value, read-only, and the record it came in. */
export type StepCallback<V, K, R> = (value: DeepReadonly<V>, record: StreamRecord<K>) => R

/** The value that leaves a `map`, with `out()` taken off. */
export type ValueOf<R> = R extends Out<infer V, any> ? V : R

/** The key that leaves a `map`: its own where `out()` set one, `K` otherwise. */
export type KeyOf<R, K> = R extends Out<any, infer Own> ? ([Own] extends [never] ? K : Own) : K

/** The names of `V`'s fields; of all its cases where it is a union. */
export type FieldName<V> = keyof V & string

/** The names of `V`'s fields whose type fits `T`. */
export type FieldNameOf<V, T> = {
  [P in keyof V]-?: V[P] extends T ? P : never
}[keyof V] &
  string

/** The type behind a field's name or a callback. */
export type FieldType<V, F> = F extends (...args: any[]) => infer R ? R : F extends keyof V ? V[F] : never

export interface RetryOptions {
  /** Further calls after the first one; 0 by default. */
  readonly retries: number
  /** Time between two calls; the task waits, others go on. */
  readonly backoff?: Duration
}

export interface StepOptions {
  /** What `describe`, errors and metrics call the step. */
  readonly name?: string
  /** How often a callback that throws is called again before its record goes to `.failed`. */
  readonly retry?: RetryOptions
}
