import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pipeline } from 'millrace'
import { testDriver } from 'millrace/testing'
import { hour, keyedTopic, minute, resultsTopic, second, t0 } from './topics.ts'

describe('a pattern', () => {
  it('finds records that follow one another', async () => {
    const paymentsTopic = keyedTopic<{ card: string; cents: number }>('payments', 'card')
    const alerts = resultsTopic('alerts')
    const halfTested = resultsTopic('half-tested')
    const watched = pipeline('watched', p => {
      const payments = p.from(paymentsTopic)
      // #region
      const tested = payments
        .byKey()
        .pattern('small', v => v.cents < 100)
        .times(2, 5)
        .notFollowedBy('refund', v => v.cents < 0)
        .followedBy('large', v => v.cents > 50_000)
        .within('10m')
        .match('tested-cards')
      tested.map(({ start, end, records }) => ({ start, end, cents: records.large[0]!.cents })).to(alerts)
      tested.timedOut.to(halfTested)
      // #endregion
    })
    await using driver = await testDriver([watched])
    const pay = (card: string, cents: number, at: number) =>
      driver.input(paymentsTopic).send({ card, cents }, { timestamp: t0 + at })
    await pay('4711', 10, 0)
    await pay('4711', 20, second)
    await pay('4711', 60_000, 2 * second)
    await pay('0815', 10, minute)
    await pay('0815', 10, 2 * minute)
    await pay('0815', 60_000, hour)
    await driver.finish()
    assert.deepEqual(await driver.output(alerts).values(), [
      { start: t0, end: t0 + 2 * second, cents: 60_000 },
    ])
    const halves = (await driver.output(halfTested).values()).map(({ records }) => records.small.length)
    assert.deepEqual(halves, [2, 1])
  })

  it('may have stages that repeat or are missing, and begin with every record', async () => {
    const orderTopic = keyedTopic<{ order: string; state: string }>('orders', 'order')
    const sent = resultsTopic('sent')
    const watched = pipeline('watched', p => {
      const orders = p.from(orderTopic)
      // #region
      const shipped = orders
        .byKey()
        .pattern('paid', v => v.state === 'paid')
        .next('packed', v => v.state === 'packed')
        .oneOrMore()
        .next('checked', v => v.state === 'checked')
        .optional()
        .next('sent', v => v.state === 'sent')
        .match('shipped', { skip: 'none' })
      shipped.map(({ records }) => ({ packets: records.packed.length })).to(sent)
      // #endregion
    })
    await using driver = await testDriver([watched])
    const states = ['paid', 'packed', 'packed', 'checked', 'sent', 'paid', 'packed', 'sent', 'paid', 'sent']
    await driver.input(orderTopic).sendAll(
      states.map(state => ({ order: 'o', state })),
      (_, i) => ({ timestamp: t0 + i * second }),
    )
    await driver.finish()
    assert.deepEqual(await driver.output(sent).values(), [{ packets: 2 }, { packets: 1 }])
  })

  it('asks about what has been matched so far', async () => {
    const pricesTopic = keyedTopic<{ share: string; price: number }>('prices', 'share')
    const risingPrices = resultsTopic('rises')
    const rising = pipeline('rising', p => {
      const prices = p.from(pricesTopic)
      // #region
      const rises = prices
        .byKey()
        .pattern('first', () => true)
        .next('higher', () => true)
        .where((v, { first, higher }) => v.price > (higher.at(-1) ?? first[0]!).price)
        .times(3)
        .within('1m')
        .match('rising')
      rises.map(({ start, end }) => ({ start, end })).to(risingPrices)
      // #endregion
    })
    await using driver = await testDriver([rising])
    await driver.input(pricesTopic).sendAll(
      [5, 3, 4, 5, 6, 5].map(price => ({ share: 's', price })),
      (_, i) => ({ timestamp: t0 + i * second }),
    )
    await driver.finish()
    assert.deepEqual(await driver.output(risingPrices).values(), [
      { start: t0 + second, end: t0 + 4 * second },
    ])
  })
})
