import assert from 'node:assert/strict'
import fc from 'fast-check'
import { json, type KeyedStream, pipeline, type Stream, topic } from '../../index.ts'
import { testDriver, verifyOperator } from '../../testing.ts'

/** A record of the operators' properties: `at` is its event time in ms behind `t0`. */
export interface Tick {
  readonly key: string
  readonly at: number
  readonly n: number
}

export const t0 = Date.UTC(2026, 0, 1)
const outOfOrderMs = 3_000
const each = (tick: Tick | null) => ({ key: tick!.key, timestamp: t0 + tick!.at })
const source = { outOfOrder: outOfOrderMs, idle: 'never' as const }

/** What an oracle is given: each record with the watermark before it, in the order they come. */
export interface SeenTick extends Tick {
  readonly watermark: number
}

type Operator = (keyed: KeyedStream<Tick, string>) => Stream<any, any>

/** Records of a few keys, out of order, some of them behind the watermark. */
const ticks = fc
  .array(
    fc.record({
      key: fc.constantFrom('a', 'b'),
      step: fc.constantFrom(0, 100, 900, 1_000, 2_500, 11_000),
      back: fc.constantFrom(0, 0, 0, 500, 2_000, 3_000, 4_500),
      n: fc.nat(4),
    }),
    { maxLength: 25 },
  )
  .map(drafts => {
    let time = 5_000
    return drafts.map(({ key, step, back, n }): Tick => {
      time += step
      return { key, at: Math.max(0, time - back), n }
    })
  })

function seen(input: readonly Tick[]): SeenTick[] {
  let watermark = Number.NEGATIVE_INFINITY
  return input.map(tick => {
    const before = watermark
    watermark = Math.max(watermark, tick.at - outOfOrderMs)
    return { ...tick, watermark: before }
  })
}

/**
 * Holds an operator against a function of a few lines that gives its results from the whole input: on many inputs in one way, on some
 * in every way that must not matter. The order of results counts within a key.
 */
export async function assertOperator(
  operator: Operator,
  oracle: (input: readonly SeenTick[], key: string) => readonly unknown[],
  { runs = 60, everyWay = 3, anyOrder = false } = {},
): Promise<void> {
  const expectedOf = (input: readonly Tick[]) =>
    ['a', 'b'].flatMap(key => {
      const own = seen(input).filter(tick => tick.key === key)
      return oracle(own, key).map(result => ({ key, result }))
    })
  const labelled: Operator = keyed =>
    operator(keyed).map((result, { key }) => ({ key: key as string, result })) as Stream<any, any>
  await fc.assert(
    fc.asyncProperty(ticks, async input => {
      const sorted = (all: Labelled[]) => (anyOrder ? all.toSorted(byText) : all)
      assert.deepEqual(byKey(sorted(await results(labelled, input))), byKey(sorted(expectedOf(input))))
    }),
    { numRuns: runs },
  )
  const samples = fc.sample(ticks, { numRuns: everyWay })
  for (const input of samples)
    await verifyOperator<Tick, any>(stream => labelled(stream.byKey() as never), {
      input,
      each: each as never,
      source,
      expected: expectedOf(input),
    })
}

async function results(
  operator: Operator,
  input: readonly Tick[],
): Promise<{ key: string; result: unknown }[]> {
  const from = topic('ticks', { value: json<Tick>() })
  const to = topic('results', { value: json<any>() })
  const built = pipeline('ticks', p => {
    operator(p.from(from, source).byKey() as never).to(to)
  })
  await using driver = await testDriver([built])
  await driver.input(from).sendAll(input, each)
  await driver.finish()
  return driver.output(to).values()
}

function byKey(labelled: readonly { readonly key: string; readonly result: unknown }[]): unknown {
  return Object.groupBy(labelled, ({ key }) => key)
}

interface Labelled {
  readonly key: string
  readonly result: unknown
}

function byText(a: Labelled, b: Labelled): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1
}
