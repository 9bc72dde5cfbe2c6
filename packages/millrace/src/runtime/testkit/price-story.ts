import assert from 'node:assert/strict'
import type { App } from '../app.ts'
import type * as Prices from './prices.ts'
import { readTopic } from './read-topic.ts'

const products = 50

/** A price for each product, one of them twice, and one that is taken back. */
export async function sendPrices(app: App, { prices }: typeof Prices): Promise<void> {
  await app.send(prices, { price: -1 }, { key: 'p7' })
  for (let i = 0; i < products; i++) await app.send(prices, { price: i }, { key: `p${i}` })
  await app.send(prices, null, { key: 'p3' })
}

export async function sendSales(app: App, { sales }: typeof Prices, from: number, to: number): Promise<void> {
  for (let id = from; id < to; id++)
    await app.send(sales, { id, product: `p${id % products}` }, { key: `${id}` })
}

/** What sales of these numbers come to. */
export function soldAt(from: number, to: number) {
  return Array.from({ length: to - from }, (_, i) => {
    const product = (from + i) % products
    return { id: from + i, price: product === 3 ? null : product }
  })
}

/** What was sold so far, by number. */
export async function soldIn(app: App, { sold }: typeof Prices): Promise<readonly { id: number }[]> {
  const records = await readTopic(app.log, sold.name)
  return records.map(({ value }) => JSON.parse(value!)).toSorted((a, b) => a.id - b.id)
}

/** Waits until so much was sold, and compares. */
export async function assertSold(app: App, module: typeof Prices, upTo: number): Promise<void> {
  let found = await soldIn(app, module)
  while (found.length < upTo) {
    await Promise.race([app.failed, new Promise(resolve => setTimeout(resolve, 10))])
    found = await soldIn(app, module)
  }
  assert.deepEqual(found, soldAt(0, upTo))
}
