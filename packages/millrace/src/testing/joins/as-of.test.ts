import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { EngineRun, type EngineRunOptions } from '../../engine/testkit/engine-run.ts'
import { runRandomly } from '../../engine/testkit/random-schedule.ts'
import { every, json, out, pipeline, sum, type Topic, topic } from '../../index.ts'
import { seededRandom } from '../../std/random.ts'
import { testDriver, verifyOperator } from '../../testing.ts'
import { describeModes } from '../testkit/modes.ts'

interface Rate {
  readonly rate: number
  readonly at: number
}
interface Sale {
  readonly id: number
  readonly at: number
}
type Priced = readonly [id: number, rate: number | null]

const rates = topic('rates', { value: json<Rate>(), timestamp: v => v.at })
const sales = topic('sales', { value: json<Sale>(), timestamp: v => v.at })
const priced = topic<Priced, any, any>('priced', { value: json<any>() })
const t0 = 1_700_000_000_000

const rate = (n: number, second: number): Rate => ({ rate: n, at: t0 + second * 1000 })
const sale = (id: number, second: number): Sale => ({ id, at: t0 + second * 1000 })

const asOf = (options: { wait?: 'event-time'; versions?: '1h' | '10s'; outOfOrder?: number } = {}) =>
  pipeline('priced', p => {
    const { wait, versions = '1h', outOfOrder = 0 } = options
    const table = p.table(rates, { versions, idle: 'never', outOfOrder })
    p.from(sales, { idle: 'never', outOfOrder })
      .byKey()
      .leftJoin(table, (v, row): Priced => [v.id, row?.rate ?? null], { name: 'price', wait })
      .to(priced)
  })

const story = [
  rate(1, 0),
  rate(2, 10),
  sale(1, 9.999),
  sale(2, 10),
  sale(3, -1),
  rate(3, 5),
  sale(4, 7),
  rate(4, 20),
  sale(5, 15),
  sale(6, 25),
]

describe('a join with a table of versions', () => {
  it('meets the row that was valid at the time of its record, however it is run and lost', () =>
    verifyOperator<any, Priced>(asOf(), {
      input: story,
      expected: [
        [1, 1],
        [2, 2],
        [3, null],
        [4, 3],
        [5, 2],
        [6, 4],
      ],
      inputTopic: value => ('rate' in value ? rates : sales) as Topic,
      each: () => ({ key: 'k' }),
    }))
})

describeModes('a table of versions', mode => {
  it('has no row from a deletion on, and keeps what was before as long as its versions last', async () => {
    await using driver = await testDriver([asOf({ versions: '10s' })], { mode })
    const key = { key: 'k' }
    await driver.input(rates).send(rate(1, 0), key)
    await driver.input(rates).send(null as never, { ...key, timestamp: t0 + 5_000 })
    await driver.input(rates).send(rate(9, 5), { key: 'other' })
    await driver.crash()
    await driver.input(sales).send(sale(1, 4), key)
    await driver.input(sales).send(sale(2, 6), key)
    assert.equal(await driver.table('rates').get('k'), undefined)
    assert.deepEqual(await driver.output(priced).values(), [
      [1, 1],
      [2, null],
    ])
    // Both sides are past 15 s, so that nobody asks for what was before 5 s; a change of another row sweeps.
    await driver.input(rates).send(rate(9, 17), { key: 'other' })
    await driver.input(sales).send(sale(3, 17), { key: 'other' })
    await driver.input(rates).send(rate(10, 18), { key: 'other' })
    await driver.input(sales).send(sale(4, 4), key)
    assert.deepEqual(await driver.output(priced).values(), [
      [3, 9],
      [4, null],
    ])
  })
})

describeModes('a join that waits for event time', mode => {
  it('[6.2] holds a record until the watermark has passed its time, over a crash, and gives it on in order', async () => {
    await using driver = await testDriver([asOf({ wait: 'event-time' })], { mode })
    const key = { key: 'k' }
    await driver.input(rates).send(rate(1, 0), key)
    await driver.input(sales).send(sale(1, 12), key)
    await driver.input(sales).send(sale(2, 12), key)
    await driver.input(sales).send(sale(3, 20), key)
    assert.deepEqual(await driver.output(priced).values(), [])
    await driver.crash()
    await driver.input(rates).send(rate(2, 11), key)
    assert.deepEqual(await driver.output(priced).values(), [])
    await driver.input(rates).send(rate(3, 13), key)
    assert.deepEqual(await driver.output(priced).values(), [
      [1, 2],
      [2, 2],
    ])
    // Its time has passed: it goes on at once.
    await driver.input(sales).send(sale(4, 5), key)
    assert.deepEqual(await driver.output(priced).values(), [[4, 1]])
    await driver.finish()
    assert.deepEqual(await driver.output(priced).values(), [[3, 3]])
  })

  it('[3.4] [6.2] stops waiting for a table that is idle', async () => {
    const tested = pipeline('idle', p => {
      const table = p.table(rates, { versions: '1h', idle: '5s' })
      p.from(sales)
        .byKey()
        .leftJoin(table, (v, row): Priced => [v.id, row?.rate ?? null], { name: 'price', wait: 'event-time' })
        .to(priced)
    })
    await using driver = await testDriver([tested], { mode })
    await driver.input(rates).send(rate(1, 0), { key: 'k' })
    await driver.input(sales).send(sale(1, 60), { key: 'k' })
    await driver.advance('4s')
    await driver.input(sales).send(sale(2, 61), { key: 'k' })
    assert.deepEqual(await driver.output(priced).values(), [])
    await driver.advance('2s')
    assert.deepEqual(await driver.output(priced).values(), [[1, 1]])
    // From when both are idle, time goes on by the clock.
    await driver.advance('5s')
    assert.deepEqual(await driver.output(priced).values(), [[2, 1]])
  })

  it('[3.2] [6.2] behind rows by the wall clock waits for what these still bring, over crashes', async () => {
    const tested = pipeline('ticking', p => {
      const table = p.table(rates, { versions: '1h', idle: 'never' })
      p.from(sales, { idle: 'never' })
        .byKey()
        .aggregate('sums', { ids: sum('id') })
        .emit(every('10s'))
        .byKey()
        .leftJoin(table, (sums, row): Priced => [sums!.ids, row?.rate ?? null], {
          name: 'price',
          wait: 'event-time',
        })
        .to(priced)
    })
    await using driver = await testDriver([tested], { mode })
    const values = () => driver.output(priced).values()
    const key = { key: 'k' }
    await driver.input(rates).send(rate(1, 0), key)
    await driver.input(rates).send(rate(2, 10), key)
    await driver.input(sales).send(sale(1, 5), key)
    assert.deepEqual(await values(), [], 'its row goes out at once, and waits until event time is past 5')
    await driver.input(sales).send(sale(2, 12), key)
    assert.deepEqual(await values(), [[1, 1]])
    await driver.advance('10s')
    assert.deepEqual(await values(), [], 'the next one is at 12, and the rates are at 10')
    await driver.crash()
    await driver.input(rates).send(rate(3, 20), key)
    await driver.input(sales).send(sale(4, 30), key)
    assert.deepEqual(await values(), [], 'rows of up to 12 may still come with the next tick')
    await driver.advance('10s')
    assert.deepEqual(await values(), [[3, 2]])
    await driver.crash()
    await driver.finish()
    assert.deepEqual(await values(), [[7, 3]])
  })

  it('keeps headers, key and time, and counts as grouped by its key', async () => {
    const tested = pipeline('headers', p => {
      const table = p.table(rates, { idle: 'never' })
      p.from(sales, { idle: 'never' })
        .map(v => (v.id === 2 ? out(v, { headers: { made: 'yes' } }) : v))
        .byKey()
        .join(
          table,
          (v, row, r): Priced => {
            const headers = r.headers.map(({ name, value }) => `${name}=${Buffer.from(value!)}`)
            return [`${v.id} ${r.key} ${r.timestamp - t0} ${headers}` as never, row.rate]
          },
          { name: 'price', wait: 'event-time' },
        )
        .to(priced)
    })
    await using driver = await testDriver([tested], { mode })
    await driver.input(rates).send(rate(1, 0), { key: 'k' })
    await driver.input(sales).send(sale(1, 1), { key: 'k', headers: { a: 'b' } })
    await driver.input(sales).send(sale(2, 2), { key: 'k' })
    await driver.input(sales).send(sale(3, 3), { key: 'k' })
    await driver.crash()
    await driver.finish()
    assert.deepEqual(await driver.output(priced).values(), [
      ['1 k 1000 a=b', 1],
      ['2 k 2000 made=yes', 1],
      ['3 k 3000 ', 1],
    ])
  })

  it('needs a name for its store, and a way of waiting that there is', () => {
    const join = (options: any) => () =>
      pipeline('refused', p => {
        const table = p.table(rates)
        void p
          .from(sales)
          .byKey()
          .join(table, () => 1, options)
      })
    assert.throws(join({ wait: 'event-time' }), /has no name for its store/)
    assert.throws(join({ wait: 'ever' }), /wait is ever; give 'none' or 'event-time'/)
  })
})

const modes: readonly EngineRunOptions[] = [
  { mode: 'compiled' },
  { mode: 'interpreted' },
  { mode: 'compiled', slice: { rows: 1, closes: 1 } },
]
const event = fc.record({ step: fc.integer({ min: -8, max: 12 }), key: fc.constantFrom('a', 'b') })
const events = fc.array(fc.oneof(event, fc.record({ step: fc.nat({ max: 9 }), key: fc.constant('a') })), {
  maxLength: 30,
})

function timed(steps: readonly { step: number; key: string }[]) {
  let newest = 100
  return steps.map(({ step, key }, id) => {
    const at = Math.max(0, newest + step)
    newest = Math.max(newest, at)
    return { id, at, key, w: newest - 5 }
  })
}

describe('a join with versions that waits', () => {
  it('[4.1] [6.2] gives what the input alone decides, in whatever order the two are read', () => {
    fc.assert(
      fc.property(
        events,
        events,
        fc.constantFrom(...modes),
        fc.constantFrom(0, 0.08),
        fc.integer(),
        (some, others, mode, crashRate, seed) => {
          const run = new EngineRun(asOf({ wait: 'event-time', outOfOrder: 5 }).graph, mode)
          // Within the disorder that both allow, so that nothing is late.
          const inTime = (all: ReturnType<typeof timed>) => all.filter(({ at, w }) => at >= w)
          const [versions, records] = [inTime(timed(some)), inTime(timed(others))]
          for (const [name, all] of [
            ['rates', versions],
            ['sales', records],
          ] as const) {
            for (let from = 0; from < all.length; from += 3)
              run.append(
                name,
                0,
                all.slice(from, from + 3).map(({ id, at, key }) => ({
                  key: Buffer.from(key),
                  value: Buffer.from(JSON.stringify({ id, rate: id, at: t0 + at })),
                  timestamp: t0 + at,
                })),
              )
          }
          const random = seededRandom(seed)
          runRandomly(run, { random, steps: 100, crashRate, commitRate: 0.2, trimRate: 0.3 })
          const actual = run.topics.records('priced').map(({ value }) => value!.toString())
          const expected = records.map(({ id, at, key }) => {
            const valid = versions.filter(each => each.key === key && each.at <= at)
            const latest = valid.reduce<(typeof valid)[number] | undefined>(
              (best, each) => (best === undefined || each.at >= best.at ? each : best),
              undefined,
            )
            return JSON.stringify([id, latest?.id ?? null])
          })
          assert.deepEqual(actual.sort(), expected.sort())
        },
      ),
      { numRuns: Number(process.env.MILLRACE_SCENARIOS ?? 100) },
    )
  })
})
