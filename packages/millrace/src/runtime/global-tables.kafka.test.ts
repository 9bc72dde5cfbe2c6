import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { testBrokers } from '../log/kafka/testkit/brokers.ts'
import { start } from './start.ts'
import { assertSold, sendPrices, sendSales, soldAt, soldIn } from './testkit/price-story.ts'
import type * as Prices from './testkit/prices.ts'

const brokers = testBrokers()

/** The module under topics that no other test has, with prices in them. */
async function stage() {
  const app = `prices-${crypto.randomUUID().slice(0, 8)}`
  const url = new URL('./testkit/prices.ts', import.meta.url)
  url.searchParams.set('topics', `${app}-`)
  const module = (await import(url.href)) as typeof Prices
  const sender = await start([], { app, brokers, createTopics: true })
  await sendPrices(sender, module)
  return { options: { app, brokers, createTopics: true }, url, module, sender }
}

describe('a global table on Kafka', { timeout: 240_000 }, () => {
  it('[6.4] is read to its end by each of two bounded runs', async () => {
    const { options, module, sender } = await stage()
    await using _ = sender
    for (const end of [100, 200]) {
      await sendSales(sender, module, end - 100, end)
      await using app = await start([module.default], { ...options, once: true })
      await Promise.race([app.failed, app.finished])
      assert.deepEqual(await soldIn(app, module), soldAt(0, end))
    }
  })

  it('[1.5] [6.4] is whole in two processes of two threads, and answers in both', async () => {
    const { options, url, module, sender } = await stage()
    await using _ = sender
    await sendSales(sender, module, 0, 100)
    await using first = await start([url], { ...options, threads: 2 })
    await using second = await start([url], { ...options, threads: 2 })
    const tasksOf = (app: typeof first) => app.health().pipelines[0]?.tasks.length
    while (tasksOf(first) !== 2 || tasksOf(second) !== 2)
      await Promise.race([first.failed, second.failed, new Promise(resolve => setTimeout(resolve, 20))])
    await sendSales(sender, module, 100, 200)
    await assertSold(first, module, 200)
    for (const app of [first, second]) {
      const rows = async () =>
        (
          await app
            .store('known-prices')
            .range()
            .catch(() => [])
        ).length
      while ((await rows()) < 49)
        await Promise.race([app.failed, new Promise(resolve => setTimeout(resolve, 20))])
      assert.deepEqual(await app.store('known-prices').get('p7'), { price: 7 })
    }
  })
})
