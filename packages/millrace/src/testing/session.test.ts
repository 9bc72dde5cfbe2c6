import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  avg,
  count,
  countDistinct,
  custom,
  every,
  first,
  json,
  keys,
  last,
  max,
  pipeline,
  session,
  sum,
  topic,
} from '../index.ts'
import { testDriver, verifyOperator } from '../testing.ts'
import { describeModes } from './testkit/modes.ts'
import { t0, type View, view } from './testkit/views.ts'

interface Visit {
  readonly n: number
  readonly key: string
  readonly start: number
  readonly end: number
}
const views = topic('views-by-url', { value: json<View>(), key: 'url', timestamp: 'at' })
const visits = topic('visits', { value: json<Visit>() })
const changes = topic('changes', {
  value: json<Visit | null>(),
  keySerde: keys.string as never,
})

const each = ({ at }: View) => ({ timestamp: at })
const brief = ({ start, end, n }: Visit) => [(start - t0) / 1000, (end - t0) / 1000, n]
const seconds = (at: number) => view('/', at * 1000)

function visitsOf(grace = 0, outOfOrder = 0) {
  return pipeline('visits', p => {
    const table = p
      .from(views, { outOfOrder })
      .byKey()
      .window(session('10s', { grace }))
      .aggregate('visits', { n: count() })
    table.emit('final').to(visits)
    table.emit('updates').to(changes)
  })
}

describeModes('sessions', mode => {
  it('[3.2] [5.8] last as long as records come, and go out when gap and grace are past', async () => {
    await using driver = await testDriver([visitsOf()], { mode })
    const { send } = driver.input(views)
    for (const at of [0, 4, 14]) await send(seconds(at))
    // Until here a record could still join: exactly the gap after the last one.
    await send({ ...seconds(24), url: '/other' })
    assert.deepEqual(await driver.output(visits).values(), [])
    await send({ ...seconds(24.001), url: '/other' })
    const [visit] = await driver.output(visits).read()
    assert.deepEqual(brief(visit!.value!), [0, 14, 3])
    assert.equal(visit!.timestamp, t0 + 14_000, 'the time of its last record')
    await driver.finish()
    assert.deepEqual((await driver.output(visits).values()).map(brief), [[24, 24.001, 2]])
  })

  it('[3.2] take records exactly the gap apart into one, and a ms more into two', async () => {
    await using driver = await testDriver([visitsOf()], { mode })
    const { send } = driver.input(views)
    for (const at of [0, 10, 20.001]) await send(seconds(at))
    await driver.finish()
    assert.deepEqual((await driver.output(visits).values()).map(brief), [
      [0, 10, 2],
      [20.001, 20.001, 1],
    ])
  })

  it('[3.2] judge a record by its own time, whatever session it could join', async () => {
    await using driver = await testDriver([visitsOf(2_000)], { mode })
    const { send } = driver.input(views)
    for (const at of [10, 8, 7.999, 15, 13, 12.999]) await send(seconds(at))
    await driver.finish()
    assert.deepEqual((await driver.output(visits).values()).map(brief), [[8, 15, 4]])
    const late = (await driver.sideStream('late').read()).map(({ value }) => JSON.parse(value!) as View)
    assert.deepEqual(late, [seconds(7.999), seconds(12.999)])
  })

  it('[5.8] a session that grows backwards, or becomes a part of another one, is deleted under its old start', async () => {
    await using driver = await testDriver([visitsOf(60_000)], { mode })
    const { send } = driver.input(views)
    for (const at of [30, 25, 50, 40, 41]) await send(seconds(at))
    const told = (await driver.output(changes).read()).map(({ windowStart, value, timestamp }) => [
      (windowStart! - t0) / 1000,
      value && brief(value),
      (timestamp - t0) / 1000,
    ])
    assert.deepEqual(told, [
      [30, [30, 30, 1], 30],
      [30, null, 30],
      [25, [25, 30, 2], 30],
      [50, [50, 50, 1], 50],
      [50, null, 50],
      [25, [25, 50, 4], 50],
      [25, [25, 50, 5], 50],
    ])
  })

  it('[5.8] every() tells of a merge at once, so that nobody counts a session twice', async () => {
    const ticking = pipeline('ticking', p =>
      p
        .from(views)
        .byKey()
        .window(session('10s', { grace: '1m' }))
        .aggregate('visits', { n: count() })
        .emit(every('5s'))
        .to(changes),
    )
    await using driver = await testDriver([ticking], { mode })
    const { send } = driver.input(views)
    const told = async () =>
      (await driver.output(changes).read()).map(({ windowStart, value }) => [
        (windowStart! - t0) / 1000,
        value === null ? null : value.n,
      ])
    await send(seconds(30))
    assert.deepEqual(await told(), [[30, 1]])
    await send(seconds(50))
    await send(seconds(45))
    assert.deepEqual(await told(), [], 'a session nobody knows of grows backwards in silence')
    await send(seconds(40))
    assert.deepEqual(await told(), [], 'one that was told of does so too while its start stays')
    await driver.crash()
    await driver.advance('5s')
    assert.deepEqual(await told(), [[30, 4]])
    await send(seconds(55))
    await send(seconds(25))
    assert.deepEqual(await told(), [
      [30, null],
      [25, 6],
    ])
  })

  it('[2.7] can be asked for while they are open', async () => {
    await using driver = await testDriver([visitsOf(60_000)], { mode })
    const { send } = driver.input(views)
    for (const at of [30, 5, 31]) await send(seconds(at))
    const open = await driver.table('visits').windows('/')
    assert.deepEqual(open, [
      { start: t0 + 5_000, end: t0 + 5_000, value: { n: 1 } },
      { start: t0 + 30_000, end: t0 + 31_000, value: { n: 2 } },
    ])
    assert.deepEqual(await driver.table('visits').get('/', { start: t0 + 30_000 }), { n: 2 })
    assert.equal(await driver.table('visits').get('/', { start: t0 + 31_000 }), undefined)
    assert.deepEqual(await driver.table('visits').windows('/nobody'), [])
  })

  it('a callback that throws leaves sessions as they were', async () => {
    const out = topic('paths', { value: json<{ path: string; start: number; end: number }>() })
    const path = custom<View, { pages: number[] }, string>({
      init: () => ({ pages: [] }),
      add(state, v) {
        if (v.ms === 13) throw new Error('thirteen')
        return { pages: [...state.pages, v.ms] }
      },
      merge: (a, b) => ({ pages: [...a.pages, ...b.pages] }),
      result: ({ pages }) => pages.toSorted((a, b) => a - b).join(' '),
      version: 1,
    })
    const paths = pipeline('paths', p =>
      p
        .from(views)
        .byKey()
        .window(session('10s', { grace: '1m' }))
        .aggregate('paths', { path })
        .emit('final')
        .to(out),
    )
    await using driver = await testDriver([paths], { mode })
    const { send } = driver.input(views)
    await send({ ...seconds(0), ms: 1 })
    await send({ ...seconds(20), ms: 3 })
    await send({ ...seconds(10), ms: 13 })
    assert.equal((await driver.table('paths').windows('/')).length, 2)
    await send({ ...seconds(10), ms: 2 })
    await driver.finish()
    assert.deepEqual(
      (await driver.output(out).values()).map(({ path }) => path),
      ['1 2 3'],
    )
    assert.equal((await driver.sideStream('failed').read()).length, 1)
  })

  it('first and last go by event time', async () => {
    const out = topic('journeys', { value: json<{ entry: number; exit: number }>() })
    const journeys = pipeline('journeys', p =>
      p
        .from(views)
        .byKey()
        .window(session('10s', { grace: '1m' }))
        .aggregate('journeys', { entry: first('ms'), exit: last('ms') })
        .emit('final')
        .to(out),
    )
    await using driver = await testDriver([journeys], { mode })
    for (const at of [20, 22, 0, 3, 11]) await driver.input(views).send({ ...seconds(at), ms: at })
    await driver.crash()
    await driver.finish()
    const [journey] = await driver.output(out).values()
    assert.deepEqual([journey!.entry, journey!.exit], [0, 22])
  })
})

describe('sessions under every way of feeding', () => {
  const gapMs = 10_000
  /** The visits of each page, from all views at once. */
  function expectedOf(input: readonly View[]) {
    const rows: unknown[] = []
    for (const [key, of] of Map.groupBy(input, ({ url }) => url)) {
      const inOrder = of.toSorted((a, b) => a.at - b.at)
      let part: View[] = []
      for (const [i, each] of inOrder.entries()) {
        part.push(each)
        if (inOrder[i + 1] !== undefined && inOrder[i + 1]!.at - each.at <= gapMs) continue
        const ms = part.map(v => v.ms)
        const total = ms.reduce((sum, x) => sum + x, 0)
        const [start, end] = [part[0]!.at, part.at(-1)!.at]
        rows.push({ n: part.length, total, most: Math.max(...ms), mean: total / ms.length, key, start, end })
        part = []
      }
    }
    return rows
  }

  it('[4.1] give the sessions of all records together, in whatever order these come', async () => {
    const input = fc.array(
      fc.record({
        url: fc.constantFrom('/a', '/b'),
        at: fc.integer({ min: 0, max: 12 }).map(n => t0 + n * 5_000),
        ms: fc.integer({ min: 0, max: 9 }),
      }),
      { minLength: 1, maxLength: 12 },
    )
    await fc.assert(
      fc.asyncProperty(input, async input => {
        await verifyOperator(
          stream =>
            stream
              .keyBy('url')
              .window(session(gapMs, { grace: '1m' }))
              .aggregate('visits', { n: count(), total: sum('ms'), most: max('ms'), mean: avg('ms') })
              .emit('final'),
          { input, each, expected: expectedOf(input) },
        )
      }),
      { numRuns: 12 },
    )
  })

  it('[3.2] [4.1] a window behind sessions loses none of them', async () => {
    const input = [0, 5, 40, 100, 103, 90, 250].map(seconds)
    await verifyOperator(
      stream =>
        stream
          .keyBy('url')
          .window(session(gapMs, { grace: '20s' }))
          .aggregate('visits', { n: count(), pages: countDistinct('url') })
          .emit('final')
          .byKey()
          .window(session('70s'))
          .aggregate('days', { visits: count(), views: sum('n') })
          .emit('final'),
      {
        input,
        each,
        expected: [
          { visits: 3, views: 6, key: '/', start: t0 + 5_000, end: t0 + 103_000 },
          { visits: 1, views: 1, key: '/', start: t0 + 250_000, end: t0 + 250_000 },
        ],
      },
    )
  })
})

describe('what sessions refuse', () => {
  const windows = (build: (stream: any) => unknown) =>
    pipeline('p', p => void build(p.from(views).byKey().window(session('10s'))))
  it('columns that cannot be merged, by their names', () => {
    const unmerged = custom<View, number>({ init: () => 0, add: n => n + 1, version: 1 })
    assert.throws(
      () => windows(w => w.aggregate('visits', { n: count(), mine: unmerged })),
      /visits.*"mine" has no merge.*give custom\(\{ … \}\) a merge/s,
    )
    assert.throws(() => windows(w => w.reduce('visits', (a: unknown) => a)), /visits.*reduce cannot.*custom/s)
  })

  it('an order among rows that do not close together', () => {
    assert.throws(
      () => windows(w => w.aggregate('visits', { n: count() }).emit('final', { order: 'key' })),
      /windows close one by one/,
    )
  })
})
