import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { CallDesk } from '../engine/testkit/call-desk.ts'
import { count, json, last, pipeline, sum, topic, tumbling } from '../index.ts'
import { CommitError } from '../log/log.ts'
import { seededRandom } from '../std/random.ts'
import { testDriver, verifyOperator } from '../testing.ts'
import { describeModes } from './testkit/modes.ts'
import { t0, type View, view, views } from './testkit/views.ts'

interface Row {
  readonly n: number
  readonly ms: number
  readonly key: string
  readonly start: number
}

const answers = topic('answers', { value: json<View>() })
const rows = topic('rows', { value: json<Row>() })

/** Lets the event loop turn as often as a value says, as an answer from elsewhere would. */
async function answerIn(turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise(resolve => setImmediate(resolve))
}

describe('asyncMap in every way that must not matter', () => {
  it('[7.4] gives each record its result once', async () => {
    const input = Array.from({ length: 12 }, (_, i) => view(i % 3 === 0 ? '/' : '/other', i * 700, i))
    await verifyOperator<View, any>(
      stream =>
        stream.asyncMap(
          'ask',
          async v => {
            await answerIn(v.ms % 4)
            return { ms: v.ms, asked: v.url }
          },
          { concurrency: 3 },
        ),
      { input, expected: input.map(({ ms, url }) => ({ ms, asked: url })) },
    )
  })

  it('[7.4] [4.1] windows behind it, over a keyBy, count each record once and none as late', async () => {
    const input = Array.from({ length: 12 }, (_, i) => view(i % 3 === 0 ? '/' : '/other', i * 1_300, i))
    const windows = pipeline('windows', p => {
      p.from(views, { idle: 'never' })
        .asyncMap('ask', async v => {
          await answerIn(3 - (v.ms % 4))
          return v
        })
        .keyBy('url')
        .window(tumbling('5s'))
        .aggregate('rows', { n: count(), ms: sum('ms') })
        .emit('final')
        .to(rows)
    })
    const expected = new Map<string, Row>()
    for (const { url, ms, at } of input) {
      const start = at - (at % 5_000)
      const before = expected.get(`${url}${start}`) ?? { n: 0, ms: 0 }
      expected.set(`${url}${start}`, {
        n: before.n + 1,
        ms: before.ms + ms,
        key: url,
        start,
        end: start + 5_000,
      } as Row)
    }
    await verifyOperator<View, any>(windows, {
      input,
      inputTopic: views,
      each: ({ url }) => ({ partition: url === '/' ? 0 : 1 }),
      expected: [...expected.values()],
    })
  })

  it('[2.4] [7.4] results leave once whatever becomes of commits', async () => {
    const struck = { aborted: 0, unknown: 0 }
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.constantFrom('key' as const, 'none' as const),
        async (seed, order) => {
          const random = seededRandom(seed)
          const desk = new CallDesk<View>()
          const asked = pipeline('asked', p => {
            p.from(views)
              .asyncMap('ask', v => desk.ask(v.ms, v), { concurrency: 2, order, timeout: '1h' })
              .to(answers)
          })
          let isOver = false
          const faults = (point: string) => {
            if (isOver || random() > 0.3 || !point.startsWith('commit.')) return undefined
            const outcome = point === 'commit.before' ? 'aborted' : 'unknown'
            struck[outcome]++
            return new CommitError(outcome, 'struck')
          }
          await using driver = await testDriver([asked], { faults })
          const sent = Array.from({ length: 10 }, (_, i) => view('/', i, i))
          for (const each of sent) {
            await driver.input(views).send(each, { key: random() < 0.5 ? 'a' : 'b' })
            if (random() < 0.6) await desk.settle(desk.open[Math.floor(random() * desk.open.length)])
            if (random() < 0.2) await driver.crash()
            await driver.advance('1s')
          }
          isOver = true
          while (desk.open.length > 0) {
            await desk.settle(desk.open[0])
            await driver.advance('10s')
          }
          const ids = (await driver.output(answers).values()).map(({ ms }) => ms)
          assert.deepEqual(
            ids.toSorted((a, b) => a - b),
            sent.map(({ ms }) => ms),
          )
        },
      ),
      { numRuns: 25 },
    )
    assert.ok(struck.aborted > 20 && struck.unknown > 20, JSON.stringify(struck))
  })
})

describeModes('a driver of asyncMap', mode => {
  function windowsBehind(desk: CallDesk<View>, order: 'key' | 'none' = 'key') {
    return pipeline('windows', p => {
      p.from(views, { idle: 'never' })
        .asyncMap('ask', v => desk.ask(v.ms, v), {
          timeout: '1m',
          order,
          retry: { retries: 1, backoff: '10s' },
        })
        .keyBy('url', 'url', { partitions: 1 })
        .window(tumbling('5s'))
        .aggregate('rows', { n: count(), ms: sum('ms') })
        .emit('final')
        .to(rows)
    })
  }

  it('[3.5] [7.4] ends its input, and windows close once the last call is through', async () => {
    const desk = new CallDesk<View>()
    await using driver = await testDriver([windowsBehind(desk)], { mode })
    await driver.input(views).send(view('/', 1_000, 7), { key: '/' })
    await driver.finish()
    assert.deepEqual(await driver.output(rows).values(), [])
    await desk.settle(desk.open[0])
    await driver.advance(0)
    assert.deepEqual(
      (await driver.output(rows).values()).map(({ n, ms }) => [n, ms]),
      [[1, 7]],
    )
  })

  it('[7.4] says which call holds a window open, and since when', async () => {
    const desk = new CallDesk<View>()
    await using driver = await testDriver([windowsBehind(desk, 'none')], { mode })
    const { send } = driver.input(views)
    for (const at of [1_000, 2_000, 30_000]) await send(view('/', at, at), { key: '/' })
    await desk.refuse(desk.open[0]!)
    await driver.advance('1s')
    const [before] = await driver.explain('rows')
    assert.match(
      before!.text,
      /^No window .*\n {2}A record is on its way: the call of "ask" for record views offset 0/,
    )
    await desk.settle(desk.open[0])
    await driver.advance('11s')
    const [explained] = await driver.explain('rows')
    const call = explained!.inputs.find(each => each.call !== undefined)!.call!
    assert.deepEqual(
      [call.step, call.key, call.offset, call.timestamp, call.waitedMs, call.attempt, call.waiting],
      ['ask', '/', 0, t0 + 1_000, 12_000, 1, 2],
    )
    assert.match(
      explained!.text,
      /the call of "ask" for record views offset 0 \(key "\/"\) has taken 12 s, having failed 1 time, and 1 other waits with it/,
    )
  })

  it('[7.4] moves its clock over back-offs and time-outs', async () => {
    const desk = new CallDesk<View>()
    await using driver = await testDriver([windowsBehind(desk)], { mode })
    await driver.input(views).send(view('/', 1_000, 7), { key: '/' })
    await driver.advance('1m')
    assert.deepEqual(desk.made, [7])
    await driver.advance('10s')
    assert.deepEqual(desk.made, [7, 7])
    assert.deepEqual(await driver.sideStream('failed').read(), [])
    await driver.advance('1m')
    const [failed] = await driver.sideStream('failed').read()
    assert.deepEqual([failed!.step, failed!.reason, failed!.attempt], ['ask', 'timeout', 1])
  })

  it('[7.4] a task in which as many records wait as may waits for nothing but its calls', async () => {
    const desk = new CallDesk<View>()
    const asked = pipeline('asked', p => {
      p.from(views, { idle: '1s' })
        .asyncMap('ask', v => desk.ask(v.ms, v), { concurrency: 1, timeout: '2d' })
        .to(answers)
    })
    await using driver = await testDriver([asked], { mode })
    for (let i = 0; i < 4; i++) await driver.input(views).send(view('/', i, i), { key: '/' })
    // A clock that were asked again every ms would not come to the end of it.
    await driver.advance('1d')
    assert.deepEqual(desk.made, [0])
    while (desk.open.length > 0) {
      await desk.settle(desk.open[0])
      await driver.advance(0)
    }
    assert.equal((await driver.output(answers).values()).length, 4)
  })

  it('[6.2] [7.4] what comes of calls that were restored meets tables as they were read to their ends', async () => {
    const sites = topic('sites', { value: json<{ name: string }>(), cleanup: 'compact', partitions: 2 })
    let isOpen = false
    const asked = pipeline('asked', p => {
      p.from(views, { idle: 'never' })
        .asyncMap('ask', v => (isOpen ? v : new Promise<View>(() => {})), { concurrency: 1, timeout: '1h' })
        .joinGlobal(p.globalTable(sites), { key: 'url' }, (v, { name }) => ({ ...v, name }))
        .to(answers)
    })
    await using driver = await testDriver([asked], { mode })
    for (let i = 0; i < 40; i++) await driver.input(sites).send({ name: `n${i}` }, { key: `/${i}` })
    for (let i = 0; i < 4; i++) await driver.input(views).send(view(`/${i}`, i), { key: 'k' })
    isOpen = true
    await driver.crash()
    const names = (await driver.output(answers).values()).map(v => (v as View & { name: string }).name)
    assert.deepEqual(names, ['n0', 'n1', 'n2', 'n3'])
  })

  it('[3.7] [7.4] takes the rows of a window that closes, however many, and waits with the next ones', async () => {
    const desk = new CallDesk<any>()
    const asked = pipeline('asked', p => {
      p.from(views, { idle: 'never' })
        .keyBy('url')
        .window(tumbling('5s'))
        .aggregate('rows', { n: count(), ms: last('ms') })
        .emit('final')
        .asyncMap('ask', row => desk.ask(row.ms!, { row }), { concurrency: 1 })
        .to(answers as never)
    })
    await using driver = await testDriver([asked], { mode })
    const urls = Array.from({ length: 30 }, (_, i) => view(`/${i}`, 1_000, i))
    await driver.input(views).sendAll(urls)
    await driver.finish()
    while (desk.open.length > 0) {
      await desk.settle(desk.open[0])
      await driver.advance(0)
    }
    assert.equal((await driver.output(answers).values()).length, 30)
    assert.equal(desk.made.length, 30)
  })
})
