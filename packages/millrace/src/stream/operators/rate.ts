import { PlanError } from '../../plan/plan-error.ts'
import { type Duration, toMs } from '../../std/duration.ts'
import { side, state } from '../process.ts'
import type { KeyedStream, Stream } from '../stream.ts'
import { withStream } from './with-stream.ts'

/** Lets one record of each key through, and then none for `pause` of event time. */
export function throttle<V, K>(stream: KeyedStream<V, K>, name: string, pause: Duration): KeyedStream<V, K> {
  return rateLimit(stream, name, { limit: 1, per: pause })
}

export interface RateLimitOptions {
  /** So many records of a key go through in any stretch of event time as long as `per`. */
  readonly limit: number
  readonly per: Duration
}

/** A limited stream and what was too much for it. */
export interface RateLimited<V, K> extends KeyedStream<V, K> {
  /** The records above the limit. Nothing happens to them when nothing reads it. */
  readonly limited: Stream<V, K>
}

/** Lets at most `limit` records of each key through in any `per`. */
export function rateLimit<V, K>(
  stream: KeyedStream<V, K>,
  name: string,
  { limit, per }: RateLimitOptions,
): RateLimited<V, K> {
  const perMs = toMs(per, `"${name}", per`)
  if (!(Number.isSafeInteger(limit) && limit > 0))
    throw new PlanError({ step: name }, `limit is ${limit}`, 'give a whole number from 1')
  const results = stream.process(
    name,
    { state: { times: state.list<number>() }, sides: { limited: side<V>() } },
    (value, { state: { times }, timestamp, watermark, side }) => {
      // No record that is in time lies before the watermark.
      while (times.length > 0 && times.at(0)! + perMs <= watermark) times.shift()
      const all = [...times, timestamp].sort((a, b) => a - b)
      if (mostWithin(all, perMs) > limit) {
        side('limited', value as V)
        return
      }
      times.push(timestamp)
      return [value as V]
    },
  )
  return withStream(results, 'limited', results.sides.limited) as unknown as RateLimited<V, K>
}

/** How many of the sorted times lie in one stretch that long. */
function mostWithin(times: readonly number[], perMs: number): number {
  let most = 0
  for (let from = 0, to = 0; to < times.length; to++) {
    while (times[to]! - times[from]! >= perMs) from++
    most = Math.max(most, to - from + 1)
  }
  return most
}
