import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { count, custom, every, first, json, keys, last, pipeline, sliding, sum, topic } from '../index.ts'
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
const changes = topic('changes', { value: json<Row>(), keySerde: keys.string })

const each = ({ at }: View) => ({ timestamp: at })
const brief = ({ start, end, n }: Row) => [start - t0, end - t0, n]
const at = (ms: number) => view('/', ms)

function slidingBy(size: number, grace = 0) {
  return pipeline('sliding', p => {
    const table = p.from(views).byKey().window(sliding(size, { grace })).aggregate('counts', { n: count() })
    table.emit('final').to(rows)
    table.emit('updates').to(changes)
  })
}

describeModes('sliding windows', mode => {
  // The example of Kafka Streams' documentation: a time difference of 5 s, records at 8, 9 and 12 s.
  it('[3.2] end with each record and begin behind each, where anything is', async () => {
    await using driver = await testDriver([slidingBy(5_000)], { mode })
    for (const ms of [8_000, 9_200, 12_400]) await driver.input(views).send(at(ms))
    await driver.finish()
    assert.deepEqual((await driver.output(rows).values()).map(brief), [
      [3_000, 8_000, 1],
      [4_200, 9_200, 2],
      [7_400, 12_400, 3],
      [8_001, 13_001, 2],
      [9_201, 14_201, 1],
    ])
  })

  it('[3.2] hold records exactly the size apart, and no window twice', async () => {
    await using driver = await testDriver([slidingBy(10)], { mode })
    for (const ms of [0, 10, 11, 11]) await driver.input(views).send(at(ms))
    await driver.finish()
    // What begins behind the first one is what ends with the last two.
    assert.deepEqual((await driver.output(rows).values()).map(brief), [
      [-10, 0, 1],
      [0, 10, 2],
      [1, 11, 3],
      [11, 21, 2],
    ])
  })

  it('[3.2] go out when their grace is past; a record is late by its own time', async () => {
    await using driver = await testDriver([slidingBy(10, 5)], { mode })
    const { send } = driver.input(views)
    for (const ms of [100, 106]) await send(at(ms))
    const [row] = await driver.output(rows).read()
    assert.deepEqual(brief(row!.value!), [90, 100, 1])
    assert.equal(row!.timestamp, t0 + 100)
    await send(at(100))
    await send(at(101))
    await driver.finish()
    assert.deepEqual((await driver.output(rows).values()).map(brief), [
      [91, 101, 2],
      [96, 106, 3],
      [101, 111, 2],
      [102, 112, 1],
    ])
    assert.equal((await driver.sideStream('late').read()).length, 1)
  })

  it('[5.8] give an update for each window that a record is new in, at the time of its newest record', async () => {
    await using driver = await testDriver([slidingBy(10, 1_000)], { mode })
    const { send } = driver.input(views)
    const told = async () =>
      (await driver.output(changes).read()).map(({ windowStart, value, timestamp }) => [
        windowStart! - t0,
        value!.n,
        timestamp - t0,
      ])
    await send(at(20))
    assert.deepEqual(await told(), [[10, 1, 20]])
    await send(at(25))
    assert.deepEqual(await told(), [
      [15, 2, 25],
      [21, 1, 25],
    ])
    await send(at(18))
    assert.deepEqual(await told(), [
      [8, 1, 18],
      [10, 2, 20],
      [15, 3, 25],
      [19, 2, 25],
    ])
  })

  it('[2.7] can be asked for while they are open, and across a crash', async () => {
    await using driver = await testDriver([slidingBy(10, 50)], { mode })
    const { send } = driver.input(views)
    for (const ms of [20, 25]) await send(at(ms))
    await driver.crash()
    const open = await driver.table('counts').windows('/')
    assert.deepEqual(
      open.map(({ start, end, value }) => [start - t0, end - t0, value]),
      [
        [10, 20, { n: 1 }],
        [15, 25, { n: 2 }],
        [21, 31, { n: 1 }],
      ],
    )
    assert.deepEqual(await driver.table('counts').get('/', { start: t0 + 15 }), { n: 2 })
    assert.equal(await driver.table('counts').get('/', { start: t0 + 16 }), undefined)
  })

  it('a merge that throws costs its window alone, and one that gives back what it got harms no other', async () => {
    const out = topic('texts', { value: json<{ ids: number[]; end: number }>() })
    const ids = custom<View, number[]>({
      init: () => [],
      add: (state, v) => [...state, v.ms],
      merge(a, b) {
        if (a.includes(13) && b.length > 0) throw new Error('thirteen')
        if (a.length === 0) return b
        a.push(...b)
        return a
      },
      version: 1,
    })
    const collected = pipeline('collected', p =>
      p
        .from(views)
        .byKey()
        .window(sliding(10))
        .aggregate('ids', { ids, from: first('ms'), to: last('ms') })
        .emit('final')
        .to(out),
    )
    await using driver = await testDriver([collected], { mode })
    const { send } = driver.input(views)
    for (const [i, ms] of [1, 2, 3, 13, 5].entries()) await send({ ...at(100 + 6 * i), ms })
    await driver.finish()
    assert.deepEqual(
      (await driver.output(out).values()).map(({ ids, end }) => [end - t0 - 100, ...ids]),
      [
        [0, 1],
        [6, 1, 2],
        [11, 2],
        [12, 2, 3],
        [17, 3],
        [18, 3, 13],
        [23, 13],
        [29, 5],
      ],
    )
    assert.equal((await driver.sideStream('failed').read()).length, 1)
  })
})

describe('sliding windows under every way of feeding', () => {
  it('[4.1] give each set of records that lie at most the size apart, in whatever order these come', async () => {
    const sizeMs = 20
    const input = fc.array(
      fc.record({
        url: fc.constantFrom('/a', '/b'),
        at: fc.integer({ min: 0, max: 60 }).map(n => t0 + n),
        ms: fc.integer({ min: 0, max: 9 }),
      }),
      { minLength: 1, maxLength: 9 },
    )
    await fc.assert(
      fc.asyncProperty(input, async input => {
        const expected = [...new Set(input.flatMap(({ at }) => [at - sizeMs, at + 1]))].flatMap(start =>
          ['/a', '/b'].flatMap(key => {
            const own = input.filter(({ url }) => url === key)
            const begins = own.some(({ at }) => at === start + sizeMs || at === start - 1)
            const held = own.filter(({ at }) => at >= start && at <= start + sizeMs)
            const ms = held.reduce((sum, v) => sum + v.ms, 0)
            return begins && held.length > 0 ? [{ n: held.length, ms, key, start, end: start + sizeMs }] : []
          }),
        )
        await verifyOperator(
          stream =>
            stream
              .keyBy('url')
              .window(sliding(sizeMs, { grace: 100 }))
              .aggregate('sums', { n: count(), ms: sum('ms') })
              .emit('final'),
          { input, each, expected },
        )
      }),
      { numRuns: 10 },
    )
  })

  it('refuse what they cannot do', () => {
    const table = (build: (t: any) => unknown) =>
      pipeline('p', p => {
        build(p.from(views).byKey().window(sliding('10s')).aggregate('counts', { n: count() }))
      })
    assert.throws(() => table(t => t.emit(every('1s'))), /sliding windows have no rows of their own/)
    assert.throws(() => table(t => t.emit('final', { order: 'key' })), /close one by one/)
    assert.throws(() => sliding(0), /sliding\(size\): a window must be longer than 0/)
  })
})
