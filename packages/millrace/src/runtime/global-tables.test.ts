import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { batchOf } from '../log/conformance/store.ts'
import { directoryFor } from '../log/embedded/testkit/directory.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { VirtualClock } from '../std/clock.ts'
import { start } from './start.ts'
import { LocalStore } from './store-view.ts'
import { assertSold, sendPrices, sendSales, soldAt, soldIn } from './testkit/price-story.ts'
import * as module from './testkit/prices.ts'
import { readTopic } from './testkit/read-topic.ts'
import { runPipeline, until } from './testkit/run-pipeline.ts'

const { default: pipeline, prices, sales, sold } = module
const moduleUrl = new URL('./testkit/prices.ts', import.meta.url)

describe('a global table', { timeout: 120_000 }, () => {
  it('[6.4] is whole in each of several members, and answers in all of them', async () => {
    const log = new MemoryLog()
    await using sender = await start([], { app: 'test', log })
    await sender.log.createTopics([prices, sales, sold].map(({ name, partitions }) => ({ name, partitions })))
    await sendPrices(sender, module)
    await using first = await start([pipeline], { app: 'test', log })
    await using second = await start([pipeline], { app: 'test', log })
    const partitionsOf = (app: typeof first) => app.health().pipelines[0]!.tasks.length
    while (partitionsOf(first) !== 2 || partitionsOf(second) !== 2)
      await Promise.race([first.failed, second.failed, new Promise(resolve => setImmediate(resolve))])
    await sendSales(sender, module, 0, 200)
    await assertSold(first, module, 200)
    for (const app of [first, second]) {
      assert.deepEqual(await app.store('known-prices').get('p7'), { price: 7 })
      assert.equal(await app.store('known-prices').get('p3'), undefined)
      assert.equal((await app.store('known-prices').range()).length, 49)
    }
  })

  it('[3.5] [6.4] is read to its end by each of two bounded runs, on the embedded log', async t => {
    const data = await directoryFor(t)
    await using sender = await start([], { app: 'test', data })
    await sendPrices(sender, module)
    for (const end of [100, 200]) {
      await sendSales(sender, module, end - 100, end)
      await using app = await start([pipeline], { app: 'test', data, once: true })
      await Promise.race([app.failed, app.finished])
      assert.deepEqual(await soldIn(app, module), soldAt(0, end))
    }
  })

  it('[1.5] [6.4] is in every thread, and answers once', async t => {
    const data = await directoryFor(t)
    {
      await using sender = await start([], { app: 'test', data })
      await sendPrices(sender, module)
    }
    await using app = await start([moduleUrl], { app: 'test', data, threads: 2 })
    const rowsNow = () =>
      app
        .store('known-prices')
        .range()
        .catch(() => [])
    let rows = await rowsNow()
    while (rows.length === 0) rows = await rowsNow()
    assert.equal(rows.length, 49)
    await sendSales(app, module, 0, 100)
    await assertSold(app, module, 100)
  })

  it('[5.9] [6.4] has the rows of partitions that are added while it runs', async () => {
    const log = new MemoryLog()
    const clock = new VirtualClock(1_700_000_000_000)
    await using running = await runPipeline(pipeline, log, { clock })
    const { run } = running
    await until(running, () => run.tasks.length === 4)
    await log.alterTopics([{ name: 'prices', partitions: 4 }])
    const bytes = batchOf([{ key: 'new', value: '{"price":5}' }])
    await log.append([{ topic: 'prices', partition: 3, bytes }])
    const readers = () =>
      run.tasks.filter(({ inputs }) =>
        inputs.some(({ topic, partition }) => topic === 'prices' && partition === 3),
      )
    assert.equal(readers().length, 0)
    await until(running, () => {
      clock.advance(1_000)
      return readers().length === 4 && [...run.runners.values()].every(({ isLoading }) => !isLoading)
    })
    await log.append([
      { topic: 'sales', partition: 0, bytes: batchOf([{ value: '{"id":1,"product":"new"}' }]) },
    ])
    await until(running, async () => {
      clock.advance(100)
      return (await readTopic(log, 'sold')).length === 1
    })
    assert.deepEqual(JSON.parse((await readTopic(log, 'sold'))[0]!.value!), { id: 1, price: 5 })
  })

  it('[2.7] [6.4] says that it has no rows where no task runs', async () => {
    const log = new MemoryLog()
    await using other = await runPipeline(pipeline, log)
    await until(other, () => other.run.tasks.length === 4)
    const store = new LocalStore(other.run, 'known-prices')
    assert.equal(await store.get('p1'), undefined)
    other.run.lost()
    await assert.rejects(store.get('p1'), /No task of the pipeline runs in this process.*"known-prices"/)
  })

  it('[2.1] [6.4] has no positions of its own in the group', async () => {
    const log = new MemoryLog()
    await using app = await start([pipeline], { app: 'test', log })
    await sendPrices(app, module)
    await sendSales(app, module, 0, 10)
    await assertSold(app, module, 10)
    await app.stop()
    const positions = (await log.describeGroup('test.prices'))!.positions
    assert.deepEqual([...new Set(positions.map(({ topic }) => topic))], ['sales'])
  })
})
