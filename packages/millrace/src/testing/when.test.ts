import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  count,
  countWindow,
  hopping,
  json,
  pipeline,
  session,
  sliding,
  sum,
  topic,
  tumbling,
  when,
} from '../index.ts'
import { testDriver } from '../testing.ts'
import { describeModes } from './testkit/modes.ts'
import { assertOperator, type Tick, t0 } from './testkit/operator-property.ts'
import { type View, view } from './testkit/views.ts'

const columns = { n: count(), total: sum<Tick>('n') }

function rowOf(input: readonly Tick[]) {
  return { n: input.length, total: input.reduce((total, { n }) => total + n, 0) }
}

interface Row {
  readonly n: number
  readonly key: string
  readonly start: number
  readonly end: number
}
const views = topic('views-by-url', { value: json<View>(), key: 'url', timestamp: 'at' })
const alarms = topic('alarms', { value: json<Row>() })
const finals = topic('finals', { value: json<Row>() })
const at = (ms: number, url = '/') => ({ ...view(url, 0), at: t0 + ms })

describe('rows when a condition holds, under every way of feeding', () => {
  it('[4.2] go out once for each key', () =>
    assertOperator(
      keyed => keyed.aggregate('rows', columns).emit(when(row => row.n >= 3)),
      input => (input.length < 3 ? [] : [rowOf(input.slice(0, 3))]),
    ))

  it('[4.2] go out each time again after the condition did not hold', () =>
    assertOperator(
      keyed => keyed.aggregate('rows', columns).emit(when(row => row.total % 2 === 1, { again: true })),
      input => {
        const rows = input.map((_, i) => rowOf(input.slice(0, i + 1)))
        const holds = (row: { total: number } | undefined) => row !== undefined && row.total % 2 === 1
        return rows.filter((row, i) => holds(row) && !holds(rows[i - 1]))
      },
    ))

  it('[4.2] go out once for each key and window', () =>
    assertOperator(
      keyed =>
        keyed
          .window(tumbling('10s', { grace: '5s' }))
          .aggregate('rows', columns)
          .emit(when(row => row.n >= 2 && row.end - row.start === 10_000))
          .map(({ n, total, start }) => ({ n, total, start: start - t0 })),
      input => {
        const windows = new Map<number, Tick[]>()
        return input.flatMap(({ watermark, ...tick }) => {
          const start = Math.floor(tick.at / 10_000) * 10_000
          if (start + 15_000 <= watermark) return []
          const ticks = [...(windows.get(start) ?? []), tick]
          windows.set(start, ticks)
          return ticks.length === 2 ? [{ ...rowOf(ticks), start }] : []
        })
      },
    ))
})

describeModes('rows when a condition holds', mode => {
  it('[5.8] have the plain key and the latest time of what they are made of, beside the final rows', async () => {
    const watched = pipeline('watched', p => {
      const table = p
        .from(views)
        .byKey()
        .window(hopping('20s', { advance: '10s', grace: '1m' }))
        .aggregate('counts', { n: count() })
      table.emit(when(({ n }) => n >= 2)).to(alarms)
      table.emit('final').to(finals)
    })
    await using driver = await testDriver([watched], { mode })
    const { send } = driver.input(views)
    for (const ms of [12_000, 15_000, 1_000]) {
      await send(at(ms))
      await driver.crash()
    }
    const read = await driver.output(alarms).readAll()
    assert.deepEqual(
      read.map(({ key, value, timestamp }) => [key, value!.n, value!.start - t0, timestamp - t0]),
      [
        ['/', 2, 10_000, 15_000],
        ['/', 2, 0, 15_000],
      ],
    )
    await driver.finish()
    assert.deepEqual(
      (await driver.output(finals).values()).map(({ n, start }) => [start - t0, n]),
      [
        [-10_000, 1],
        [0, 3],
        [10_000, 2],
      ],
    )
  })

  it('[3.2] a window behind them loses none', async () => {
    const watched = pipeline('watched', p => {
      p.from(views)
        .byKey()
        .window(tumbling('10s', { grace: '1m' }))
        .aggregate('counts', { n: count() })
        .emit(when(({ n }) => n >= 2))
        .keyBy('all', () => 'all')
        .window(tumbling('1m', { grace: '1m' }))
        .aggregate('alarms', { n: count() })
        .emit('final')
        .to(finals)
    })
    await using driver = await testDriver([watched], { mode })
    for (const ms of [1_000, 2_000, 50_000, 3_000, 55_000, 130_000]) await driver.input(views).send(at(ms))
    await driver.finish()
    assert.deepEqual(
      (await driver.output(finals).values()).map(({ n, start }) => [start - t0, n]),
      [[0, 2]],
    )
  })

  it('a predicate that throws sends a null to .failed, keeps the record, and is asked again', async () => {
    const watched = pipeline('watched', { maxFailureRate: 1 }, p => {
      p.from(views)
        .byKey()
        .aggregate('counts', { n: count() })
        .emit(
          when(({ n }) => {
            if (n === 2) throw new Error('two')
            return n > 1
          }),
        )
        .to(alarms as never)
    })
    await using driver = await testDriver([watched], { mode })
    for (const ms of [0, 1, 2, 3]) await driver.input(views).send(at(ms))
    assert.deepEqual(await driver.output(alarms).values(), [{ n: 3 }])
    assert.deepEqual(
      (await driver.sideStream('failed').read()).map(({ step, key, value }) => [step, key, value]),
      [['counts', '/', 'null']],
    )
  })
})

describe('rows when a condition holds', () => {
  const build = (make: (keyed: any) => unknown) => () =>
    pipeline('p', p => {
      make(p.from(views).byKey())
    })
  const full = when<{ n: number }>(({ n }) => n > 1)

  it('show in describe', async () => {
    const built = pipeline('p', p => {
      const table = p.from(views).byKey().aggregate('n', { n: count() })
      table.emit(full).to(alarms as never)
      table.emit(when(({ n }) => n > 1, { again: true })).to(finals as never)
    })
    await using driver = await testDriver([built])
    assert.match(driver.describe(), /when its row fits, once/)
    assert.match(driver.describe(), /when its row fits, each time again/)
  })

  it('are refused where rows are put together, are none of an aggregate, or begin again', () => {
    const windows = [session('1m'), sliding('1m'), countWindow(3)]
    for (const window of windows)
      assert.throws(
        build(keyed => keyed.window(window).aggregate('n', { n: count() }).emit(full)),
        /cannot emit/,
      )
    assert.throws(
      build(keyed => keyed.toTable('t').emit(full)),
      /a table cannot emit "when"/,
    )
    assert.throws(
      build(keyed => keyed.aggregate('n', { n: count() }).emit(when((async () => true) as never))),
      /callback of when is async/,
    )
    assert.throws(
      build(keyed => keyed.aggregate('n', { n: count() }).emit(when('n > 1' as never))),
      /callback of when is not a function/,
    )
  })
})
