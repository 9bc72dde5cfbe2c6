import assert from 'node:assert/strict'
import { it } from 'node:test'
import { count, json, pipeline, type SourceOptions, topic, tumbling } from '../index.ts'
import { type TestDriver, testDriver } from '../testing.ts'
import { describeModes } from './testkit/modes.ts'
import { t0, type View, view, views } from './testkit/views.ts'

interface Ten {
  readonly n: number
  readonly key: string
  readonly start: number
  readonly end: number
}
const tens = topic('tens', { value: json<Ten>() })

/** Records per page in windows of ten seconds, behind a re-keying. */
function tensOf(source: SourceOptions = {}) {
  return pipeline('tens', p => {
    const windows = p.from(views, source).keyBy('url').window(tumbling('10s'))
    windows.aggregate('per-ten', { n: count() }).emit('final').to(tens)
  })
}

/** Windows as `[start in seconds since t0, count]`. */
async function closed(driver: TestDriver): Promise<[number, number][]> {
  const rows = await driver.output(tens).values()
  return rows.map(({ start, n }) => [(start - t0) / 1000, n])
}

async function lateByRelease(driver: TestDriver): Promise<number> {
  const tasks = driver.health().flatMap(each => each.tasks)
  return tasks.reduce((sum, task) => sum + task.lateByRelease, 0)
}

describeModes('time', mode => {
  it('[3.4] an idle partition is released after `idle`, the last window comes out, and time goes on at wall speed', async () => {
    await using driver = await testDriver([tensOf({ idle: '5s' })], { mode })
    const { send } = driver.input(views)
    await send(view('/', 1_000), { partition: 0 })
    await send(view('/', 25_000), { partition: 1 })
    await driver.advance('3s')
    await send(view('/', 28_000), { partition: 1 })
    await driver.advance(1_999)
    assert.deepEqual(await closed(driver), [], 'partition 0 holds the time back')
    await driver.advance(1)
    assert.deepEqual(await closed(driver), [[0, 1]], 'it is released')
    // Partition 1 is released at 8 s, with its time at 28 s: 30 s come two seconds later.
    await driver.advance(4_999)
    assert.deepEqual(await closed(driver), [])
    await driver.advance(1)
    assert.deepEqual(await closed(driver), [[20, 2]])
    assert.equal(await lateByRelease(driver), 0)
    await send(view('/', 15_000), { partition: 0 })
    assert.equal(await lateByRelease(driver), 1)
    const [late] = await driver.sideStream('late').read()
    assert.deepEqual([late!.reason, late!.step, late!.offset >= 0], ['late-by-release', 'per-ten', true])
    assert.deepEqual(JSON.parse(late!.value!), view('/', 15_000))
  })

  it('[3.4] releases and the time they led to survive a crash', async () => {
    await using driver = await testDriver([tensOf({ idle: '5s' })], { mode })
    await driver.input(views).send(view('/', 1_000), { partition: 0 })
    await driver.advance('14s')
    assert.deepEqual(await closed(driver), [[0, 1]])
    await driver.crash()
    await driver.input(views).send(view('/', 2_000), { partition: 1 })
    assert.equal((await driver.sideStream('late').read()).length, 1, 'late before the crash is late after it')
    await driver.finish()
    assert.deepEqual(await closed(driver), [])
  })

  it("[3.4] `idle: 'never'` waits however long nothing comes", async () => {
    await using driver = await testDriver([tensOf({ idle: 'never' })], { mode })
    await driver.input(views).send(view('/', 1_000), { partition: 0 })
    await driver.input(views).send(view('/', 50_000), { partition: 0 })
    await driver.advance('30d')
    assert.deepEqual(await closed(driver), [])
    await driver.input(views).send(view('/', 50_000), { partition: 1 })
    assert.deepEqual(await closed(driver), [[0, 1]])
  })

  it('[3.5] the end of the input closes every window, of every partition', async () => {
    await using driver = await testDriver([tensOf({ idle: 'never', outOfOrder: '1h' })], { mode })
    const records = [view('/a', 0), view('/b', 30_000), view('/a', 1_000_000)]
    await driver.input(views).sendAll(records)
    assert.deepEqual(await closed(driver), [])
    await driver.endInput(views)
    assert.deepEqual(
      (await closed(driver)).sort((a, b) => a[0] - b[0]),
      [
        [0, 1],
        [30, 1],
        [1_000, 1],
      ],
    )
  })

  it('[3.6] a record more than `maxFuture` ahead is rejected and moves nothing', async () => {
    await using driver = await testDriver([tensOf({ maxFuture: '1h' })], { mode, startTime: t0 })
    const { send } = driver.input(views)
    await send(view('/', 3_600_001), { partition: 0 })
    const [rejected] = await driver.sideStream('rejected').read()
    assert.deepEqual([rejected!.reason, rejected!.offset], ['future', 0])
    await send(view('/', 1), { partition: 0 })
    await send(view('/', 3_600_000), { partition: 0 })
    await send(view('/', 3_600_000), { partition: 1 })
    assert.deepEqual(await closed(driver), [[0, 1]])
    assert.deepEqual(await driver.sideStream('rejected').read(), [])
    assert.deepEqual(await driver.sideStream('late').read(), [])
  })

  it('[4.3] a gap longer than any retention loses no window', async () => {
    const shortLived = topic('short-lived', {
      value: json<View>(),
      timestamp: 'at',
      partitions: 2,
      retention: '1h',
    })
    const gaps = pipeline('gaps', p => {
      const windows = p.from(shortLived).keyBy('url').window(tumbling('10s'))
      windows.aggregate('per-ten', { n: count() }).emit('final').to(tens)
    })
    await using driver = await testDriver([gaps], { mode, startTime: t0 })
    const years = 10 * 366 * 86_400_000
    await driver.input(shortLived).send(view('/', 0), { partition: 0 })
    for (const step of ['1s', '2s'] as const) {
      await driver.clean()
      await driver.crash()
      await driver.advance(step)
    }
    assert.deepEqual(await closed(driver), [], 'the window is open')
    const snapshot = await driver.snapshot()
    await using later = await testDriver([gaps], { mode, from: { ...snapshot, time: t0 + years } })
    await later.clean()
    await later.crash()
    await later.input(shortLived).send(view('/', years), { partition: 0 })
    await later.advance('5s')
    assert.deepEqual(await closed(later), [[0, 1]])
    await later.clean()
    await later.crash()
    await later.advance('15s')
    assert.deepEqual(await closed(later), [[years / 1000, 1]], 'the last one needs no further record')
  })

  it('[4.4] a replay into a new group gives the same, but for what releases made late', async () => {
    const tensPipeline = tensOf({ idle: '5s' })
    await using live = await testDriver([tensPipeline], { mode, app: 'live', startTime: t0 })
    const { send } = live.input(views)
    for (const at of [1_000, 4_000, 12_000, 11_000, 25_000]) {
      await send(view('/', at), { partition: 0 })
      await send(view('/', at + 1), { partition: 1 })
      await live.advance('1s')
    }
    await using again = await testDriver([tensPipeline], { mode, app: 'again', from: await live.snapshot() })
    await Promise.all([live.finish(), again.finish()])
    const results = await closed(live)
    assert.equal(results.length, 3)
    // The new group wrote beside the old one what that had written before.
    const replayed = (await again.output(tens).readAll()).map(({ value }) => [
      (value!.start - t0) / 1000,
      value!.n,
    ])
    for (const row of results) assert.ok(replayed.some(other => other[0] === row[0] && other[1] === row[1]))
    assert.equal(await lateByRelease(live), 0)
  })

  it('[4.4] what an idle partition was too late for is in time in a replay', async () => {
    const tensPipeline = tensOf({ idle: '5s' })
    await using live = await testDriver([tensPipeline], { mode, app: 'live' })
    await live.input(views).send(view('/', 1_000), { partition: 0 })
    await live.advance('15s')
    await live.input(views).send(view('/', 2_000), { partition: 1 })
    assert.equal(await lateByRelease(live), 1)
    assert.deepEqual(await closed(live), [[0, 1]])
    await using again = await testDriver([tensPipeline], { mode, app: 'again', from: await live.snapshot() })
    await again.finish()
    assert.deepEqual(await closed(again), [[0, 2]])
    assert.equal(await lateByRelease(again), 0)
  })

  it('[5.2] steps behind one keyBy share its topic, and byKey needs none', async () => {
    const keyed = topic('keyed', { value: json<{ n: number }>(), key: v => `k${v.n}`, partitions: 3 })
    const shared = pipeline('shared', p => {
      const byPage = p.from(views).keyBy('url')
      byPage.aggregate('one', { n: count() })
      byPage.window(tumbling('10s')).aggregate('two', { n: count() })
      p.from(views)
        .keyBy('by-ms', v => v.ms)
        .aggregate('three', { n: count() })
      p.from(keyed).byKey().aggregate('four', { n: count() })
    })
    await using driver = await testDriver([shared], { mode })
    await driver.input(views).sendAll([view('/', 0, 7), view('/', 1, 7)])
    await driver.input(keyed).sendAll([{ n: 1 }, { n: 2 }])
    const { topics } = (await driver.snapshot()).log
    const repartitions = topics.map(({ info }) => info).filter(({ name }) => name.endsWith('.repartition'))
    assert.deepEqual(
      repartitions.map(({ name, partitions }) => [name, partitions]),
      [
        ['test.shared.url.repartition', 2],
        ['test.shared.by-ms.repartition', 2],
      ],
    )
    assert.deepEqual(await driver.table('one').get('/'), { n: 2 })
    assert.deepEqual(await driver.table('two').windows('/'), [
      { start: t0, end: t0 + 10_000, value: { n: 2 } },
    ])
    assert.deepEqual(await driver.table('three').get(7), { n: 2 })
    assert.deepEqual(await driver.table('four').get('k2'), { n: 1 })
  })

  it('[3.3] two re-keyings that one task writes keep their times apart where they meet, after a crash too', async () => {
    const meeting = pipeline('meeting', p => {
      const all = p.from(views, { idle: 'never' })
      const short = all.filter(v => v.ms < 10).keyBy('short', 'url', { partitions: 1 })
      const long = all.filter(v => v.ms >= 10).keyBy('long', 'url', { partitions: 1 })
      short.merge(long).window(tumbling('10s')).aggregate('per-ten', { n: count() }).emit('final').to(tens)
    })
    await using driver = await testDriver([meeting], { mode })
    const { send } = driver.input(views)
    for (const partition of [0, 1]) await send(view('/', 1_000, partition * 20), { partition })
    assert.deepEqual(await closed(driver), [])
    await driver.crash()
    for (const partition of [0, 1]) await send(view('/', 11_000, partition * 20), { partition })
    assert.deepEqual(await closed(driver), [[0, 2]])
    await driver.finish()
    assert.deepEqual(await closed(driver), [[10, 2]])
  })
})
