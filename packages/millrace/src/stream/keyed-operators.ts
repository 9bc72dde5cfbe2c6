import type { Duration } from '../std/duration.ts'
import type { StepCallback } from './callback-types.ts'
import type { DedupeOptions } from './operators/dedupe.ts'
import type { FieldOf } from './operators/field.ts'
import type { Lagged } from './operators/lag.ts'
import type { Pattern } from './operators/pattern/pattern.ts'
import type { RateLimited, RateLimitOptions } from './operators/rate.ts'
import type { Sessions } from './operators/sessionize.ts'
import type { HeavyHitter, TopKOptions } from './operators/top-k.ts'
import type { TopNOptions } from './operators/top-n.ts'
import type { KeyedStream } from './stream.ts'

/** What is made of `process`: each keeps its state under the step's name. */
export interface KeyedOperators<V, K> {
  /**
   * Keeps the first of records that are the same under their key, by the key alone or a field of theirs.
   *
   * @example
   * orders.byKey().dedupe('once', { by: 'id', within: '1h' })
   */
  dedupe(name: string, options?: DedupeOptions<V, K>): KeyedStream<V, K>

  /** Gives each record with the one that came `distance` (1 by default) records before it under its key. */
  lag(name: string, distance?: number): KeyedStream<Lagged<V>, K>

  /** Keeps the records that differ from the one before them under their key, in the whole value or a field. */
  changes(name: string, by?: FieldOf<V, K, unknown>): KeyedStream<V, K>

  /** The `n` records of each key with the largest ranks, the largest first, whenever they change. */
  topN(name: string, n: number, options: TopNOptions<V, K>): KeyedStream<readonly V[], K>

  /** The `k` most frequent items of each key, counted by a sketch of fixed size. */
  topK(name: string, k: number, options: TopKOptions<V, K>): KeyedStream<readonly HeavyHitter[], K>

  /**
   * Begins a pattern over the records of each key, in the order of time: stages by name, quantifiers, what must not come, and the
   * time that all of it may take; `match` finds it.
   *
   * @example
   * payments.byKey()
   *   .pattern('small', v => v.cents < 100).times(3)
   *   .followedBy('large', v => v.cents > 50_000)
   *   .within('10m')
   *   .match('tested-card')
   */
  pattern<N extends string>(name: N, predicate: StepCallback<V, K, boolean>): Pattern<V, K, N>

  /** Lets one record of each key through, and then none for `pause` of event time. */
  throttle(name: string, pause: Duration): KeyedStream<V, K>

  /** Lets at most `limit` records of each key through in any `per` of event time; the others go to `.limited`. */
  rateLimit(name: string, options: RateLimitOptions): RateLimited<V, K>

  /** Gives the latest record of each key once none has come for `quiet` of event time. */
  debounce(name: string, quiet: Duration): KeyedStream<V, K>

  /** Gives the latest record of each key in each `period` of event time, when the period is over. */
  sample(name: string, period: Duration): KeyedStream<V, K>

  /**
   * Gives each record, in the order of time, with the session of its key that it belongs to: records at most `gap`
   * apart.
   */
  sessionize(name: string, gap: Duration): Sessions<V, K>
}
