import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { json, pipeline, topic } from '../index.ts'
import { testBrokers } from '../log/kafka/testkit/brokers.ts'
import type { App, StartOptions } from './app.ts'
import { start } from './start.ts'
import { readTopic } from './testkit/read-topic.ts'

const brokers = testBrokers()
const t0 = 1_700_000_000_000

interface Listing {
  readonly product: string
  readonly n: number
}
interface Product {
  readonly price: number
}

/** Names that no other test has. */
function named(what: string): { app: string; options: StartOptions } {
  const app = `${what}-${crypto.randomUUID().slice(0, 8)}`
  return { app, options: { app, brokers, createTopics: true } }
}

/** The last value of each key in a topic. */
async function rowsIn(app: App, name: string): Promise<Record<string, unknown>> {
  const rows = new Map<string, unknown>()
  for (const { key, value } of await readTopic(app.log, name)) {
    if (value === null) rows.delete(key!)
    else rows.set(key!, JSON.parse(value))
  }
  return Object.fromEntries([...rows].sort())
}

describe('tables on Kafka', { timeout: 240_000 }, () => {
  it('[6.5] a join by a foreign key follows both tables over restarts', async () => {
    const { app, options } = named('offers')
    const products = topic(`${app}-products`, { value: json<Product>(), cleanup: 'compact', partitions: 3 })
    const listings = topic(`${app}-listings`, { value: json<Listing>(), cleanup: 'compact', partitions: 2 })
    const offers = topic(`${app}-offers`, { value: json<string>(), cleanup: 'compact' })
    const joined = pipeline('offers', p => {
      p.table(listings)
        .joinForeign(
          'offers',
          p.table(products),
          { key: 'product' },
          ({ n }, { price }) => `${n} at ${price}`,
        )
        .emit('updates')
        .to(offers as never)
    })
    await using sender = await start([], options)
    const run = async () => {
      await using once = await start([joined], { ...options, once: true })
      await Promise.race([once.failed, once.finished])
      return rowsIn(sender, offers.name)
    }
    const list = (key: string, product: string, n: number) => sender.send(listings, { product, n }, { key })
    for (const [key, price] of [
      ['p', 5],
      ['q', 7],
    ] as const)
      await sender.send(products, { price }, { key })
    for (let n = 0; n < 6; n++) await list(`l${n}`, 'pqr'[n % 3]!, n)
    assert.deepEqual(await run(), { l0: '0 at 5', l1: '1 at 7', l3: '3 at 5', l4: '4 at 7' })
    await sender.send(products, { price: 6 }, { key: 'p' })
    await sender.send(products, { price: 9 }, { key: 'r' })
    await sender.send(products, null, { key: 'q' })
    await list('l0', 'r', 10)
    await sender.send(listings, null, { key: 'l5' })
    assert.deepEqual(await run(), { l0: '10 at 9', l2: '2 at 9', l3: '3 at 6' })
    assert.deepEqual(await run(), { l0: '10 at 9', l2: '2 at 9', l3: '3 at 6' })
  })

  it('[6.6] rows that are not set anew are deleted by event time, also when a restart lies between', async () => {
    const { app, options } = named('visits')
    const visits = topic(`${app}-visits`, { value: json<{ page: string }>(), partitions: 1 })
    const latest = topic(`${app}-latest`, { value: json<{ page: string }>(), cleanup: 'compact' })
    const kept = pipeline('visits', p => {
      p.table(visits, { ttl: '1m' })
        .emit('updates')
        .to(latest as never)
    })
    await using sender = await start([], options)
    /** Runs until the table has these rows, and ends. */
    const reaches = async (...pages: string[]) => {
      await using running = await start([kept], options)
      const rows = async () => Object.values(await rowsIn(sender, latest.name)) as { page: string }[]
      while ((await rows()).map(({ page }) => page).join() !== pages.join())
        await Promise.race([running.failed, new Promise(resolve => setTimeout(resolve, 50))])
    }
    const visit = (key: string, second: number) =>
      sender.send(visits, { page: `${second}` }, { key, timestamp: t0 + second * 1_000 })
    await visit('a', 0)
    await visit('b', 30)
    await reaches('0', '30')
    await visit('a', 59)
    await visit('c', 90)
    await reaches('59', '90')
    await visit('d', 119)
    await reaches('90', '119')
  })
})
