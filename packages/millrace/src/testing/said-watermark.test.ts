import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, json, pipeline, topic, tumbling } from '../index.ts'
import { testDriver, verifyOperator } from '../testing.ts'
import { describeModes } from './testkit/modes.ts'

interface Reading {
  readonly sensor: string
  readonly at: number
  /** Everything before this has been sent. */
  readonly completeUntil?: number | string | null
}
interface Row {
  readonly n: number
  readonly start: number
}
const t0 = Date.UTC(2026, 0, 1)
const readings = topic('readings', { value: json<Reading>(), key: 'sensor', timestamp: 'at' })
const rows = topic('rows', { value: json<Row>() })
const at = (second: number, until?: number | string | null): Reading => ({
  sensor: 'a',
  at: t0 + second * 1_000,
  completeUntil: typeof until === 'number' ? t0 + until * 1_000 : until,
})

const counted = (grace = 0) =>
  pipeline('counted', { maxFailureRate: 1 }, p => {
    p.from(readings, { watermark: v => v.completeUntil as number, idle: 'never' })
      .byKey()
      .window(tumbling('10s', { grace }))
      .aggregate('counts', { n: count() })
      .emit('final')
      .to(rows)
  })
const brief = ({ start, n }: Row) => [(start - t0) / 1000, n]

describeModes('a watermark that records say', mode => {
  it('[3.1] closes windows when it is said, and by nothing else; it never goes back', async () => {
    await using driver = await testDriver([counted()], { mode })
    const { send } = driver.input(readings)
    const seen = async () => (await driver.output(rows).values()).map(brief)
    for (const reading of [at(1), at(25), at(2), at(30, 9)]) await send(reading)
    assert.deepEqual(await seen(), [])
    await driver.crash()
    await send(at(3, 10))
    assert.deepEqual(await seen(), [[0, 3]])
    await send(at(11, 2))
    await send(at(9, null))
    const late = await driver.sideStream('late').read()
    assert.deepEqual(
      late.map(({ value }) => (JSON.parse(value!) as Reading).at - t0),
      [9_000],
    )
    await driver.finish()
    assert.deepEqual(await seen(), [
      [10, 1],
      [20, 1],
      [30, 1],
    ])
  })

  it('[3.1] counts as far as records have come: a slip into the future makes nothing late', async () => {
    await using driver = await testDriver([counted()], { mode })
    const { send } = driver.input(readings)
    for (const reading of [at(1), at(2, 1_000_000), at(3)]) await send(reading)
    await driver.finish()
    assert.deepEqual((await driver.output(rows).values()).map(brief), [[0, 3]])
  })

  it('[3.1] is not said by a null value, which still is the newest record', async () => {
    const plain = topic('plain', { value: json<Reading>() })
    for (const nulls of [true, false]) {
      const built = pipeline('nulls', p => {
        p.from(plain, { watermark: v => v.completeUntil as number, idle: 'never', nulls })
          .byKey()
          .window(tumbling('10s'))
          .aggregate('counts', { n: count() })
          .emit('final')
          .to(rows)
      })
      await using driver = await testDriver([built], { mode })
      const { send } = driver.input(plain)
      await send(at(1, 1_000_000), { key: 'a', timestamp: t0 + 1_000 })
      await send(null as never, { key: 'a', timestamp: t0 + 25_000 })
      await send(at(2), { key: 'a', timestamp: t0 + 2_000 })
      await driver.finish()
      const [first] = await driver.output(rows).values()
      assert.deepEqual(brief(first!), [0, 2])
    }
  })

  it('[7.1] rejects a record with which it says what is no time, or throws', async () => {
    await using driver = await testDriver([counted()], { mode })
    const { send } = driver.input(readings)
    for (const reading of [at(1), at(2, 'soon'), at(30, 20)]) await send(reading)
    const rejected = await driver.sideStream('rejected').read()
    assert.deepEqual(
      rejected.map(({ reason }) => reason),
      ['watermark'],
    )
    assert.match(rejected[0]!.error, /watermark function gave is no time: .*'soon'/)
    assert.deepEqual((await driver.output(rows).values()).map(brief), [[0, 1]])
  })

  it('says in explain what it waits for', async () => {
    await using driver = await testDriver([counted(5_000)], { mode })
    await driver.input(readings).send(at(12, 4))
    const [explained] = await driver.explain('counts')
    assert.equal(explained!.watermark, t0 + 4_000)
    assert.equal(explained!.inputs[0]!.neededTime, undefined)
    assert.equal(explained!.inputs[0]!.neededWatermark, t0 + 25_000)
    assert.match(explained!.text, /its watermark function has to say 2026-01-01T00:00:25\.000Z or later/)
  })
})

describe('a watermark that records say', () => {
  it('[4.1] gives the same however records are fed and lost', () =>
    verifyOperator<Reading, any>(counted(), {
      input: [at(1), at(12, 5), at(4), at(21, 10), at(9), at(15, 11), at(40, 31), at(29), at(33)],
      expected: [
        { key: 'a', n: 2, start: t0, end: t0 + 10_000 },
        { key: 'a', n: 2, start: t0 + 10_000, end: t0 + 20_000 },
        { key: 'a', n: 1, start: t0 + 20_000, end: t0 + 30_000 },
        { key: 'a', n: 1, start: t0 + 30_000, end: t0 + 40_000 },
        { key: 'a', n: 1, start: t0 + 40_000, end: t0 + 50_000 },
      ],
    }))

  it('is read like any field, shows in describe, and goes without outOfOrder', async () => {
    await using driver = await testDriver([counted()])
    assert.match(driver.describe(), /readings.*watermark \(…\), idle never/)
    assert.match(driver.describe(), /readings decodes at, completeUntil\n/)
    const refused = (options: object) => () => pipeline('p', p => void p.from(readings, options).print())
    assert.throws(refused({ watermark: () => 0, outOfOrder: '1s' }), /"readings".*leave one of the two out/s)
    assert.throws(refused({ watermark: 'at' }), /watermark is not a function/)
    assert.throws(refused({ watermark: async () => 0 }), /watermark is async/)
  })
})
