import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  afterCount,
  count,
  countDistinct,
  custom,
  json,
  last,
  pipeline,
  sum,
  topic,
  tumbling,
} from '../index.ts'
import { testDriver } from '../testing.ts'
import { describeModes } from './testkit/modes.ts'
import { assertOperator, type Tick } from './testkit/operator-property.ts'
import { type View, view } from './testkit/views.ts'

const columns = {
  records: count(),
  total: sum<Tick>('n'),
  kinds: countDistinct<Tick>('n'),
  newest: last<Tick, 'n'>('n'),
  all: custom<Tick, number[]>({
    init: () => [],
    add: (list, { n }) => [...list, n],
    version: 1,
  }),
}

function rowOf(input: readonly Tick[]) {
  const all = input.map(({ n }) => n)
  const total = all.reduce((a, b) => a + b, 0)
  return { records: all.length, total, kinds: new Set(all).size, newest: all.at(-1), all }
}

const views = topic('views-by-url', { value: json<View>(), key: 'url', timestamp: 'at' })
const rows = topic('rows', { value: json<{ n: number }>() })

describe('rows after so many records, under every way of feeding', () => {
  for (const records of [1, 3]) {
    it(`[4.2] go out with every one in ${records}`, () =>
      assertOperator(
        keyed => keyed.aggregate('rows', columns).emit(afterCount(records)),
        input => input.flatMap((_, i) => ((i + 1) % records === 0 ? [rowOf(input.slice(0, i + 1))] : [])),
      ))

    it(`[4.2] begin again with every one in ${records}`, () =>
      assertOperator(
        keyed => keyed.aggregate('rows', columns).emit(afterCount(records, { reset: true })),
        input =>
          input.flatMap((_, i) =>
            (i + 1) % records === 0 ? [rowOf(input.slice(i + 1 - records, i + 1))] : [],
          ),
      ))
  }
})

describeModes('rows after so many records', mode => {
  it('[5.8] have the key of the table and the latest time of what they are made of', async () => {
    const counted = pipeline('counted', p =>
      p
        .from(views)
        .byKey()
        .aggregate('counts', { n: count() })
        .emit(afterCount(2, { reset: true }))
        .to(rows),
    )
    await using driver = await testDriver([counted], { mode })
    const { send } = driver.input(views)
    for (const ms of [50, 20, 10, 5]) await send(view('/', ms))
    const told = await driver.output(rows).read()
    assert.deepEqual(
      told.map(({ key, value, timestamp }) => [key, value, timestamp - view('/', 0).at]),
      [
        ['/', { n: 2 }, 50],
        ['/', { n: 2 }, 10],
      ],
    )
    assert.deepEqual(await driver.table('counts').get('/'), { n: 0 })
  })
})

describe('rows after so many records are refused', () => {
  const build = (make: (keyed: any) => unknown) =>
    pipeline('p', p => {
      make(p.from(views).byKey())
    })
  const reset = afterCount(2, { reset: true })

  it('for windows', () =>
    assert.throws(
      () => build(keyed => keyed.window(tumbling('1m')).aggregate('n', { n: count() }).emit(afterCount(2))),
      /leave the window out/,
    ))

  it('where they begin again and something else reads on', () => {
    const twice = (first: unknown, second: unknown) =>
      build(keyed => {
        const table = keyed.aggregate('n', { n: count() })
        table.emit(first)
        table.emit(second)
      })
    assert.throws(() => twice('updates', reset), /make another aggregate/)
    assert.throws(() => twice(reset, afterCount(3)), /make another aggregate/)
    assert.throws(
      () =>
        build(keyed => {
          const table = keyed.aggregate('n', { n: count() })
          table.emit(reset)
          table.filter('some', () => true)
        }),
      /make another aggregate/,
    )
    assert.doesNotThrow(() => twice('updates', afterCount(3)))
  })

  it('where they begin again and are of groups', () =>
    assert.throws(
      () =>
        pipeline('p', p => {
          const table: any = p.table(views)
          table.groupBy('by-ms', 'ms').aggregate('n', { n: count() }).emit(reset)
        }),
      /leave reset out/,
    ))
})
