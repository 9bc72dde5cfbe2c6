import type { KeyedStream, Stream } from '../../stream/stream.ts'
import type { Hit } from './hit.ts'

/** A join of two streams as data. */
export interface JoinRecipe {
  readonly how: 'join' | 'leftJoin' | 'outerJoin'
  readonly beforeMs: number
  readonly afterMs: number
  readonly graceMs: number
  /** What it gives is joined with the left stream again. */
  readonly again: boolean
  readonly lateTo: boolean
}

type KeyedHits = KeyedStream<Hit, unknown>

/** The results of a join, and the late records of it and of what is joined again. */
export function joined(
  left: KeyedHits,
  right: KeyedHits,
  name: string,
  recipe: JoinRecipe,
): { out: KeyedHits; late: Stream<unknown, unknown>[] } {
  const { how, beforeMs, afterMs, graceMs, again } = recipe
  const interval = { before: beforeMs, after: afterMs, grace: graceMs }
  const pairs = left[how as 'outerJoin'](name, right, interval, hitOfPair)
  if (!again) return { out: pairs.byKey() as KeyedHits, late: [pairs.late] }
  const triples = (pairs.byKey() as KeyedHits).join(
    `${name}-again`,
    left,
    { before: afterMs, after: 1_500 },
    hitOfPair,
  )
  return { out: triples.byKey() as KeyedHits, late: [pairs.late, triples.late] }
}

/** Shows whose result it is; either side may be missing, and may be anything that JSON can say. */
function hitOfPair(left: Hit | null | undefined, right: Hit | null | undefined): Hit {
  const numberOf = (x: unknown) => (typeof x === 'number' ? x : 0)
  const side = left === undefined ? 'right' : right === undefined ? 'left' : 'both'
  return {
    id: (numberOf(left?.id) * 31 + numberOf(right?.id)) % 10_007,
    user: left?.user ?? right?.user,
    page: side,
    ms: numberOf(left?.ms) + numberOf(right?.ms),
  }
}
