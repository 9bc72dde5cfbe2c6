import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { AggregateNode, Aggregator } from '../../plan/graph.ts'
import { KeyTable } from '../../state/key-table.ts'
import { columnsOf } from './columns.ts'

const field = 'x'
const mergeable: readonly Aggregator[] = [
  { kind: 'count' },
  { kind: 'sum', field },
  { kind: 'avg', field },
  { kind: 'min', field },
  { kind: 'max', field },
  { kind: 'countDistinct', field },
  { kind: 'quantile', field, q: 0.5, relativeAccuracy: 0.01 },
] as Aggregator[]

function columnOf(aggregator: Aggregator) {
  return columnsOf({ columns: [{ name: 'c', aggregator }] } as unknown as AggregateNode)[0]!
}

/** A table with one row per key, each with one column that has taken the values. */
class Rows {
  readonly column: ReturnType<typeof columnOf>
  readonly table: KeyTable
  constructor(aggregator: Aggregator) {
    this.column = columnOf(aggregator)
    const { object, initial } = this.column
    this.table = new KeyTable({
      columns: initial.length,
      initial: Float64Array.from(initial),
      seed: 1,
      objects: object === undefined ? [] : [{ column: 0, initial: () => object.initial() }],
    })
  }

  row(key: string, values: readonly number[] = []): number {
    const { table, column } = this
    const bytes = Buffer.from(key)
    const row = table.upsert(bytes, 0, bytes.length)
    for (const value of values) {
      if (column.updateObject === undefined) column.update(table.f64, row, value)
      else {
        const place = table.f64[row]!
        table.objects[place] = column.updateObject(table.objects[place], value, undefined)
      }
    }
    return row
  }

  result(key: string): unknown {
    const row = this.row(key)
    return this.column.result(this.table.f64, row, this.table.objects)
  }
}

const values = fc.array(fc.integer({ min: -1000, max: 1000 }), { maxLength: 30 })

for (const aggregator of mergeable) {
  describe(`the column ${aggregator.kind}`, () => {
    it('merges parts into what the whole gives, and leaves the parts as they were', () => {
      fc.assert(
        fc.property(fc.array(values, { minLength: 1, maxLength: 5 }), parts => {
          const rows = new Rows(aggregator)
          rows.row('whole', parts.flat())
          for (const [i, part] of parts.entries()) rows.row(`part ${i}`, part)
          const before = parts.map((_, i) => rows.result(`part ${i}`))
          const merged = rows.row('merged')
          for (const i of parts.keys())
            rows.column.merge!(rows.table, merged, rows.table, rows.row(`part ${i}`))
          assert.deepEqual(rows.result('merged'), rows.result('whole'))
          // What comes into the merged row later is none of the parts' business.
          rows.row('merged', [7, 8, 9])
          assert.deepEqual(
            parts.map((_, i) => rows.result(`part ${i}`)),
            before,
          )
        }),
      )
    })

    it('takes away what it merged, or says that it cannot', () => {
      fc.assert(
        fc.property(values, values, (stays, goes) => {
          const rows = new Rows(aggregator)
          rows.row('stays', stays)
          const merged = rows.row('merged', stays)
          const going = rows.row('goes', goes)
          rows.column.merge!(rows.table, merged, rows.table, going)
          const isTaken = rows.column.subtract?.(rows.table, merged, rows.table, going) ?? false
          assert.equal(isTaken, ['count', 'sum', 'avg'].includes(aggregator.kind))
          if (isTaken) assert.deepEqual(rows.result('merged'), rows.result('stays'))
        }),
      )
    })
  })
}

describe('a sum that was infinite', () => {
  it('cannot be taken away from: what was in it is lost', () => {
    for (const kind of ['sum', 'avg']) {
      const rows = new Rows({ kind, field } as Aggregator)
      const merged = rows.row('merged', [1])
      const huge = rows.row('huge', [Number.MAX_VALUE, Number.MAX_VALUE])
      rows.column.merge!(rows.table, merged, rows.table, huge)
      assert.equal(rows.column.subtract!(rows.table, merged, rows.table, huge), false)
    }
  })
})

describe('columns that mind the order of the records', () => {
  it('have no merge', () => {
    for (const kind of ['first', 'last', 'collect'])
      assert.equal(columnOf({ kind, field, max: 3 } as Aggregator).merge, undefined)
    const custom = { kind: 'custom', init: () => 0, add: (n: number) => n + 1, version: 1 } as Aggregator
    assert.equal(columnOf(custom).merge, undefined)
  })
})
