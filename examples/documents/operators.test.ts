import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pipeline } from 'millrace'
import { testDriver } from 'millrace/testing'
import { keyedTopic, minute, resultsTopic, second, t0 } from './topics.ts'

/** One input for all of them: `key` is whose the record is, `id` and `n` are what it is about. */
const events = keyedTopic<{ key: string; id: string; n: number }>('events', 'key')

const topics = {
  uniqueOrders: resultsTopic('unique-orders'),
  moves: resultsTopic('moves'),
  statusChanges: resultsTopic('status-changes'),
  boards: resultsTopic('boards'),
  hotPages: resultsTopic('hot-pages'),
  calmAlarms: resultsTopic('calm-alarms'),
  refused: resultsTopic('refused'),
  savedEdits: resultsTopic('saved-edits'),
  minutes: resultsTopic('minutes'),
  steps: resultsTopic('steps'),
}

const all = pipeline('all', p => {
  const { uniqueOrders, moves, statusChanges, boards, hotPages } = topics
  const { calmAlarms, refused, savedEdits, minutes, steps } = topics
  const orders = p.from(events)
  const prices = orders.map(({ n }) => ({ price: n }))
  const machines = orders.map(({ n }) => ({ status: n }))
  const scores = orders.map(({ id, key, n }) => ({ game: key, player: id, points: n }))
  const views = orders.map(({ id, key }) => ({ country: key, url: id }))
  const [alarms, requests, edits, sensors, clicks] = [orders, orders, orders, orders, orders]
  // #region
  orders.byKey().dedupe('once', { by: 'id', within: '1h' }).to(uniqueOrders)
  const priced = prices.byKey().lag('steps')
  priced.map(({ value, previous }) => value.price - (previous?.price ?? value.price)).to(moves)
  machines.byKey().changes('states', 'status').to(statusChanges)
  scores.keyBy('game').topN('leaders', 10, { by: 'points', unique: 'player' }).to(boards)
  views.keyBy('country').topK('hot', 10, { by: 'url', every: '1m' }).to(hotPages)
  alarms.byKey().throttle('calm', '5m').to(calmAlarms)
  requests.byKey().rateLimit('fair', { limit: 100, per: '1m' }).limited.to(refused)
  edits.byKey().debounce('saved', '2s').to(savedEdits)
  sensors.byKey().sample('each-minute', '1m').to(minutes)
  const visits = clicks.byKey().sessionize('visits', '30m')
  visits.map(({ value, session }) => ({ ...value, visit: session.id, step: session.position })).to(steps)
  // #endregion
})

describe('what is made of process', () => {
  it('is one line each', async () => {
    await using driver = await testDriver([all])
    const input = [
      { key: 'k', id: 'a', n: 1, at: 0 },
      { key: 'k', id: 'a', n: 1, at: second },
      { key: 'clock', id: '', n: 0, at: 9 * second },
      { key: 'k', id: 'b', n: 4, at: 10 * second },
      { key: 'clock', id: '', n: 0, at: 5 * minute },
      { key: 'k', id: 'a', n: 9, at: 6 * minute },
    ]
    await driver.input(events).sendAll(
      input.map(({ key, id, n }) => ({ key, id, n })),
      (_, i) => ({ timestamp: t0 + input[i]!.at }),
    )
    const burst = Array.from({ length: 101 }, (_, i) => ({ key: 'other', id: `${i}`, n: 0 }))
    await driver.input(events).sendAll(burst, { timestamp: t0 + 7 * minute })
    await driver.finish()
    const of = async (name: keyof typeof topics) =>
      (await driver.output(topics[name]).read()).filter(({ key }) => key === 'k').map(({ value }) => value)
    const numbers = async (name: keyof typeof topics) => (await of(name)).map(({ n }) => n)
    assert.deepEqual(await numbers('uniqueOrders'), [1, 4])
    assert.deepEqual(await of('moves'), [0, 0, 3, 5])
    assert.deepEqual(await of('statusChanges'), [{ status: 1 }, { status: 4 }, { status: 9 }])
    assert.deepEqual(
      (await of('boards')).at(-1).map(({ player, points }: any) => [player, points]),
      [
        ['a', 9],
        ['b', 4],
      ],
    )
    assert.deepEqual(
      (await of('hotPages')).at(-1).map(({ item, count }: any) => [item, count]),
      [
        ['a', 3],
        ['b', 1],
      ],
    )
    assert.deepEqual(await numbers('calmAlarms'), [1, 9])
    assert.deepEqual(await driver.output(topics.refused).values(), [burst[100]])
    assert.deepEqual(await numbers('savedEdits'), [1, 4, 9])
    assert.deepEqual(await numbers('minutes'), [4, 9])
    assert.deepEqual(
      (await of('steps')).map(({ step }) => step),
      [0, 1, 2, 3],
    )
  })
})
