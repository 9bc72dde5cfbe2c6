import type { Aggregator, CustomAggregator, FieldOrFn } from '../plan/graph.ts'

/** A row that came to a group, or one that left it. */
export interface Membership {
  readonly row: any
  readonly isThere: boolean
}

type Value = (row: any, record: any) => unknown

/**
 * An aggregator over the rows of a group as they come and go: what one adds, its leaving takes back. Undefined for those that cannot
 * take anything back.
 */
export function retracting(aggregator: Aggregator): Aggregator | undefined {
  switch (aggregator.kind) {
    case 'count': {
      const { where } = aggregator
      const isCounted = (row: any, record: any) => where === undefined || where(row, record)
      return custom({
        init: () => 0,
        add: (n: number, { row, isThere }: Membership, record) =>
          isCounted(row, record) ? n + (isThere ? 1 : -1) : n,
      })
    }
    case 'sum':
      return custom({
        init: () => 0,
        add: (total: number, member: Membership, record) =>
          total + (numberOf(aggregator.field, member, record) ?? 0),
      })
    case 'avg':
      return custom({
        init: () => ({ n: 0, total: 0 }),
        add({ n, total }: { n: number; total: number }, member: Membership, record) {
          const x = numberOf(aggregator.field, member, record)
          return x === undefined ? { n, total } : { n: n + (member.isThere ? 1 : -1), total: total + x }
        },
        result: ({ n, total }: { n: number; total: number }) => (n === 0 ? null : total / n),
      })
    case 'custom': {
      const { add, remove } = aggregator
      if (remove === undefined) return undefined
      return {
        ...aggregator,
        add: (state, { row, isThere }: Membership, record) => (isThere ? add : remove)(state, row, record),
      }
    }
    default:
      return undefined
  }
}

function custom(aggregator: Omit<CustomAggregator, 'kind' | 'version'>): CustomAggregator {
  return { kind: 'custom', version: 1, ...aggregator }
}

/** A number with the sign of its coming or going; undefined where there is none. */
function numberOf(field: FieldOrFn, { row, isThere }: Membership, record: unknown): number | undefined {
  const value = typeof field === 'string' ? row[field] : (field as Value)(row, record)
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw new TypeError(
      `A sum needs numbers and got ${typeof value === 'number' ? value : `a ${typeof value}`}`,
    )
  return isThere ? value : -value
}
