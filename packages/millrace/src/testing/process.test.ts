import assert from 'node:assert/strict'
import { it } from 'node:test'
import { json, out, pipeline, type SourceStream, type Stream, side, state, topic } from '../index.ts'
import { testDriver, verifyOperator } from '../testing.ts'
import { describeModes } from './testkit/modes.ts'

interface Event {
  readonly id: number
  readonly user: string
  readonly at: number
}

const t0 = Date.UTC(2026, 0, 1)
const events = topic('events', { value: json<Event>(), key: 'user', timestamp: 'at' })
const results = topic('results', { value: json<unknown>() })
const asides = topic('asides', { value: json<unknown>() })
const failures = topic('failures', { value: json<Event>() })

let ids = 0
const event = (user: string, at: number): Event => ({ id: ids++, user, at: t0 + at })

/** A pipeline of one step over events by user. */
function over(build: (keyed: ReturnType<SourceStream<Event, string>['byKey']>) => Stream<any, any>) {
  return pipeline('process', { maxFailureRate: 1 }, p => {
    build(p.from(events, { outOfOrder: '1s' }).byKey() as never).to(results)
  })
}

const each = (e: Event | null) => ({ key: e!.user, timestamp: e!.at })

describeModes('a process step', mode => {
  it('[5.11] keeps a value, a list and a map under each key', async () => {
    const built = over(keyed =>
      keyed.process(
        'kept',
        {
          state: {
            count: state.value<number>(),
            ids: state.list<number>(),
            byParity: state.map<string, number>(),
          },
        },
        ({ id }, { state: { count, ids, byParity }, key }) => {
          count.set((count.get() ?? 0) + 1)
          ids.push(id)
          if (ids.length > 2) ids.shift()
          const parity = id % 2 === 0 ? 'even' : 'odd'
          byParity.set(parity, (byParity.get(parity) ?? 0) + 1)
          return [{ key, count: count.get(), ids: [...ids], byParity: [...byParity] }]
        },
      ),
    )
    await using driver = await testDriver([built], { mode })
    ids = 0
    await driver.input(events).send(event('a', 0))
    await driver.input(events).send(event('a', 1))
    await driver.input(events).send(event('b', 2))
    await driver.crash()
    await driver.input(events).send(event('a', 3))
    assert.deepEqual(await driver.output(results).values(), [
      { key: 'a', count: 1, ids: [0], byParity: [['even', 1]] },
      {
        key: 'a',
        count: 2,
        ids: [0, 1],
        byParity: [
          ['even', 1],
          ['odd', 1],
        ],
      },
      { key: 'b', count: 1, ids: [2], byParity: [['even', 1]] },
      {
        key: 'a',
        count: 3,
        ids: [1, 3],
        byParity: [
          ['even', 1],
          ['odd', 2],
        ],
      },
    ])
    assert.deepEqual(await driver.table('kept').get('a'), {
      count: 3,
      ids: [1, 3],
      byParity: { even: 1, odd: 2 },
    })
    assert.equal(await driver.table('kept').get('nobody'), undefined)
  })

  it('[3.2] fires event timers when the watermark reaches them, in the order of time and key, with their time', async () => {
    const built = over(keyed =>
      keyed.process(
        'timed',
        {
          onTimer: ({ key, timer: { time, tag }, watermark }) => [
            out({ key, at: time - t0, tag, watermark: watermark - t0 }),
          ],
        },
        ({ at, id }, { timers }) => {
          timers.at(at + 1_000 * (id + 1), id === 2 ? 'late' : '')
        },
      ),
    )
    await using driver = await testDriver([built], { mode })
    ids = 0
    // Due at 1000, 2000 and 3000.
    await driver.input(events).sendAll([event('b', 0), event('a', 0), event('b', 0)], each)
    assert.deepEqual(await driver.output(results).values(), [])
    ids = 100
    await driver.input(events).send(event('z', 4_000), { timestamp: t0 })
    await driver.crash()
    const records = await driver.output(results).readAll()
    assert.deepEqual(
      records.map(({ value, timestamp, key }) => [value, timestamp - t0, key]),
      [
        [{ key: 'b', at: 1_000, tag: '', watermark: 1_000 }, 1_000, 'b'],
        [{ key: 'a', at: 2_000, tag: '', watermark: 2_000 }, 2_000, 'a'],
        [{ key: 'b', at: 3_000, tag: 'late', watermark: 3_000 }, 3_000, 'b'],
      ],
    )
  })

  it('[5.11] leaves state and timers as they were when the callback throws, and the record goes to .failed', async () => {
    const built = pipeline('process', { maxFailureRate: 1 }, p => {
      const keyed = p.from(events).byKey()
      const processed = keyed.process(
        'fragile',
        {
          state: { n: state.value<number>(), all: state.list<number>(), by: state.map<number, number>() },
          sides: { aside: side<number>() },
          onTimer: ({ timer }) => [`timer ${timer.tag}`],
        },
        function* ({ id, at }, { state: { n, all, by }, timers, side }) {
          n.set((n.get() ?? 0) + 1)
          if (all.length > 1) all.shift()
          all.push(id)
          by.delete(id - 2)
          by.set(id, id)
          timers.at(at + 10_000, String(id))
          timers.cancel(String(id - 1))
          side('aside', id)
          yield { n: n.get(), all: [...all], by: [...by.keys()] }
          if (id % 3 === 2) throw new Error('every third')
        },
      )
      processed.to(results)
      processed.sides.aside.to(asides)
      processed.failed.to(failures)
    })
    await using driver = await testDriver([built], { mode })
    ids = 0
    for (let i = 0; i < 5; i++) await driver.input(events).send(event('a', i))
    await driver.crash()
    await driver.finish()
    assert.deepEqual(await driver.output(results).values(), [
      { n: 1, all: [0], by: [0] },
      { n: 2, all: [0, 1], by: [0, 1] },
      { n: 3, all: [1, 3], by: [0, 3] },
      { n: 4, all: [3, 4], by: [0, 3, 4] },
      'timer 1',
      'timer 4',
    ])
    assert.deepEqual(await driver.output(asides).values(), [0, 1, 3, 4])
    assert.deepEqual(
      (await driver.output(failures).values()).map(({ id }) => id),
      [2],
    )
  })

  it('[5.11] sends single values to .failed, unless it throws as a whole', async () => {
    const built = pipeline('process', { maxFailureRate: 1 }, p => {
      const processed = p
        .from(events)
        .byKey()
        .process(
          'some',
          {
            state: { all: state.list<Event>() },
            onTimer({ fail, state: { all } }) {
              for (const each of all) fail(each, new Error('at last'))
              return undefined
            },
          },
          (event, { state: { all }, timers, fail }) => {
            if (event.id === 0) return void all.push(event)
            fail(event, new Error('one of two'))
            if (event.id === 1) throw new Error('all of it')
            timers.after('1s')
            return [event.id]
          },
        )
      processed.to(results)
      processed.failed.to(failures)
    })
    await using driver = await testDriver([built], { mode })
    ids = 0
    for (let i = 0; i < 3; i++) await driver.input(events).send(event('a', i))
    await driver.finish()
    assert.deepEqual(await driver.output(results).values(), [2])
    assert.deepEqual(
      (await driver.output(failures).values()).map(({ id }) => id),
      [1, 2, 0],
    )
  })

  it('[5.11] forgets what was not written for its time to live', async () => {
    const built = over(keyed =>
      keyed.process(
        'short',
        {
          state: { seen: state.map<number, boolean>({ ttl: '10s' }), n: state.value<number>({ ttl: '10s' }) },
        },
        ({ id, at }, { state: { seen, n } }) => {
          n.set((n.get() ?? 0) + 1)
          const known = [...seen.keys()]
          seen.set(id, true)
          return [{ at: at - t0, known, n: n.get() }]
        },
      ),
    )
    await using driver = await testDriver([built], { mode })
    ids = 0
    for (const at of [0, 5_000, 9_999, 10_000]) await driver.input(events).send(event('a', at))
    await driver.crash()
    await driver.input(events).send(event('a', 30_000))
    assert.deepEqual(await driver.output(results).values(), [
      { at: 0, known: [], n: 1 },
      { at: 5_000, known: [0], n: 2 },
      { at: 9_999, known: [0, 1], n: 3 },
      { at: 10_000, known: [1, 2], n: 4 },
      { at: 30_000, known: [], n: 1 },
    ])
    await driver.input(events).send(event('b', 100_000))
    assert.equal(await driver.table('short').get('a'), undefined)
  })

  it('[4.4] fires wall-clock timers by the clock, also after a crash', async () => {
    const built = over(keyed =>
      keyed.process(
        'wall',
        { onTimer: ({ key, timer: { clock }, timestamp }) => [{ key, clock, at: timestamp - t0 }] },
        (_, { wallTimers }) => {
          wallTimers.after('5s')
        },
      ),
    )
    await using driver = await testDriver([built], { mode })
    await driver.input(events).send(event('a', 7))
    await driver.advance(4_000)
    await driver.crash()
    assert.deepEqual(await driver.output(results).values(), [])
    await driver.advance(1_000)
    assert.deepEqual(await driver.output(results).values(), [{ key: 'a', clock: 'wall', at: 7 }])
    await driver.advance(60_000)
    assert.deepEqual(await driver.output(results).values(), [])
  })

  it('[7.2] retries a record and a timer with the state as it was', async () => {
    let fails = 3
    const built = over(keyed =>
      keyed.process(
        'retried',
        {
          state: { n: state.value<number>() },
          retry: { retries: 2, backoff: '1s' },
          onTimer: ({ state: { n } }) => {
            n.set(n.get()! + 10)
            if (fails-- > 0) throw new Error('not yet')
            return [n.get()]
          },
        },
        ({ at }, { state: { n }, timers }) => {
          n.set((n.get() ?? 0) + 1)
          timers.at(at + 1_000)
          if (fails-- > 1) throw new Error('not yet')
          return [n.get()]
        },
      ),
    )
    await using driver = await testDriver([built], { mode })
    await driver.input(events).send(event('a', 0))
    await driver.advance(5_000)
    assert.deepEqual(await driver.output(results).values(), [1])
    fails = 2
    await driver.input(events).send(event('b', 5_000))
    await driver.advance(5_000)
    await driver.finish()
    await driver.advance(5_000)
    assert.deepEqual(
      (await driver.output(results).readAll()).map(({ value }) => value),
      [1, 1, 11, 11],
    )
  })

  it('[5.4] [5.11] freezes what it keeps in tests, and refuses what cannot be stored', async () => {
    const built = over(keyed =>
      keyed.process('frozen', { state: { v: state.value<any>() } }, ({ id }, { state: { v } }) => {
        if (id === 0) v.set({ list: [1] })
        if (id === 1) v.get().list.push(2)
        if (id === 2) v.set(1n)
        if (id === 3) v.set(undefined)
        return [v.get()]
      }),
    )
    await using driver = await testDriver([built], { mode })
    ids = 0
    for (let i = 0; i < 5; i++) await driver.input(events).send(event('a', i))
    assert.deepEqual(await driver.output(results).values(), [{ list: [1] }, { list: [1] }])
    assert.equal((await driver.sideStream('failed').read()).length, 3)
  })
})

it('[4.2] a process step gives the same in every way that must not matter', async () => {
  ids = 0
  const input = Array.from({ length: 14 }, (_, i) => event('abc'[i % 3]!, 700 * i - (i % 4) * 300))
  const own: unknown[] = []
  const operator = (stream: SourceStream<Event, string | null>) =>
    stream.byKey().process(
      'sums',
      {
        state: { sum: state.value<number>(), items: state.list<number>(), by: state.map<number, string>() },
        onTimer: ({ key, state: { sum, items, by }, timer: { time } }) => {
          const result = { key, sum: sum.get(), items: [...items], by: [...by], at: time - t0 }
          sum.delete()
          items.clear()
          by.delete(0)
          return [result]
        },
      },
      ({ id }, { state: { sum, items, by }, timers }) => {
        sum.set((sum.get() ?? 0) + id)
        items.push(id)
        by.set(id % 2, String(id))
        if (timers.get() === undefined) timers.after('2s')
      },
    )
  const check = { input, each, source: { outOfOrder: '1s' as const }, ordered: true }
  // What the interpreter gives in one go is what every other way must give.
  const built = pipeline('once', p => {
    operator(p.from(topic('operator-input', { value: json<Event>() }), check.source) as never).to(results)
  })
  await using driver = await testDriver([built], { mode: 'interpreted' })
  await driver.input(topic('operator-input', { value: json<Event>() })).sendAll(input, each)
  await driver.finish()
  own.push(...(await driver.output(results).values()))
  assert.equal(own.length > 3, true)
  await verifyOperator(operator as never, { ...check, expected: own })
})
