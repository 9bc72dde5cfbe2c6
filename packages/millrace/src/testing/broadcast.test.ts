import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { json, keys, type PipelineBuilder, pipeline, state, topic } from '../index.ts'
import { testDriver, verifyOperator } from '../testing.ts'
import { describeModes } from './testkit/modes.ts'

interface Payment {
  readonly card: string
  readonly cents: number
}
interface Rule {
  readonly above: number
}
/** Which rules what a card has spent so far is above. */
interface Alert {
  readonly card: string
  readonly n: number
  readonly rules: readonly string[]
}

const payments = topic('payments', { value: json<Payment>(), key: 'card', partitions: 2 })
const ruleTopic = topic('rules', { value: json<Rule>(), cleanup: 'compact', partitions: 3 })
const alerts = topic('alerts', { value: json<Alert>(), partitions: 2 })

const watched = pipeline('watched', { maxFailureRate: 1 }, p => {
  p.from(payments)
    .byKey()
    .process(
      'watch',
      { state: { spent: state.value<number>() }, broadcast: { rules: p.globalTable(ruleTopic) } },
      ({ card, cents }, { state: { spent }, broadcast: { rules } }) => {
        const total = (spent.get() ?? 0) + cents
        spent.set(total)
        const broken = [...rules].flatMap(([name, { above }]) => (total > above ? [name] : []))
        return broken.length === 0 ? [] : [{ card, n: total, rules: broken }]
      },
    )
    .to(alerts)
})

const t0 = 1_700_000_000_000
type Sent = readonly [rule: string, row: Rule | null] | Payment
const isRule = (sent: Sent): sent is readonly [string, Rule | null] => Array.isArray(sent)

/** What is found by somebody who sees everything in the order of its times. */
function model(story: readonly Sent[]): Alert[] {
  const rules = new Map<string, Rule>()
  const spent = new Map<string, number>()
  return story.flatMap((sent): Alert[] => {
    if (isRule(sent)) {
      if (sent[1] === null) rules.delete(sent[0])
      else rules.set(sent[0], sent[1])
      return []
    }
    const n = (spent.get(sent.card) ?? 0) + sent.cents
    spent.set(sent.card, n)
    const broken = [...rules].flatMap(([name, { above }]) => (n > above ? [name] : [])).sort()
    return broken.length === 0 ? [] : [{ card: sent.card, n, rules: broken }]
  })
}

const story: Sent[] = [
  { card: 'a', cents: 5 },
  ['r2', { above: 8 }],
  { card: 'a', cents: 5 },
  ['r1', { above: 3 }],
  { card: 'b', cents: 4 },
  ['r1', { above: 4 }],
  { card: 'c', cents: 4 },
  { card: 'a', cents: 1 },
  ['r2', null],
  { card: 'a', cents: 1 },
  { card: 'b', cents: 5 },
]

const place = (sent: Sent, i: number) => ({ key: isRule(sent) ? sent[0] : sent.card, timestamp: t0 + i })

describeModes('a process step with a broadcast table', mode => {
  it('[6.4] sees rules that change while it runs, in every task, as a sequential model does', () => {
    const rule = fc.tuple(fc.constantFrom('r1', 'r2', 'r3'), fc.option(fc.record({ above: fc.nat(12) })))
    const payment = fc.record({
      card: fc.constantFrom('a', 'b', 'c', 'd'),
      cents: fc.integer({ min: 1, max: 5 }),
    })
    const property = fc.asyncProperty(
      fc.array(fc.oneof(rule, payment), { maxLength: 20 }),
      fc.integer({ min: 0, max: 20 }),
      async (sent: readonly Sent[], crashAt) => {
        await using driver = await testDriver([watched], { mode })
        for (const [i, each] of sent.entries()) {
          if (isRule(each)) await driver.input(ruleTopic).send(each[1], place(each, i))
          else await driver.input(payments).send(each, place(each, i))
          if (i === crashAt) await driver.crash()
        }
        const byCard = (found: readonly Alert[]) => Object.groupBy(found, ({ card }) => card)
        assert.deepEqual(byCard(await driver.output(alerts).values()), byCard(model(sent)))
      },
    )
    return fc.assert(property, { numRuns: 20 })
  })

  it('finds rows by keys of the type of the table, also when a timer fires, and not outside of a call', async () => {
    const limits = topic('limits', { value: json<Rule>(), keySerde: keys.int32, partitions: 2 })
    const results = topic('results', { value: json<unknown>() })
    let kept: { readonly size: number } | undefined
    const tested = pipeline('limited', { maxFailureRate: 1 }, p => {
      const broadcast = { limits: p.globalTable(limits), rules: p.globalTable(ruleTopic) }
      p.from(payments)
        .byKey()
        .process(
          'limit',
          {
            broadcast,
            onTimer: ({ broadcast: { limits } }) => [{ keys: [...limits].map(([key]) => key) }],
          },
          ({ cents }, { broadcast: { limits, rules }, timers }) => {
            if (cents === 0) rules.get(0 as never)
            kept = limits
            timers.after('1s')
            return [
              { size: limits.size, found: limits.get(cents)?.above ?? null, rule: rules.get('r') ?? null },
            ]
          },
        )
        .to(results)
    })
    await using driver = await testDriver([tested], { mode })
    for (const key of [3, 1, 2]) await driver.input(limits).send({ above: key }, { key, timestamp: t0 })
    await driver.input(payments).send({ card: 'a', cents: 2 }, { timestamp: t0 })
    await driver.input(payments).send({ card: 'a', cents: 7 }, { timestamp: t0 })
    await driver.input(payments).send({ card: 'a', cents: 0 }, { timestamp: t0 })
    assert.throws(() => kept!.size, /valid during the call only/)
    await driver.finish()
    assert.deepEqual(await driver.output(results).values(), [
      { size: 3, found: 2, rule: null },
      { size: 3, found: null, rule: null },
      { keys: [1, 2, 3] },
    ])
    const failed = await driver.sideStream('failed').read()
    assert.deepEqual(
      failed.map(({ reason }) => reason),
      ['key-kind'],
    )
  })

  it('[5.4] sees rows that are frozen', async () => {
    const tested = pipeline('frozen', { maxFailureRate: 1 }, p => {
      p.from(payments)
        .byKey()
        .process(
          'change',
          { broadcast: { rules: p.globalTable(ruleTopic) } },
          (_, { broadcast: { rules } }) => {
            for (const [, rule] of rules) (rule as { above: number }).above = 0
            return [{ card: '', n: 0, rules: [] }]
          },
        )
        .to(alerts)
    })
    await using driver = await testDriver([tested], { mode })
    await driver.input(ruleTopic).send({ above: 1 }, { key: 'r', timestamp: t0 })
    await driver.input(payments).send({ card: 'a', cents: 2 }, { timestamp: t0 })
    assert.deepEqual(await driver.output(alerts).values(), [])
    assert.equal((await driver.sideStream('failed').read()).length, 1)
  })
})

describe('a broadcast table', () => {
  it('[4.1] is seen alike, however it is run and lost', () =>
    verifyOperator<any, Alert>(watched, {
      input: story.map(sent => (isRule(sent) ? sent[1] : sent)),
      expected: model(story),
      inputTopic: (_, i) => (isRule(story[i]!) ? ruleTopic : payments) as never,
      each: (_, i) => place(story[i]!, i),
    }))

  it('[3.2] holds back no event time of the step', async () => {
    await using driver = await testDriver([watched])
    await driver.input(payments).send({ card: 'a', cents: 5 }, { timestamp: t0 })
    const [explained] = (await driver.explain('watch')).filter(({ watermark }) => watermark !== undefined)
    assert.equal(explained!.watermark, t0)
    assert.deepEqual(
      explained!.inputs.map(({ topic }) => topic),
      ['payments'],
    )
  })

  it('shows in describe', async () => {
    await using driver = await testDriver([watched])
    assert.match(driver.describe(), /watch \(process\): spent: value; broadcast: rules/)
    assert.match(driver.describe(), /rules \(all partitions\) decodes the whole record/)
    assert.match(driver.describe(), /payments decodes card, cents\n/)
  })

  it('is refused where it is no global table, or is of another pipeline', () => {
    const keyed = (build: (p: PipelineBuilder) => unknown) => () =>
      pipeline('refused', p => {
        p.from(payments)
          .byKey()
          .process('watch', { broadcast: build(p) as never }, () => [])
      })
    assert.throws(
      keyed(p => ({ rules: p.table(ruleTopic) })),
      /"watch".*p\.globalTable\(topic\)/s,
    )
    assert.throws(
      keyed(() => ({ rules: new Map() })),
      /"watch".*not a table/s,
    )
    assert.throws(
      keyed(p => ({ 'no name': p.globalTable(ruleTopic) })),
      /a broadcast table/,
    )
    assert.throws(
      keyed(p => p.globalTable(ruleTopic)),
      /have no names.*rules: table/s,
    )
    let other: unknown
    pipeline('other', p => {
      const table = p.globalTable(ruleTopic)
      other = table
      p.from(payments)
        .joinGlobal(table, { key: 'card' }, v => v)
        .to(topic('o', { value: json<Payment>() }))
    })
    assert.throws(
      keyed(() => ({ rules: other })),
      /pipeline "other"/,
    )
  })
})
