import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  avg,
  count,
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
const changes = topic('changes', { value: json<Visit | null>(), keySerde: keys.string as never })

const each = ({ at }: View) => ({ timestamp: at })
const brief = ({ start, end, n }: Visit) => [(start - t0) / 1000, (end - t0) / 1000, n]
const seconds = (at: number) => view('/', at * 1000)

function visitsOf(grace = 0) {
  return pipeline('visits', p => {
    const table = p
      .from(views)
      .byKey()
      .window(session('10s', { grace, maxLength: '20s' }))
      .aggregate('visits', { n: count() })
    table.emit('final').to(visits)
    table.emit('updates').to(changes)
  })
}

describeModes('sessions of a limited length', mode => {
  it('[3.2] end once they would become longer, and the next record begins another', async () => {
    await using driver = await testDriver([visitsOf()], { mode })
    const { send } = driver.input(views)
    for (const at of [0, 5, 12, 20]) await send(seconds(at))
    // A record at 20 could still be of it: exactly the length behind its first one.
    assert.deepEqual(await driver.output(visits).values(), [])
    await send(seconds(20.001))
    const [visit] = await driver.output(visits).read()
    assert.deepEqual(brief(visit!.value!), [0, 20, 4])
    assert.equal(visit!.timestamp, t0 + 20_000, 'the time of its last record')
    for (const at of [25, 40, 51]) await send(seconds(at))
    await driver.finish()
    assert.deepEqual((await driver.output(visits).values()).map(brief), [
      [20.001, 25, 2],
      [40, 40, 1],
      [51, 51, 1],
    ])
  })

  it('[3.2] an earlier record moves every cut behind it, until its session has gone out', async () => {
    await using driver = await testDriver([visitsOf(15_000)], { mode })
    const { send } = driver.input(views)
    for (const at of [10, 18, 26, 31]) await send(seconds(at))
    assert.deepEqual(
      (await driver.table('visits').windows('/')).map(({ start }) => (start - t0) / 1000),
      [10, 31],
    )
    await send(seconds(17))
    await driver.crash()
    await send(seconds(46))
    // Nothing up to 30 comes any more, so the first one is certain; the rest begins with the earliest that is left.
    for (const at of [36, 46.001, 30]) await send(seconds(at))
    await driver.finish()
    assert.deepEqual((await driver.output(visits).values()).map(brief), [
      [10, 26, 4],
      [31, 46.001, 4],
    ])
    const late = await driver.sideStream('late').read()
    assert.deepEqual(
      late.map(({ value }) => (JSON.parse(value!) as View).at - t0),
      [30_000],
    )
  })

  it('[5.8] updates tell of what moved: a session that begins elsewhere is deleted under its old start', async () => {
    await using driver = await testDriver([visitsOf(60_000)], { mode })
    const { send } = driver.input(views)
    for (const at of [10, 18, 31, 26]) await send(seconds(at))
    await driver.crash()
    await send(seconds(9))
    await send(seconds(9))
    const told = (await driver.output(changes).read()).map(({ windowStart, value, timestamp }) => [
      (windowStart! - t0) / 1000,
      value && brief(value),
      (timestamp - t0) / 1000,
    ])
    assert.deepEqual(told, [
      [10, [10, 10, 1], 10],
      [10, [10, 18, 2], 18],
      [31, [31, 31, 1], 31],
      [10, [10, 26, 3], 26],
      [10, null, 26],
      [9, [9, 26, 4], 26],
      [9, [9, 26, 5], 26],
    ])
  })

  it('[5.8] one record may move several of them', async () => {
    await using driver = await testDriver([visitsOf(60_000)], { mode })
    const { send } = driver.input(views)
    for (const at of [10, 20, 30, 35, 45, 55]) await send(seconds(at))
    await driver.output(changes).read()
    await send(seconds(5))
    const told = (await driver.output(changes).read()).map(({ windowStart, value, timestamp }) => [
      (windowStart! - t0) / 1000,
      value && brief(value),
      (timestamp - t0) / 1000,
    ])
    assert.deepEqual(told, [
      [10, null, 20],
      [35, null, 20],
      [5, [5, 20, 3], 20],
      [30, [30, 45, 3], 45],
      [55, [55, 55, 1], 55],
    ])
  })

  it('says in explain when the one that closes next does: by its length or by its gap', async () => {
    await using driver = await testDriver([visitsOf(1_000)], { mode })
    const closesAt = async () =>
      (await driver.explain('visits')).flatMap(({ next }) => (next ? [(next.closesAt - t0) / 1000] : []))
    await driver.input(views).send(seconds(0))
    assert.deepEqual(await closesAt(), [11.001])
    for (const at of [9, 18]) await driver.input(views).send(seconds(at))
    assert.deepEqual(await closesAt(), [21.001])
    await driver.input(views).send({ ...seconds(19), url: '/other' })
    assert.deepEqual(await closesAt(), [21.001])
    await driver.crash()
    assert.deepEqual(await closesAt(), [21.001])
  })

  it('a custom aggregate is merged from its parts, and one that throws goes to .failed', async () => {
    const out = topic('paths', { value: json<{ path: string; entry: number; exit: number }>() })
    const path = custom<View, { pages: number[] }, string>({
      init: () => ({ pages: [] }),
      add: (state, v) => ({ pages: [...state.pages, v.ms] }),
      merge(a, b) {
        if (b.pages.includes(13)) throw new Error('thirteen')
        return { pages: [...a.pages, ...b.pages] }
      },
      result: ({ pages }) => pages.join(' '),
      version: 1,
    })
    const paths = pipeline('paths', { maxFailureRate: 1 }, p =>
      p
        .from(views)
        .byKey()
        .window(session('10s', { grace: '1m', maxLength: '10s' }))
        .aggregate('paths', { path, entry: first('ms'), exit: last('ms') })
        .emit('final')
        .to(out),
    )
    await using driver = await testDriver([paths], { mode })
    for (const [at, ms] of [
      [30, 5],
      [10, 2],
      [0, 1],
      [11, 3],
      [21, 4],
      [50, 13],
    ] as const)
      await driver.input(views).send({ ...seconds(at), ms })
    await driver.finish()
    assert.deepEqual(
      (await driver.output(out).values()).map(({ path, entry, exit }) => [path, entry, exit]),
      [
        ['1 2', 1, 2],
        ['3 4', 3, 4],
        ['5', 5, 5],
      ],
    )
    assert.equal((await driver.sideStream('failed').read()).length, 1)
  })
})

describe('sessions of a limited length under every way of feeding', () => {
  const gapMs = 10_000
  const maxLength = 15_000
  /** The visits of each page, from all views at once. */
  function expectedOf(input: readonly View[]) {
    const rows: unknown[] = []
    for (const [key, of] of Map.groupBy(input, ({ url }) => url)) {
      let part: View[] = []
      const inOrder = of.toSorted((a, b) => a.at - b.at)
      for (const [i, each] of inOrder.entries()) {
        part.push(each)
        const next = inOrder[i + 1]
        if (next !== undefined && next.at - each.at <= gapMs && next.at - part[0]!.at <= maxLength) continue
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
        at: fc.integer({ min: 0, max: 14 }).map(n => t0 + n * 4_000),
        ms: fc.integer({ min: 0, max: 9 }),
      }),
      { minLength: 1, maxLength: 14 },
    )
    await fc.assert(
      fc.asyncProperty(input, async input => {
        await verifyOperator(
          stream =>
            stream
              .keyBy('url')
              .window(session(gapMs, { grace: '1m', maxLength }))
              .aggregate('visits', { n: count(), total: sum('ms'), most: max('ms'), mean: avg('ms') })
              .emit('final'),
          { input, each, expected: expectedOf(input) },
        )
      }),
      { numRuns: 12 },
    )
  })

  it('[3.2] [4.1] a window behind them loses none', async () => {
    const input = [0, 5, 14, 16, 22, 40, 100, 103, 90, 250].map(seconds)
    await verifyOperator(
      stream =>
        stream
          .keyBy('url')
          .window(session(gapMs, { grace: '20s', maxLength }))
          .aggregate('visits', { n: count() })
          .emit('final')
          .byKey()
          .window(session('70s'))
          .aggregate('days', { visits: count(), views: sum('n') })
          .emit('final'),
      {
        input,
        each,
        expected: [
          { visits: 4, views: 9, key: '/', start: t0 + 14_000, end: t0 + 103_000 },
          { visits: 1, views: 1, key: '/', start: t0 + 250_000, end: t0 + 250_000 },
        ],
      },
    )
  })
})

describe('what sessions of a limited length refuse', () => {
  it('no length, and emissions that need a row of their own', () => {
    assert.throws(() => session('10s', { maxLength: 0 }), /maxLength.*'4h'/)
    const windows = (build: (w: any) => unknown) =>
      pipeline(
        'p',
        p =>
          void build(
            p
              .from(views)
              .byKey()
              .window(session('10s', { maxLength: '1h' })),
          ),
      )
    assert.throws(
      () => windows(w => w.aggregate('visits', { n: count() }).emit(every('1s'))),
      /"visits": sessions with maxLength have no rows.*'final' or 'updates'/s,
    )
    const unmerged = custom<View, number>({ init: () => 0, add: n => n + 1, version: 1 })
    assert.throws(() => windows(w => w.aggregate('visits', { mine: unmerged })), /"mine" has no merge/)
  })

  it('a length that was not there before, or another one: what is stored is not of it', async () => {
    await using before = await testDriver([visitsOf()])
    await before.input(views).send(seconds(0))
    const longer = pipeline('visits', p => {
      p.from(views)
        .byKey()
        .window(session('10s'))
        .aggregate('visits', { n: count() })
        .emit('final')
        .to(visits)
    })
    await assert.rejects(async () => {
      await using driver = await testDriver([longer], { from: await before.snapshot() })
      await driver.finish()
    }, /visits/)
  })

  it('show their length in describe', async () => {
    await using driver = await testDriver([visitsOf()])
    assert.match(driver.describe(), /session gap 10000 ms, at most 20000 ms, grace 0 ms/)
  })
})
