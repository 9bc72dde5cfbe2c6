import { PlanError } from '../../plan/plan-error.ts'
import { state } from '../process.ts'
import type { KeyedStream } from '../stream.ts'
import { type FieldOf, fieldFn } from './field.ts'

export interface TopNOptions<V, K> {
  /** What records are ranked by, the largest first. One for which it gives no number is not ranked. */
  readonly by: FieldOf<V, K, number | null | undefined>
  /** Of records for which this is the same only the last counts; by default all do. */
  readonly unique?: FieldOf<V, K, unknown>
}

interface Ranked {
  readonly rank: number
  readonly id: string | null
  readonly value: any
}

/** The `n` records of each key with the largest ranks, whenever they change. */
export function topN<V, K>(
  stream: KeyedStream<V, K>,
  name: string,
  n: number,
  { by, unique }: TopNOptions<V, K>,
): KeyedStream<readonly V[], K> {
  if (!(Number.isSafeInteger(n) && n > 0))
    throw new PlanError({ step: name }, `n is ${n}`, 'give a whole number from 1')
  const rankOf = fieldFn(by)
  const idOf = unique === undefined ? undefined : fieldFn(unique)
  return stream.process(
    name,
    { state: { top: state.value<readonly Ranked[]>() } },
    (value, { state: { top }, record }) => {
      const rank = rankOf(value, record)
      if (typeof rank !== 'number' || !Number.isFinite(rank)) return
      const id = idOf === undefined ? null : (JSON.stringify(idOf(value, record)) ?? 'undefined')
      const before = (top.get() ?? []) as readonly Ranked[]
      const others = id === null ? before : before.filter(each => each.id !== id)
      // Of equal ranks the one that came first stays in front.
      const at = others.findIndex(each => each.rank < rank)
      const place = at < 0 ? others.length : at
      const after = [...others.slice(0, place), { rank, id, value }, ...others.slice(place)].slice(0, n)
      if (after.length === before.length && after.every((each, i) => each === before[i])) return
      top.set(after)
      return [after.map(each => each.value as V)]
    },
  ) as unknown as KeyedStream<readonly V[], K>
}
