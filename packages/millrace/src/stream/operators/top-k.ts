import { PlanError } from '../../plan/plan-error.ts'
import type { MapStateKey } from '../../plan/process.ts'
import { type Duration, toMs } from '../../std/duration.ts'
import { state } from '../process.ts'
import type { KeyedStream } from '../stream.ts'
import { type FieldOf, fieldFn } from './field.ts'

export interface TopKOptions<V, K> {
  /** What is counted. */
  readonly by: FieldOf<V, K, MapStateKey>
  /** So many items are kept count of for each key, 10 × k by default: the more, the smaller the errors. */
  readonly capacity?: number
  /** Results come at multiples of this event time at which something was counted; 1 s by default. */
  readonly every?: Duration
}

/** An item with its estimated count: the true one is at most `count`, and at least `count - error`. */
export interface HeavyHitter {
  readonly item: MapStateKey
  readonly count: number
  readonly error: number
}

/**
 * The `k` most frequent items of each key, by a sketch of fixed size (space-saving): an item that makes up more than
 * 1 / `capacity` of the records is among those kept.
 */
export function topK<V, K>(
  stream: KeyedStream<V, K>,
  name: string,
  k: number,
  { by, capacity = 10 * k, every = '1s' }: TopKOptions<V, K>,
): KeyedStream<readonly HeavyHitter[], K> {
  const everyMs = toMs(every, `topK "${name}", every`)
  if (!(Number.isSafeInteger(k) && k > 0 && Number.isSafeInteger(capacity) && capacity >= k && everyMs > 0))
    throw new PlanError(
      { step: name },
      `k is ${k}, capacity ${capacity}, every ${everyMs} ms`,
      'give whole numbers from 1, with a capacity of at least k',
    )
  const itemOf = fieldFn(by)
  return stream.process(
    name,
    {
      state: { counts: state.map<MapStateKey, { count: number; error: number }>() },
      onTimer({ state: { counts } }) {
        const items = [...counts].map(([item, counted]) => ({ item, ...counted }))
        // The order of equal counts is that in which their items came.
        return [items.sort((a, b) => b.count - a.count).slice(0, k)]
      },
    },
    (value, { state: { counts }, record, timestamp, timers }) => {
      const item = itemOf(value, record)
      const known = counts.get(item)
      if (known !== undefined) counts.set(item, { ...known, count: known.count + 1 })
      else if (counts.size < capacity) counts.set(item, { count: 1, error: 0 })
      else {
        const [smallest, { count }] = smallestOf(counts)
        counts.delete(smallest)
        counts.set(item, { count: count + 1, error: count })
      }
      const due = (Math.floor(timestamp / everyMs) + 1) * everyMs
      if (timers.get() === undefined || due < timers.get()!) timers.at(due)
    },
  ) as unknown as KeyedStream<readonly HeavyHitter[], K>
}

function smallestOf(
  counts: Iterable<[MapStateKey, { readonly count: number }]>,
): [MapStateKey, { readonly count: number }] {
  let smallest: [MapStateKey, { readonly count: number }] | undefined
  for (const each of counts) if (smallest === undefined || each[1].count < smallest[1].count) smallest = each
  return smallest!
}
