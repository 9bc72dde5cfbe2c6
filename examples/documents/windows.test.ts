import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  afterCount,
  avg,
  calendar,
  collect,
  count,
  countDistinct,
  countWindow,
  cron,
  custom,
  every,
  first,
  hopping,
  json,
  last,
  max,
  min,
  pipeline,
  quantile,
  session,
  sliding,
  sum,
  topic,
  tumbling,
  when,
} from 'millrace'
import { testDriver } from 'millrace/testing'
import { hour, keyedTopic, minute, resultsTopic, t0 } from './topics.ts'

describe('windows', () => {
  it('go by a watermark that the records say', async () => {
    const readings = topic('readings', { value: json<{ sensor: string; completeUntil?: number }>() })
    const perMinute = resultsTopic('per-minute')
    const said = pipeline('said', p => {
      const known =
        // #region
        p.from(readings, { watermark: v => v.completeUntil })
      // #endregion
      known.keyBy('sensor').window(tumbling('1m')).aggregate('n', { n: count() }).emit('final').to(perMinute)
    })
    await using driver = await testDriver([said])
    const send = (at: number, completeUntil?: number) =>
      driver.input(readings).send({ sensor: 's', completeUntil }, { timestamp: t0 + at })
    await send(5)
    await send(2 * minute)
    assert.deepEqual(await driver.output(perMinute).values(), [])
    await send(2 * minute, t0 + minute)
    assert.equal((await driver.output(perMinute).values()).length, 1)
  })

  it('wait for the slowest partition', async () => {
    const readingsTopic = topic('far-apart', { value: json<{ sensor: string }>(), partitions: 2 })
    const copies = topic('copies', { value: json<{ sensor: string }>() })
    const aligned = pipeline('aligned', p => {
      // #region
      const readings = p.from(readingsTopic, { outOfOrder: '10s', maxDrift: '5m' })
      // #endregion
      readings.to(copies)
    })
    await using driver = await testDriver([aligned])
    const send = (sensor: string, partition: number, at: number) =>
      driver.input(readingsTopic).send({ sensor }, { partition, timestamp: t0 + at })
    const copied = async () => (await driver.output(copies).values()).map(({ sensor }) => sensor)
    await send('slow', 0, 0)
    await send('fast', 1, 6 * minute)
    await send('faster', 1, 10 * minute)
    assert.deepEqual(await copied(), ['slow', 'fast'])
    await send('slow', 0, 5 * minute)
    assert.deepEqual(await copied(), ['slow', 'faster'])
  })

  it('are sessions', async () => {
    const viewsTopic = topic('views', {
      value: json<{ visitor: string; url: string; at: number }>(),
      timestamp: 'at',
    })
    const journeys = resultsTopic('journeys')
    const sessions = pipeline('sessions', p => {
      const views = p.from(viewsTopic)
      // #region
      const visits = views
        .keyBy('visitor')
        .window(session('30m', { grace: '1m' }))
        .aggregate('visits', { pages: count(), entry: first('url'), exit: last('url') })
      visits
        .emit('final')
        .map(visit => ({ ...visit, ms: visit.end - visit.start }))
        .to(journeys)
      // #endregion
    })
    await using driver = await testDriver([sessions])
    const view = (url: string, at: number) => ({ visitor: 'ada', url, at: t0 + at })
    await driver.input(viewsTopic).sendAll([view('/', 0), view('/buy', 30 * minute), view('/late', 2 * hour)])
    await driver.finish()
    assert.deepEqual(
      (await driver.output(journeys).values()).map(({ entry, exit, pages, ms }) => [entry, exit, pages, ms]),
      [
        ['/', '/buy', 2, 30 * minute],
        ['/late', '/late', 1, 0],
      ],
    )
  })

  it('have columns of many kinds', async () => {
    interface Line {
      basket: string
      item: string
      cents: number
      at: number
    }
    const linesTopic = topic('lines', { value: json<Line>(), key: 'basket', timestamp: 'at' })
    const closed = resultsTopic('closed-baskets')
    const summary = pipeline('summary', p => {
      const lines = p.from(linesTopic)
      // #region
      const baskets = lines
        .byKey()
        .window(session('5m'))
        .aggregate('baskets', {
          lines: count(),
          dear: count(({ cents }) => cents > 10_000),
          total: sum('cents'),
          mean: avg('cents'),
          least: min('cents'),
          most: max('cents'),
          entry: first('item'),
          exit: last('item'),
          kinds: countDistinct('item'),
          median: quantile('cents', 0.5),
          items: collect('item', { max: 100 }),
          all: collect(),
          log: custom<Line, number, number>({
            init: () => 0,
            add: (state, { cents }) => state + Math.log(cents),
            merge: (a, b) => a + b,
            result: state => Math.round(state),
            version: 1,
          }),
        })
      // #endregion
      baskets.emit('final').to(closed)
    })
    await using driver = await testDriver([summary])
    const line = (item: string, cents: number, at: number) => ({ basket: 'b', item, cents, at: t0 + at })
    const lines = [line('tea', 300, 0), line('cup', 20_000, minute), line('tea', 400, 2 * minute)]
    await driver.input(linesTopic).sendAll(lines)
    await driver.finish()
    const [{ median, ...row }] = (await driver.output(closed).values()) as [Record<string, unknown>]
    assert.ok(Math.abs((median as number) / 400 - 1) <= 0.01)
    assert.deepEqual(row, {
      lines: 3,
      dear: 1,
      total: 20_700,
      mean: 6_900,
      least: 300,
      most: 20_000,
      entry: 'tea',
      exit: 'tea',
      kinds: 2,
      items: ['tea', 'cup', 'tea'],
      all: lines,
      log: 22,
      key: 'b',
      start: t0,
      end: t0 + 2 * minute,
    })
  })

  it('are of many kinds, and give rows at many times', async () => {
    const viewsTopic = keyedTopic<{ url: string }>('views', 'url')
    const topics = {
      lastTenMinutes: resultsTopic('last-ten-minutes'),
      days: resultsTopic('days'),
      bursts: resultsTopic('bursts'),
      lastHundred: resultsTopic('last-hundred'),
      shortVisits: resultsTopic('short-visits'),
      eachThousand: resultsTopic('each-thousand'),
      hourly: resultsTopic('hourly'),
      lateViews: resultsTopic('late-views'),
    }
    const windows = pipeline('windows', p => {
      const { lastTenMinutes, days, bursts, lastHundred, shortVisits, eachThousand, hourly, lateViews } =
        topics
      // #region
      const views = p.from(viewsTopic, { outOfOrder: '10s', idle: 'never' }).byKey()
      const recent = views.window(hopping('10m', { advance: '1m' })).aggregate('recent', { n: count() })
      recent.emit('updates').to(lastTenMinutes)
      const perDay = views
        .window(calendar('day', { timeZone: 'Europe/Berlin' }))
        .aggregate('per-day', { n: count() })
      perDay.emit('final', { allowedLateness: '1h' }).to(days)
      const within = views.window(sliding('1s')).aggregate('within-1s', { n: count() })
      within.emit('final').to(bursts)
      const hundreds = views
        .window(countWindow(100, { slide: 10 }))
        .aggregate('hundreds', { until: last('url') })
      hundreds.emit('final').to(lastHundred)
      const visits = views.window(session('30m', { maxLength: '1m' })).aggregate('visits', { n: count() })
      visits.emit('final').to(shortVisits)
      const ever = views.aggregate('ever', { n: count() })
      ever.emit(afterCount(1_000, { reset: true })).to(eachThousand)
      const perMinute = views.window(tumbling('1m')).aggregate('per-minute', { n: count() })
      perMinute.emit(every(cron('0 * * * *'))).to(hourly)
      perMinute.late.to(lateViews)
      // #endregion
    })
    await using driver = await testDriver([windows])
    const view = (timestamps: readonly number[]) =>
      driver
        .input(viewsTopic)
        .sendAll(Array(timestamps.length).fill({ url: '/' }), (_, i) => ({ timestamp: timestamps[i] }))
    await view(Array.from({ length: 1_000 }, (_, i) => t0 + i))
    await view([t0 + 2 * minute])
    await view([t0])
    await driver.advance('1h')
    await driver.finish()
    const numbers = async (name: keyof typeof topics) =>
      (await driver.output(topics[name]).values()).map(({ n }) => n)
    assert.equal(Math.max(...(await numbers('lastTenMinutes'))), 1_002)
    assert.deepEqual(await numbers('days'), [1_002])
    assert.equal(Math.max(...(await numbers('bursts'))), 1_000)
    assert.equal((await driver.output(topics.lastHundred).values()).length, 91)
    assert.deepEqual(await numbers('shortVisits'), [1_000, 1])
    assert.deepEqual(await numbers('eachThousand'), [1_000])
    assert.deepEqual(await numbers('hourly'), [1_000, 1])
    assert.deepEqual(await driver.output(topics.lateViews).values(), [{ url: '/' }])
  })

  it('give an alarm when a condition holds', async () => {
    const loginsTopic = keyedTopic<{ account: string }>('logins', 'account')
    const alarms = resultsTopic('alarms')
    const reports = resultsTopic('reports')
    const hourly = resultsTopic('hourly')
    const watched = pipeline('watched', p => {
      const logins = p.from(loginsTopic)
      // #region
      const tries = logins.byKey().window(tumbling('1h')).aggregate('tries', { failed: count() })
      tries.emit(when(row => row.failed >= 10)).to(alarms)
      tries.emit(when(row => row.failed % 5 === 0, { again: true })).to(reports)
      tries.emit('final').to(hourly)
      // #endregion
    })
    await using driver = await testDriver([watched])
    await driver
      .input(loginsTopic)
      .sendAll(Array(12).fill({ account: 'ada' }), (_, i) => ({ timestamp: t0 + i * minute }))
    assert.deepEqual(
      (await driver.output(alarms).values()).map(({ failed }) => failed),
      [10],
    )
    assert.deepEqual(
      (await driver.output(reports).values()).map(({ failed }) => failed),
      [5, 10],
    )
    await driver.finish()
    assert.deepEqual(
      (await driver.output(hourly).values()).map(({ failed }) => failed),
      [12],
    )
  })
})
