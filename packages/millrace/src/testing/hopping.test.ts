import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, custom, hopping, json, pipeline, sum, topic } from '../index.ts'
import { testDriver, verifyOperator } from '../testing.ts'
import { describeModes } from './testkit/modes.ts'
import { t0, type View, view } from './testkit/views.ts'

interface Row {
  readonly n: number
  readonly key: string
  readonly start: number
  readonly end: number
}
const views = topic('views-by-url', { value: json<View>(), key: 'url', timestamp: 'at' })
const rows = topic('rows', { value: json<Row>() })
const changes = topic('changes', { value: json<Row>() })

function lastTen(grace = 0) {
  return pipeline('last-ten', p => {
    const table = p
      .from(views)
      .byKey()
      .window(hopping('10s', { advance: '5s', grace }))
      .aggregate('last-ten', { n: count() })
    table.emit('final', { order: 'key' }).to(rows)
    table.emit('updates').to(changes)
  })
}

const each = ({ at }: View) => ({ timestamp: at })
const brief = ({ start, end, n }: Row) => [(start - t0) / 1000, (end - t0) / 1000, n]

describeModes('hopping windows', mode => {
  it('[3.2] [5.8] count a record in each window that holds it, from those that begin before the first record on', async () => {
    await using driver = await testDriver([lastTen()], { mode })
    const { send } = driver.input(views)
    await send(view('/', 1_000))
    await send(view('/', 7_000))
    await send(view('/', 21_000))
    assert.deepEqual((await driver.output(rows).values()).map(brief), [
      [-5, 5, 1],
      [0, 10, 2],
      [5, 15, 1],
    ])
    await driver.finish()
    assert.deepEqual((await driver.output(rows).values()).map(brief), [
      [15, 25, 1],
      [20, 30, 1],
    ])
  })

  it('[3.2] take a late record into the windows that are still open, and send it to .late when none is', async () => {
    await using driver = await testDriver([lastTen()], { mode })
    const { send } = driver.input(views)
    await send(view('/', 7_000))
    await send(view('/', 11_000))
    // [0, 10) has closed, [5, 15) has not.
    await send(view('/', 8_000))
    await send(view('/', 4_000))
    await driver.finish()
    assert.deepEqual((await driver.output(rows).values()).map(brief), [
      [0, 10, 1],
      [5, 15, 3],
      [10, 20, 1],
    ])
    const late = await driver.sideStream('late').read()
    assert.deepEqual(
      late.map(({ value }) => JSON.parse(value!) as View),
      [view('/', 4_000)],
    )
  })

  it('[5.8] give an update for each window that a record changes', async () => {
    await using driver = await testDriver([lastTen()], { mode })
    await driver.input(views).send(view('/', 1_000))
    await driver.input(views).send(view('/', 2_000))
    assert.deepEqual((await driver.output(changes).values()).map(brief), [
      [0, 10, 1],
      [-5, 5, 1],
      [0, 10, 2],
      [-5, 5, 2],
    ])
  })

  it('[2.7] tell the rows of open windows, however these share what they are made of', async () => {
    const shared = pipeline('shared', p => {
      const windows = p
        .from(views)
        .byKey()
        .window(hopping('10s', { advance: '5s' }))
      windows
        .aggregate('counts', { n: count(), ms: sum('ms') })
        .emit('final')
        .to(rows)
    })
    await using driver = await testDriver([shared], { mode })
    const { send } = driver.input(views)
    for (const s of [1, 6, 7, 11]) await send(view('/', s * 1000))
    const open = await driver.table('counts').windows('/')
    assert.deepEqual(
      open.map(({ start, end, value }) => [(start - t0) / 1000, (end - t0) / 1000, value]),
      [
        [5, 15, { n: 3, ms: 3 }],
        [10, 20, { n: 1, ms: 1 }],
      ],
    )
    const closed = { start: t0 }
    assert.equal(await driver.table('counts').get('/', closed), undefined)
    assert.equal(await driver.table('counts').get('/other', { start: t0 + 5_000 }), undefined)
  })

  it('a callback that throws leaves its record out of every window', async () => {
    const longest = custom<View, { ms: number }, number>({
      init: () => ({ ms: 0 }),
      add(state, v) {
        if (v.ms === 13) throw new Error('thirteen')
        return { ms: Math.max(state.ms, v.ms) }
      },
      result: state => state.ms,
      version: 1,
    })
    const out = topic('longest', { value: json<{ longest: number; start: number }>() })
    const longestOf = pipeline('longest', p =>
      p
        .from(views)
        .byKey()
        .window(hopping('10s', { advance: '5s' }))
        .aggregate('longest', { n: count(), longest })
        .emit('final')
        .to(out),
    )
    await using driver = await testDriver([longestOf], { mode })
    await driver.input(views).send({ ...view('/', 6_000), ms: 5 })
    await driver.input(views).send({ ...view('/', 7_000), ms: 13 })
    await driver.finish()
    const found = await driver.output(out).values()
    assert.deepEqual(
      found.map(({ start, longest, ...row }) => [(start - t0) / 1000, longest, (row as any).n]),
      [
        [0, 5, 1],
        [5, 5, 1],
      ],
    )
    assert.equal((await driver.sideStream('failed').read()).length, 1)
  })
})

describe('hopping windows under every way of feeding', () => {
  it('give one row per key and window', async () => {
    const input = [0, 3, 4, 9, 12, 8, 31].map((s, i) => ({ ...view(i % 2 ? '/a' : '/b', s * 1000), ms: s }))
    const expected: unknown[] = []
    for (const url of ['/a', '/b']) {
      for (let start = t0 - 8_000; start < t0 + 40_000; start += 4_000) {
        const held = input.filter(v => v.url === url && v.at >= start && v.at < start + 12_000)
        if (held.length === 0) continue
        const ms = held.reduce((total, v) => total + v.ms, 0)
        expected.push({ n: held.length, ms, key: url, start, end: start + 12_000 })
      }
    }
    await verifyOperator(
      stream =>
        stream
          .keyBy('url')
          .window(hopping('12s', { advance: '4s', grace: '10s' }))
          .aggregate('sums', { n: count(), ms: sum('ms') })
          .emit('final'),
      { input, expected, each },
    )
  })

  it('need no order of size and advance: 10 s every 4 s', async () => {
    const input = [1, 5, 9].map(s => view('/', s * 1000))
    const held = (start: number) => input.filter(v => v.at >= start && v.at < start + 10_000)
    const expected = [-8, -4, 0, 4, 8]
      .map(s => t0 + s * 1000)
      .filter(start => held(start).length > 0)
      .map(start => ({ p: held(start).length, key: '/', start, end: start + 10_000 }))
    await verifyOperator(
      stream =>
        stream
          .keyBy('url')
          .window(hopping('10s', { advance: '4s' }))
          .aggregate('counts', { p: count() })
          .emit('final'),
      { input, expected, each },
    )
  })
})
