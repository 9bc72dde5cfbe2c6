import { out } from '../../plan/out.ts'
import type { StreamRecord } from '../../plan/record.ts'

/**
 * The value of every random stream. Members may be missing or of another type, for inputs are random too;
 * numbers are integers, so that sums do not depend on their order.
 */
export interface Hit {
  readonly id: number
  readonly user?: string | null
  readonly page?: string
  readonly ms?: number | null
  readonly at?: number
  readonly pad?: string
}

type Predicate = (v: Hit, r: StreamRecord) => boolean

/** Callbacks by name, so that a failing pipeline is printed by what it does. */
export const predicates = {
  slow: v => v.ms! > 20,
  odd: v => v.id % 2 === 1,
  named: v => v.user !== 'b',
  byKey: (_, r) => r.key !== 'a',
  throwing: v => {
    if (v.ms === 13) throw new Error('13 is refused')
    return true
  },
} satisfies Record<string, Predicate>
export type PredicateName = keyof typeof predicates

export const maps = {
  doubled: (v: Hit): Hit => ({ ...v, ms: typeof v.ms === 'number' ? v.ms * 2 : v.ms }),
  narrow: ({ id, user, ms }: Hit): Hit => ({ id, user, ms, page: `p${id % 3}` }),
  undefinedAtTimes: (v: Hit): Hit => (v.id % 7 === 3 ? (undefined as never) : v),
  swapped: (v: Hit): Hit => ({ ...v, user: v.page, page: String(v.user) }),
  withHeaders: (v: Hit) => out(v, { headers: { seen: 'yes' } }),
}
export type MapName = keyof typeof maps

/** Some say nothing, some an earlier time than another before, and some one that no record has reached. */
export const sayTime = (v: Hit, t: number) =>
  v?.id % 3 === 1 ? undefined : t + 300 - ((v?.id ?? 0) % 4) * 700
/** Sets another event time: between a window and the next one only with a keyBy behind it (see `Certainties`). */
export const earlier = (v: Hit, r: StreamRecord) => out(v, { timestamp: r.timestamp - (v.id % 5) * 1_000 })

export const flatMaps = {
  twice: (v: Hit): Hit[] => [v, { ...v, id: -v.id, ms: 1 }],
  someOrNone: (v: Hit): Hit[] => (v.id % 3 === 0 ? [] : [v]),
  throwing: (v: Hit): Hit[] => {
    if (v.page === 'boom') throw new Error('boom is refused')
    return [v]
  },
}
export type FlatMapName = keyof typeof flatMaps

/** The row of a closed window as a hit, for the steps behind it. */
export function hitOfRow(row: Readonly<Record<string, unknown>>): Hit {
  const n = Number(row.n)
  return { id: n, user: String(row.key), page: `w${n % 3}`, ms: row.total as number }
}
