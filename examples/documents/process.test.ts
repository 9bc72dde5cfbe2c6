import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { json, pipeline, side, state, topic } from 'millrace'
import { testDriver } from 'millrace/testing'
import { hour, keyedTopic, resultsTopic, second, t0 } from './topics.ts'

const paymentsTopic = keyedTopic<{ card: string; cents: number }>('payments', 'card')

describe('process', () => {
  it('has state, timers and side outputs', async () => {
    const cardEvents = resultsTopic('card-events')
    const reviews = resultsTopic('reviews')
    const watched = pipeline('watched', p => {
      const payments = p.from(paymentsTopic)
      // #region
      const alerts = payments.byKey().process(
        'card-watch',
        {
          state: { recent: state.list<number>({ ttl: '10m' }), blocked: state.value<boolean>() },
          sides: { reviews: side<{ card: string }>() },
          onTimer: ({ key, state: { blocked } }) => {
            blocked.delete()
            return [{ card: key, what: 'unblocked' }]
          },
        },
        ({ cents }, { key, state: { recent, blocked }, timers, side }) => {
          recent.push(cents)
          if (blocked.get() || recent.length < 5) return
          blocked.set(true)
          timers.after('1h')
          side('reviews', { card: key })
          return [{ card: key, what: 'blocked' }]
        },
      )
      alerts.to(cardEvents)
      alerts.sides.reviews.to(reviews)
      // #endregion
    })
    await using driver = await testDriver([watched])
    const pay = (card: string, timestamp: number) =>
      driver.input(paymentsTopic).send({ card, cents: 100 }, { timestamp })
    for (let i = 0; i < 5; i++) await pay('4711', t0 + i * second)
    assert.deepEqual(await driver.table('card-watch').get('4711'), {
      recent: [100, 100, 100, 100, 100],
      blocked: true,
    })
    await pay('0815', t0 + 2 * hour)
    await driver.finish()
    assert.deepEqual(await driver.output(cardEvents).values(), [
      { card: '4711', what: 'blocked' },
      { card: '4711', what: 'unblocked' },
    ])
    assert.deepEqual(await driver.output(reviews).values(), [{ card: '4711' }])
  })

  it('has maps, timers of the wall clock, and values that fail by themselves', async () => {
    const basketTopic = keyedTopic<{ visitor: string; items: Record<string, number> }>('baskets', 'visitor')
    const reminders = resultsTopic('reminders')
    const unusable = resultsTopic('unusable')
    const baskets = pipeline('baskets', p => {
      const changes = p.from(basketTopic)
      // #region
      const left = changes.byKey().process(
        'baskets',
        {
          state: { items: state.map<string, number>({ ttl: '7d' }) },
          onTimer: ({ key, state: { items } }) => [{ visitor: key, items: [...items.keys()] }],
        },
        ({ items: changed }, { state: { items }, wallTimers, fail }) => {
          for (const [item, n] of Object.entries(changed)) {
            if (n < 0) fail({ item, n }, new Error('less than nothing'))
            else if (n === 0) items.delete(item)
            else items.set(item, n)
          }
          wallTimers.after('1h', 'reminder')
          return []
        },
      )
      left.to(reminders)
      left.failed.to(unusable)
      // #endregion
    })
    await using driver = await testDriver([baskets])
    const put = (items: Record<string, number>) => driver.input(basketTopic).send({ visitor: 'ada', items })
    await put({ lamp: 1, chair: 2, desk: -1 })
    await driver.advance('30m')
    await put({ chair: 0 })
    await driver.advance('59m')
    assert.deepEqual(await driver.output(reminders).values(), [])
    await driver.advance('1m')
    assert.deepEqual(await driver.output(reminders).values(), [{ visitor: 'ada', items: ['lamp'] }])
    assert.deepEqual(await driver.output(unusable).values(), [{ item: 'desk', n: -1 }])
  })

  it('sees rules that change at run time', async () => {
    const ruleTopic = topic('rules', { value: json<{ above: number }>(), cleanup: 'compact' })
    const brokenRules = resultsTopic('broken')
    const watched = pipeline('watched', p => {
      const payments = p.from(paymentsTopic)
      // #region
      const rules = p.globalTable(ruleTopic)
      const breaches = payments
        .byKey()
        .process(
          'watch',
          { state: { spent: state.value<number>() }, broadcast: { rules } },
          ({ card, cents }, { state: { spent }, broadcast: { rules } }) => {
            const total = (spent.get() ?? 0) + cents
            spent.set(total)
            const broken = [...rules].flatMap(([name, { above }]) => (total > above ? [name] : []))
            return broken.length === 0 ? [] : [{ card, total, rules: broken }]
          },
        )
      breaches.to(brokenRules)
      // #endregion
    })
    await using driver = await testDriver([watched])
    const pay = (timestamp: number) =>
      driver.input(paymentsTopic).send({ card: '4711', cents: 60 }, { timestamp })
    await pay(t0)
    await driver.input(ruleTopic).send({ above: 100 }, { key: 'much', timestamp: t0 + second })
    await pay(t0 + 2 * second)
    await driver.finish()
    assert.deepEqual(await driver.output(brokenRules).values(), [
      { card: '4711', total: 120, rules: ['much'] },
    ])
  })
})
