import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { collect, count, hopping, json, pipeline, session, sliding, topic } from '../index.ts'
import { type DriverSnapshot, testDriver, verifyOperator } from '../testing.ts'
import { describeModes } from './testkit/modes.ts'
import { t0 } from './testkit/views.ts'

interface Step {
  readonly n: number
  readonly at: number
  readonly note?: string | null
}

const each = ({ at }: Step) => ({ key: 'k', timestamp: at })
const step = (n: number, seconds: number, note: string | null = null): Step => ({
  n,
  at: t0 + seconds * 1_000,
  note,
})
/** One task reads them all, so there is one order. */
const source = { outOfOrder: '1h' } as const

describe('lists of values', () => {
  it('[4.2] hold what came, in order, up to their limit', async () => {
    const input = [5, 3, 8, 1, 9].map((n, i) => step(n, i))
    await verifyOperator(
      stream =>
        stream
          .byKey()
          .window(hopping('20s', { advance: '10s' }))
          .aggregate('lists', { n: count(), first: collect('n', { max: 3 }), all: collect('n') })
          .emit('final'),
      {
        input,
        each,
        source,
        expected: [-10, 0].map(start => ({
          n: 5,
          first: [5, 3, 8],
          all: [5, 3, 8, 1, 9],
          key: 'k',
          start: t0 + start * 1_000,
          end: t0 + (start + 20) * 1_000,
        })),
      },
    )
  })

  it('[4.2] pass over what is missing, and keep null', async () => {
    const input: Step[] = [step(1, 0, 'a'), { n: 2, at: t0 + 1_000 }, step(3, 2)]
    await verifyOperator(
      stream =>
        stream
          .byKey()
          .aggregate('lists', { notes: collect('note'), values: collect(undefined, { max: 2 }) })
          .emit('updates'),
      {
        input,
        each,
        source,
        ordered: true,
        expected: [
          { notes: ['a'], values: input.slice(0, 1) },
          { notes: ['a'], values: input.slice(0, 2) },
          { notes: ['a', null], values: input.slice(0, 2) },
        ],
      },
    )
  })

  const seconds = fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 10 })

  it('[4.1] [4.2] go by event time in sessions and sliding windows, whatever came first', async () => {
    const byTime = (steps: readonly Step[]) => steps.toSorted((a, b) => a.at - b.at)
    const numbers = (steps: readonly Step[], limit?: number) =>
      byTime(steps)
        .slice(0, limit)
        .map(({ n }) => n)
    await fc.assert(
      fc.asyncProperty(seconds, async times => {
        const input = times.map((at, n) => step(n, at))
        const sessions: Step[][] = []
        for (const each of byTime(input))
          if (each.at - (sessions.at(-1)?.at(-1)?.at ?? -Infinity) <= 5_000) sessions.at(-1)!.push(each)
          else sessions.push([each])
        await verifyOperator(
          stream =>
            stream
              .byKey()
              .window(session('5s', { grace: '2h' }))
              .aggregate('lists', { some: collect('n', { max: 3 }), all: collect(v => v.n) })
              .emit('final'),
          {
            input,
            each,
            source,
            expected: sessions.map(steps => ({
              some: numbers(steps, 3),
              all: numbers(steps),
              key: 'k',
              start: steps[0]!.at,
              end: steps.at(-1)!.at,
            })),
          },
        )
      }),
      { numRuns: 10 },
    )
    await verifyOperator(
      stream =>
        stream
          .byKey()
          .window(sliding('4s', { grace: '2h' }))
          .aggregate('lists', { some: collect('n', { max: 2 }) })
          .emit('final')
          .map(({ some }) => some),
      {
        input: [step(3, 13), step(1, 11), step(0, 10)],
        each,
        source,
        expected: [[0], [0, 1], [0, 1], [1, 3], [3]],
      },
    )
  })

  it('need a limit that can be one', () => {
    for (const max of [0, 1.5, Number.NaN])
      assert.throws(() => collect<Step, 'n'>('n', { max }), /collect.*max is .*whole number of values/s)
  })
})

describeModes('a list that was given out', mode => {
  it('does not grow any more', async () => {
    const steps = topic('steps', { value: json<Step>(), key: () => 'k', timestamp: 'at' })
    const lists = topic('lists', { value: json<{ all: number[] }>() })
    const seen: number[][] = []
    const keeping = pipeline('keeping', p => {
      p.from(steps)
        .byKey()
        .aggregate('lists', { all: collect('n') })
        .emit('updates')
        .peek(row => void seen.push(row!.all as number[]))
        .to(lists)
    })
    await using driver = await testDriver([keeping], { mode })
    for (const n of [1, 2, 3]) await driver.input(steps).send(step(n, n))
    assert.deepEqual(seen, [[1], [1, 2], [1, 2, 3]])
  })

  it('may be limited otherwise from run to run', async () => {
    const steps = topic('steps', { value: json<Step>(), key: () => 'k', timestamp: 'at' })
    const lists = topic('lists', { value: json<{ all: number[] }>() })
    const limited = (max: number) =>
      pipeline('limited', p => {
        p.from(steps)
          .byKey()
          .aggregate('lists', { n: count(), all: collect('n', { max }) })
          .emit('updates')
          .to(lists)
      })
    let from: DriverSnapshot | undefined
    const run = async (max: number, numbers: readonly number[]) => {
      await using driver = await testDriver([limited(max)], { mode, ...(from && { from }) })
      for (const n of numbers) await driver.input(steps).send(step(n, n))
      from = await driver.snapshot()
      return (await driver.output(lists).values()).map(row => row.all)
    }
    assert.deepEqual((await run(3, [1, 2, 3, 4])).at(-1), [1, 2, 3])
    assert.deepEqual((await run(2, [5])).at(-1), [1, 2])
    assert.deepEqual((await run(4, [6])).at(-1), [1, 2, 3, 6])
  })
})
