import assert from 'node:assert/strict'
import { it } from 'node:test'
import {
  count,
  json,
  type Pipeline,
  PlanError,
  pipeline,
  type SourceOptions,
  topic,
  tumbling,
} from '../index.ts'
import { type TestDriver, testDriver } from '../testing.ts'
import { describeModes } from './testkit/modes.ts'
import { t0 } from './testkit/views.ts'

interface Reading {
  readonly id: number
  readonly at: number
}

const second = 1_000
const minute = 60 * second
const readings = topic('readings', { value: json<Reading>(), timestamp: 'at', partitions: 2 })
const orders = topic('orders', { value: json<Reading>(), timestamp: 'at', partitions: 2 })
const rows = topic('rows', { value: json<{ n: number; start: number }>(), partitions: 1 })
const seen = topic('seen', { value: json<Reading>(), partitions: 1 })

/** What is read, as it is read, and how many there are in each minute. */
function counted(source: SourceOptions = {}): Pipeline {
  return pipeline('counted', p => {
    const all = p.from(readings, source)
    all.to(seen)
    all
      .keyBy('all', () => 'all', { partitions: 1 })
      .window(tumbling('1m'))
      .aggregate('per-minute', { n: count() })
      .emit('final')
      .to(rows)
  })
}

/** Sends a record of each of these times, a batch each. */
async function send(driver: TestDriver, partition: number, ats: readonly number[], to = readings) {
  for (const at of ats) await driver.input(to).send({ id: partition, at: t0 + at }, { partition })
}

/** The times of what was read of a partition. */
async function readOf(driver: TestDriver, id: number): Promise<number[]> {
  const records = await driver.output(seen).readAll()
  return records
    .map(({ value }) => value!)
    .filter(each => each.id === id)
    .map(({ at }) => at - t0)
}

function paused(driver: TestDriver) {
  return driver.health().flatMap(({ tasks }) => tasks.flatMap(task => task.paused))
}

const halfMinutes = Array.from({ length: 20 }, (_, i) => i * 30 * second)
const upTo = (ms: number) => halfMinutes.filter(at => at <= ms)

describeModes('the alignment of partitions', mode => {
  it('[3.8] pauses one that is too far ahead of the slowest until that comes near', async () => {
    await using driver = await testDriver([counted({ maxDrift: '1m' })], { mode, startTime: t0 })
    await send(driver, 1, [0])
    await send(driver, 0, halfMinutes)
    // The batch that goes beyond the drift is the last one.
    assert.deepEqual(await readOf(driver, 0), upTo(90 * second))
    const waitsFor = { topic: 'readings', partition: 1, watermark: t0 }
    assert.deepEqual(paused(driver), [{ topic: 'readings', partition: 0, waitsFor }])
    await send(driver, 1, [4 * minute])
    assert.deepEqual(await readOf(driver, 0), upTo(5.5 * minute))
    await driver.finish()
    assert.deepEqual(await readOf(driver, 0), halfMinutes)
    assert.deepEqual(paused(driver), [])
  })

  it('[3.8] pauses none without the option, and holds back as far as outOfOrder does', async () => {
    for (const [source, last] of [
      [{}, 9.5 * minute],
      [{ maxDrift: '1m', outOfOrder: '2m' }, 90 * second],
    ] as const) {
      await using driver = await testDriver([counted(source)], { mode, startTime: t0 })
      await send(driver, 1, [0])
      await send(driver, 0, halfMinutes)
      assert.deepEqual(await readOf(driver, 0), upTo(last))
    }
  })

  it('[3.8] [3.4] waits for no partition that is idle, and for one that never is', async () => {
    for (const idle of ['5s', 'never'] as const) {
      await using driver = await testDriver([counted({ maxDrift: '1m', idle })], { mode, startTime: t0 })
      await send(driver, 1, [0])
      await send(driver, 0, halfMinutes)
      await driver.advance('4999ms')
      assert.deepEqual(await readOf(driver, 0), upTo(90 * second))
      await driver.advance('1ms')
      assert.deepEqual(await readOf(driver, 0), idle === 'never' ? upTo(90 * second) : halfMinutes)
      // What is paused is not drained, so that it is not idle itself.
      const [{ text }] = (await driver.explain('per-minute')) as [any]
      if (idle === 'never')
        assert.match(
          text,
          /readings\/0 is paused at \S+: it is 1\.5 min ahead of readings\/1, and maxDrift is 1 min\./,
        )
      else assert.doesNotMatch(text, /paused/)
      // It comes back far behind, and is waited for again.
      await send(driver, 1, [minute])
      await send(driver, 0, [20 * minute, 21 * minute])
      const isLeftOut = idle === '5s'
      assert.equal((await readOf(driver, 0)).at(-1), isLeftOut ? halfMinutes.at(-1) : 150 * second)
      await driver.advance('5s')
      assert.equal((await readOf(driver, 0)).at(-1), isLeftOut ? 21 * minute : 150 * second)
    }
  })

  it('[3.8] explains a wait for a partition that has had nothing yet', async () => {
    await using driver = await testDriver([counted({ maxDrift: '1m' })], { mode, startTime: t0 })
    await send(driver, 0, halfMinutes)
    assert.deepEqual(await readOf(driver, 0), [0])
    const [{ text, inputs }] = (await driver.explain('per-minute')) as [any]
    assert.match(
      text,
      /readings\/0 is paused at \S+: nothing came from readings\/1 yet, and maxDrift is 1 min\./,
    )
    assert.deepEqual(
      inputs.flatMap(({ paused = [] }: any) => paused.map(({ waitsFor }: any) => waitsFor.partition)),
      [1],
    )
  })

  it('[3.8] [6.1] lets a task with the slowest partition read on up to its records, in their order', async () => {
    const merged = pipeline('merged', p => {
      const both = p.from(readings, { maxDrift: '1m' }).merge(p.from(orders, { maxDrift: '1m' }))
      both
        .byKey()
        .aggregate('n', { n: count() })
        .emit('updates')
        .to(topic('n', { value: json<unknown>() }))
      both.to(seen)
    })
    await using driver = await testDriver([merged], { mode, startTime: t0 })
    const idsSeen = async () => (await driver.output(seen).read()).map(({ value }) => value!.at - t0)
    for (const partition of [0, 1]) await send(driver, partition, [0])
    await send(driver, 1, [0], orders)
    await send(driver, 0, [10 * minute], orders)
    assert.deepEqual(await idsSeen(), [0, 0, 0, 10 * minute])
    // Out of order, and paused as its partition is, until the slowest one has a record behind it.
    await send(driver, 0, [5 * second, 11 * minute], orders)
    await send(driver, 1, [5 * second])
    assert.deepEqual(await idsSeen(), [5 * second])
    await send(driver, 0, [10 * second])
    assert.deepEqual(await idsSeen(), [5 * second, 10 * second])
    assert.deepEqual(
      paused(driver).map(({ topic, partition }) => `${topic}/${partition}`),
      ['orders/0'],
    )
  })

  it('[3.8] is for streams', () => {
    assert.throws(
      () =>
        pipeline('tables', p => {
          p.table(readings, { maxDrift: '1m' } as SourceOptions)
        }),
      (error: unknown) => error instanceof PlanError && /"readings".*table.*maxDrift/.test(error.message),
    )
  })
})
