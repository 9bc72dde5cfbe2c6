import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { count, type Duration, json, pipeline, type SourceOptions, topic, tumbling } from '../index.ts'
import { testDriver } from '../testing.ts'
import { describeModes } from './testkit/modes.ts'
import { t0, view, views } from './testkit/views.ts'

const rows = topic('rows', { value: json<unknown>() })
const ofOnePartition = topic('ones', { value: json<{ at: number }>(), partitions: 1, timestamp: v => v.at })

/** Records per page in windows of ten seconds, each partition by itself. */
function direct(source: SourceOptions = {}) {
  return pipeline('tens', p => {
    const windows = p
      .from(views, source)
      .byKey()
      .window(tumbling('10s', { grace: '2s' }))
    windows.aggregate('per-ten', { n: count() }).emit('final').to(rows)
  })
}

/** Late records are counted by the grace they lack; one key, one partition. */
function ungraceful(graceMs: Duration) {
  return pipeline('grace', p => {
    const windows = p
      .from(ofOnePartition)
      .keyBy('all', () => 'all', { partitions: 1 })
      .window(tumbling('10s', { grace: graceMs }))
    windows.aggregate('per-ten', { n: count() }).emit('final').to(rows)
  })
}

const seconds = (ms: number | undefined) => (ms === undefined ? undefined : (ms - t0) / 1000)

describeModes('an explanation', mode => {
  it('tells the close of a window from the end of its allowed lateness', async () => {
    const lenient = pipeline('tens', p => {
      p.from(ofOnePartition)
        .keyBy('all', () => 'all', { partitions: 1 })
        .window(tumbling('10s', { grace: '2s' }))
        .aggregate('per-ten', { n: count() })
        .emit('final', { allowedLateness: '30s' })
        .to(rows)
    })
    await using driver = await testDriver([lenient], { mode })
    const next = async () => {
      const [{ next, text }] = (await driver.explain('per-ten')) as [any]
      return {
        times: [next.start, next.closesAt, next.latenessEndsAt].map(seconds),
        missingMs: next.missingMs,
        text,
      }
    }
    await driver.input(ofOnePartition).send({ at: t0 + 3_000 })
    const open = await next()
    assert.deepEqual([open.times, open.missingMs], [[0, 12, 42], 9_000])
    assert.match(
      open.text,
      /closes when event time reaches \S+:12\.000Z, and takes late records until \S+:42\.000Z/,
    )
    await driver.input(ofOnePartition).send({ at: t0 + 15_000 })
    const following = await next()
    assert.deepEqual([following.times, following.missingMs], [[10, 22, 52], 7_000])
    await driver.input(ofOnePartition).send({ at: t0 + 23_000 })
    await driver.input(ofOnePartition).send({ at: t0 + 14_000 })
    assert.deepEqual((await next()).times, [20, 32, 62])
  })

  it('names the input that holds a window open, and the record or the rest that it takes', async () => {
    const joined = pipeline('tens', p => {
      const both = p.from(views, { idle: '30s', outOfOrder: '1s' }).keyBy('page', 'url', { partitions: 1 })
      both
        .window(tumbling('10s', { grace: '2s' }))
        .aggregate('per-ten', { n: count() })
        .emit('final')
        .to(rows)
    })
    await using driver = await testDriver([joined], { mode })
    const { send } = driver.input(views)
    await send(view('/', 3_000), { partition: 0 })
    await send(view('/', 40_000), { partition: 1 })
    const [explained] = await driver.explain('per-ten')
    assert.deepEqual(
      explained!.inputs.map(({ upstream, state, watermark }) => [upstream, state, seconds(watermark)]),
      [
        ['views/0', 'holds back', 2],
        ['views/1', 'ahead', 39],
      ],
    )
    const { start, end, closesAt, missingMs } = explained!.next!
    assert.deepEqual([seconds(start), seconds(end), seconds(closesAt), missingMs], [0, 10, 12, 10_000])
    assert.match(
      explained!.text,
      /"per-ten" closes when event time reaches .*; task .* 10 s less\.\n {2}page\.repartition\/0, written by views\/0, holds it back/,
    )
  })

  it('tells what is left of the time until an idle partition is left out', async () => {
    await using driver = await testDriver([direct({ outOfOrder: '1s' })], { mode })
    await driver.input(views).send(view('/', 3_000), { key: '/', partition: 0 })
    await driver.advance('2s')
    const before = (await driver.explain('per-ten'))[0]!
    const [input] = before.inputs
    assert.deepEqual(
      [
        input!.state,
        input!.drainedMs,
        input!.idleMs,
        input!.lag,
        seconds(input!.neededTime),
        seconds(input!.largestTime),
      ],
      ['holds back', 2_000, 5_000, 0, 13, 3],
    )
    assert.match(
      before.text,
      /views\/0 holds it back at .*02\.000Z; its newest record is of .*03\.000Z; everything there is has been read; it takes a record of .*13\.000Z or later, or 3 s more without any\./,
    )
    await driver.advance('3s')
    assert.equal((await driver.explain('per-ten'))[0]!.inputs[0]!.state, 'idle')
  })

  it('the record that it asks for closes the window, one a millisecond earlier does not', async () => {
    const at = async (ms: number) => {
      await using driver = await testDriver([direct({ outOfOrder: '1s' })], { mode })
      const { send } = driver.input(views)
      await send(view('/', 3_000), { key: '/', partition: 0 })
      const [explained] = await driver.explain('per-ten')
      await send(view('/', explained!.inputs[0]!.neededTime! - t0 + ms), { key: '/', partition: 0 })
      return (await driver.output(rows).values()).length
    }
    assert.deepEqual([await at(-1), await at(0)], [0, 1])
  })

  it('has no window where none is open, and says so', async () => {
    await using driver = await testDriver([direct()], { mode })
    const [explained] = await driver.explain('per-ten')
    assert.equal(explained!.next, undefined)
    assert.equal(explained!.watermark, undefined)
    assert.match(explained!.text, /No window of "per-ten" is open in task/)
  })

  it('counts how much more grace each late record lacks', async () => {
    await using driver = await testDriver([ungraceful(0)], { mode })
    for (const ms of [19_000, 9_000, 20_000, 17_000, 24_000, 100_000, 5_000])
      await driver.input(ofOnePartition).send({ at: t0 + ms })
    const [explained] = await driver.explain('per-ten')
    // 9 s closed at 10 s and came at 19 s, 17 s came the moment its window closed, 5 s came at 100 s.
    assert.deepEqual(explained!.missedGrace, [
      { graceMs: 1_000, records: 1 },
      { graceMs: 10_000, records: 2 },
      { graceMs: 120_000, records: 3 },
    ])
    assert.match(explained!.text, /10 s more grace would have kept 2 late records\./)
  })

  it('[3.2] counts of the late records those that more grace keeps, as runs with that much more confirm', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 40_000 }), { minLength: 2, maxLength: 20 }),
        async times => {
          const run = async (graceMs: number) => {
            await using driver = await testDriver([ungraceful(graceMs)], { mode })
            await driver.input(ofOnePartition).sendAll(times.map(ms => ({ at: t0 + ms })))
            const late = driver.health()[0]!.tasks.reduce((sum, task) => sum + task.late, 0)
            return { late, missed: (await driver.explain('per-ten'))[0]!.missedGrace }
          }
          const { late, missed } = await run(0)
          assert.equal(missed.at(-1)?.records ?? 0, late)
          for (const { graceMs, records } of missed) assert.equal((await run(graceMs)).late, late - records)
        },
      ),
      { numRuns: 15 },
    )
  })
})

describeModes('an explanation of what has no windows', mode => {
  const left = topic('left', { value: json<{ n: number }>() })
  const right = topic('right', { value: json<{ n: number }>() })

  it('of a join of streams says when it gives up on what has met nothing, and what holds that back', async () => {
    const tested = pipeline('join', p => {
      p.from(left)
        .byKey()
        .leftJoin('met', p.from(right).byKey(), { after: '10s' }, ({ n }, other) => n + (other?.n ?? 0))
        .to(rows)
    })
    await using driver = await testDriver([tested], { mode })
    await driver.input(left).send({ n: 1 }, { key: 'a', timestamp: t0 })
    const [explained] = await driver.explain('met')
    assert.equal(explained!.next, undefined)
    assert.ok(explained!.dueAt! > t0 + 10_000)
    assert.match(
      explained!.text,
      /"met" goes on by itself when .*\n {2}right\/0 holds it back: nothing came from there yet/,
    )
  })

  it('of a table says when its next row expires, or that nothing waits', async () => {
    const tested = pipeline('tables', p => {
      p.table(left, { ttl: '10s', name: 'short' })
      p.table(right, { name: 'long' })
    })
    await using driver = await testDriver([tested], { mode })
    await driver.input(left).send({ n: 1 }, { key: 'a', timestamp: t0 })
    await driver.input(right).send({ n: 1 }, { key: 'a', timestamp: t0 })
    const [short] = await driver.explain('short-ttl')
    assert.equal(short!.dueAt, t0 + 10_000)
    assert.match(
      short!.text,
      /has reached .*, 10 s less\.\n {2}left\/0 holds it back .* it takes a record of/,
    )
    const [long] = await driver.explain('long')
    assert.equal(long!.dueAt, undefined)
    assert.match(long!.text, /nothing in it waits/)
  })
})
