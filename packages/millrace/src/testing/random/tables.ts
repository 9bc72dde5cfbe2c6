import { count, custom, sum } from '../../stream/aggregates.ts'
import type { KeyedStream, Stream } from '../../stream/stream.ts'
import type { Table } from '../../stream/table.ts'
import type { Hit } from './hit.ts'

/** What is made of a table, as data. */
export interface TablesRecipe {
  /** Of the rows themselves, where one task reads them in one order; the table of an aggregate otherwise. */
  readonly ttlMs: number | null
  readonly how: 'join' | 'leftJoin' | 'outerJoin'
  readonly foreign: 'joinForeign' | 'leftJoinForeign'
  /** What its rows refer to: groups of them, or one another. */
  readonly refersTo: 'groups' | 'itself'
  readonly lookUp: 'join' | 'leftJoin' | 'none'
  /** Rows of the join in groups. */
  readonly again: boolean
}

interface Shape {
  readonly n: number
}
type Shapes = Table<Shape, any>

/**
 * Everything that tables give, fed one into the next: rows that match, joins, groups, and a join by a foreign key where `refers` allows
 * that rows are found by their keys. Calls `write` with the changes of each.
 */
export function tablesOf(
  base: Table<any, any>,
  name: string,
  recipe: TablesRecipe,
  refers: boolean,
  write: (changes: Stream<any, any>) => void,
): Shapes {
  const { how, foreign, refersTo, again } = recipe
  const shapes: Shapes = base.map(`${name}-shapes`, row => ({ n: numberOf(row) }))
  const odd = shapes.filter(`${name}-odd`, ({ n }) => n % 2 === 1)
  const joined: Shapes = shapes[how as 'outerJoin'](`${name}-joined`, odd, (a, b) =>
    a !== undefined && a.n % 5 === 4 ? null : { n: (a?.n ?? 7) * 3 + (b?.n ?? 0) },
  ) as never
  const groups = (again ? joined : shapes)
    .groupBy(`${name}-groups`, ({ n }) => `g${n % 3}`)
    .aggregate(`${name}-per-group`, {
      rows: count(),
      large: count(({ n }) => n > 20),
      n: sum('n'),
      bits: custom<Shape, number>({
        init: () => 0,
        add: (bits, { n }) => bits ^ n,
        remove: (bits, { n }) => bits ^ n,
        version: 1,
      }),
    })
  for (const table of [odd, joined, groups]) write(table.emit('updates'))
  if (refers) {
    const right = (refersTo === 'groups' ? groups : shapes) as Shapes
    // A reference has to be of the type that the keys of the other table are of.
    const other = (n: number, key: unknown) => (typeof key === 'number' ? n % 4 : 'abc'[n % 3]!)
    const key = ({ n }: Shape, record: { readonly key: unknown }) =>
      n % 7 === 6 ? null : refersTo === 'groups' ? `g${(n + 1) % 3}` : other(n, record.key)
    const made = shapes[foreign as 'leftJoinForeign'](`${name}-foreign`, right, { key }, (row, other) => ({
      n: row.n * 100 + ((other as Shape | undefined)?.n ?? 99),
    }))
    write(made.emit('updates'))
    write(made.filter(`${name}-foreign-odd`, ({ n }) => n % 2 === 1).emit('updates'))
  }
  return odd
}

/** Each record with the row of its key, as it is then. */
export function lookedUp(
  keyed: KeyedStream<Hit, any>,
  table: Shapes,
  how: 'join' | 'leftJoin',
): Stream<Hit, any> {
  return keyed[how as 'leftJoin'](table, (hit, row): Hit => ({ ...hit, ms: row?.n ?? -1 }))
}

function numberOf(row: { readonly n?: unknown; readonly ms?: unknown } | null): number {
  const given = row?.n ?? row?.ms
  return typeof given === 'number' ? Math.abs(given) % 1_000 : 5
}
