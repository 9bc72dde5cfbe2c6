import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pipeline } from 'millrace'
import { testDriver } from 'millrace/testing'
import { keyedTopic, resultsTopic } from './topics.ts'

/** In place of the network: an item costs as many cents as its name has letters, and `none` has no price. */
async function fetch(url: string, { signal }: { signal: AbortSignal }): Promise<Response> {
  signal.throwIfAborted()
  const item = url.split('/').at(-1)!
  if (item === 'none') return new Response(null, { status: 404 })
  return Response.json({ cents: item.length })
}

describe('calls of other systems', () => {
  it('replaces values by answers', async () => {
    const orders = keyedTopic<{ id: string; item: string; n: number }>('orders', 'id')
    const pricedOrders = resultsTopic('priced-orders')
    const unpriced = resultsTopic('unpriced')
    const prices = pipeline('prices', p => {
      // #region
      const priced = p.from(orders).asyncMap(
        'price',
        async ({ item, n }, { key, signal }) => {
          const answer = await fetch(`https://prices.example/${item}`, { signal })
          if (!answer.ok) throw new Error(`no price: ${answer.status}`)
          return { order: key, cents: n * ((await answer.json()) as { cents: number }).cents }
        },
        { concurrency: 32, timeout: '2s', retry: { retries: 3, backoff: '100ms', maxBackoff: '5s' } },
      )
      priced.to(pricedOrders)
      priced.failed.to(unpriced)
      // #endregion
    })
    await using driver = await testDriver([prices])
    await driver.input(orders).sendAll([
      { id: 'o-1', item: 'lamp', n: 2 },
      { id: 'o-2', item: 'none', n: 1 },
    ])
    await driver.advance('1m')
    await driver.finish()
    assert.deepEqual(await driver.output(pricedOrders).values(), [{ order: 'o-1', cents: 8 }])
    assert.deepEqual(await driver.output(unpriced).values(), [{ id: 'o-2', item: 'none', n: 1 }])
  })
})
