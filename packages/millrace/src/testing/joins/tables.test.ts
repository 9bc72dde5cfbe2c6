import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  avg,
  count,
  custom,
  json,
  max,
  type PipelineBuilder,
  pipeline,
  sum,
  type Table,
  type Topic,
  topic,
} from '../../index.ts'
import { testDriver, verifyOperator } from '../../testing.ts'
import { describeModes } from '../testkit/modes.ts'

interface Item {
  readonly n: number
}
type Shown = readonly [key: string, row: unknown]

const a = topic('a', { value: json<Item>() })
const b = topic('b', { value: json<Item>() })
const c = topic('c', { value: json<Item>() })
const changes = topic<Shown, any, any>('changes', { value: json<any>() })
const all = { a, b, c }
const t0 = 1_700_000_000_000

/** What is sent: the table, the key, and its number or null. Each comes 10 ms after the one before. */
type Sent = readonly [table: keyof typeof all, key: string, n: number | null]

/** The changes of a table as `[key, row]`, null where a row is gone. */
function shown(name: string, build: (p: PipelineBuilder) => Table<any, any>) {
  return pipeline(name, p => {
    build(p)
      .emit('updates')
      .map((row, record) => [record.key, row] as const)
      .to(changes)
  })
}

async function gives(tested: ReturnType<typeof shown>, input: readonly Sent[], expected: readonly Shown[]) {
  await verifyOperator<any, Shown>(tested, {
    input: input.map(([, , n]) => (n === null ? null : { n })),
    expected,
    ordered: true,
    inputTopic: (_, i) => all[input[i]![0]] as Topic,
    each: (_, i) => ({ key: input[i]![1], timestamp: t0 + i * 10 }),
  })
}

describe('a table', () => {
  it('of a topic has the latest value of each key, and a null value deletes what is there', () =>
    gives(
      shown('topic', p => p.table(a)),
      [
        ['a', 'x', 1],
        ['a', 'y', 2],
        ['a', 'x', 3],
        ['a', 'z', null],
        ['a', 'x', null],
        ['a', 'x', null],
        ['a', 'x', 4],
      ],
      [
        ['x', { n: 1 }],
        ['y', { n: 2 }],
        ['x', { n: 3 }],
        ['x', null],
        ['x', { n: 4 }],
      ],
    ))

  it('of a stream has its latest value', () =>
    gives(
      shown('stream', p =>
        p
          .from(a, { nulls: true })
          .keyBy('by-parity', (v, r) => (v === null ? r.key! : v.n % 2 === 0 ? 'even' : 'odd'))
          .toTable('latest'),
      ),
      [
        ['a', 'x', 1],
        ['a', 'x', 2],
        ['a', 'x', 3],
        ['a', 'odd', null],
        ['a', 'none', null],
      ],
      [
        ['odd', { n: 1 }],
        ['even', { n: 2 }],
        ['odd', { n: 3 }],
        ['odd', null],
      ],
    ))

  it('filtered has the rows that match: one that stops matching is deleted, one that never did was never there', () =>
    gives(
      shown('filtered', p => p.table(a).filter('large', row => row.n > 10)),
      [
        ['a', 'x', 1],
        ['a', 'x', 20],
        ['a', 'x', 2],
        ['a', 'x', 3],
        ['a', 'y', 30],
        ['a', 'y', null],
      ],
      [
        ['x', { n: 20 }],
        ['x', null],
        ['y', { n: 30 }],
        ['y', null],
      ],
    ))

  it('mapped has a row of each, and none where the callback gives null', () =>
    gives(
      shown('mapped', p => p.table(a).map('half', ({ n }) => (n % 2 === 0 ? { half: n / 2 } : null))),
      [
        ['a', 'x', 1],
        ['a', 'x', 4],
        ['a', 'x', 5],
        ['a', 'x', 6],
        ['a', 'x', null],
      ],
      [
        ['x', { half: 2 }],
        ['x', null],
        ['x', { half: 3 }],
        ['x', null],
      ],
    ))

  it('of an aggregate can be filtered and joined like any other', () =>
    gives(
      shown('aggregate', p =>
        p
          .from(a)
          .byKey()
          .aggregate('sums', { n: count(), total: sum('n') })
          .filter('several', row => row.n > 1)
          .join('both', p.table(b), (sums, other) => sums.total + other.n),
      ),
      [
        ['a', 'x', 1],
        ['b', 'x', 100],
        ['a', 'x', 2],
        ['b', 'x', 200],
        ['b', 'x', null],
      ],
      [
        ['x', 103],
        ['x', 203],
        ['x', null],
      ],
    ))
})

describe('the rows of a table in groups', () => {
  it('are taken back from their group when they change or go', () =>
    gives(
      shown('groups', p =>
        p
          .table(a)
          .groupBy('by-parity', ({ n }) => (n % 2 === 0 ? 'even' : 'odd'))
          .aggregate('groups', {
            rows: count(),
            large: count(row => row.n > 10),
            total: sum('n'),
            mean: avg('n'),
            bits: custom({
              init: () => 0,
              add: (bits: number, row) => bits ^ row.n,
              remove: (bits: number, row) => bits ^ row.n,
              version: 1,
            }),
          })
          .map('list', ({ rows, large, total, mean, bits }) => [rows, large, total, mean, bits]),
      ),
      [
        ['a', 'x', 2],
        ['a', 'y', 14],
        ['a', 'x', 3],
        ['a', 'x', 7],
        ['a', 'y', null],
      ],
      [
        ['even', [1, 0, 2, 2, 2]],
        ['even', [2, 1, 16, 8, 12]],
        ['even', [1, 1, 14, 14, 14]],
        ['odd', [1, 0, 3, 3, 3]],
        ['odd', [0, 0, 0, null, 0]],
        ['odd', [1, 0, 7, 7, 7]],
        ['even', [0, 0, 0, null, 0]],
      ],
    ))

  it('may be those of an aggregate', () =>
    gives(
      shown('levels', p =>
        p
          .from(a)
          .byKey()
          .aggregate('per-key', { n: count() })
          .groupBy('by-count', row => String(row.n))
          .aggregate('levels', { keys: count() })
          .map('list', ({ keys }) => keys),
      ),
      [
        ['a', 'x', 1],
        ['a', 'y', 1],
        ['a', 'x', 1],
      ],
      [
        ['1', 1],
        ['1', 2],
        ['1', 1],
        ['2', 1],
      ],
    ))
})

describe('a join of several tables in one step', () => {
  it('has a row where all required ones have one, with what the optional ones have', () =>
    gives(
      shown('three', p =>
        p.join(
          'three',
          { a: p.table(a), b: p.table(b), c: p.table(c) },
          rows => [rows.a.n, rows.b.n, rows.c?.n ?? '-'],
          { optional: ['c'] },
        ),
      ),
      [
        ['a', 'x', 1],
        ['c', 'x', 3],
        ['b', 'x', 2],
        ['c', 'x', null],
        ['a', 'x', 4],
        ['b', 'x', null],
        ['c', 'x', 5],
        ['b', 'x', 6],
      ],
      [
        ['x', [1, 2, 3]],
        ['x', [1, 2, '-']],
        ['x', [4, 2, '-']],
        ['x', null],
        ['x', [4, 6, 5]],
      ],
    ))
})

describeModes('the changes of a table', mode => {
  it('[5.8] carry the latest time of the rows they are made of', async () => {
    const tested = shown('times', p => p.table(a).join('both', p.table(b), (x, y) => x.n + y.n))
    await using driver = await testDriver([tested], { mode })
    await driver.input(a).send({ n: 1 }, { key: 'x', timestamp: t0 + 500 })
    await driver.input(b).send({ n: 2 }, { key: 'x', timestamp: t0 + 100 })
    await driver.input(b).send({ n: 3 }, { key: 'x', timestamp: t0 + 900 })
    const times = (await driver.output(changes).read()).map(({ timestamp }) => timestamp - t0)
    assert.deepEqual(times, [500, 900])
  })

  it('[7.1] a callback that throws leaves the row as it was', async () => {
    const tested = pipeline('throws', { maxFailureRate: 1 }, p => {
      const table = p.table(a).map('checked', row => {
        if (row.n < 0) throw new RangeError('negative')
        return row.n === 7 ? (undefined as never) : row.n
      })
      table
        .emit('updates')
        .map((row, r) => [r.key, row] as const)
        .to(changes)
    })
    await using driver = await testDriver([tested], { mode })
    for (const n of [1, -1, 7]) await driver.input(a).send({ n }, { key: 'x', timestamp: t0 })
    assert.equal(await driver.table('checked').get('x'), 1)
    const failed = await driver.sideStream('failed').read()
    assert.deepEqual(
      failed.map(({ reason }) => reason),
      ['callback', 'undefined'],
    )
  })
})

describe('a plan with tables', () => {
  it('refuses a table without a name, a join of one, and optional tables that are none', () => {
    const refuses = (build: (p: any) => void, message: RegExp) =>
      assert.throws(() => pipeline('refused', build), message)
    refuses(p => p.table(a).filter((row: Item) => row.n), /no name for its store.*filter\('name'/)
    refuses(p => p.join('one', { a: p.table(a) }, () => 1), /fewer than two tables/)
    refuses(
      p => p.join('two', { a: p.table(a), b: p.table(b) }, () => 1, { optional: ['c'] }),
      /"c", which is none of its tables/,
    )
    refuses(
      p =>
        p
          .table(a)
          .groupBy('g', 'n')
          .aggregate('max', { max: max('n') }),
      /"max" cannot take back a row/,
    )
    refuses(p => p.table(a).emit('final'), /cannot emit "final"/)
  })
})
