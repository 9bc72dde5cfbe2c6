import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { json, type KeyedStream, pipeline, topic } from '../index.ts'
import { testDriver } from '../testing.ts'
import { assertOperator, type SeenTick, type Tick, t0 } from './testkit/operator-property.ts'

/** A stage of a random pattern: a record with `n` from `fits`. */
interface StageRecipe {
  readonly strict: boolean
  readonly fits: readonly number[]
  readonly min: number
  readonly max: number
  readonly optional: boolean
  /** Only records with an `n` no smaller than that of the one taken before them. */
  readonly rising: boolean
  /** Forbidden in front of it. */
  readonly not: readonly number[] | null
  /** Forbidden only with the `n` of the first record. */
  readonly notAgain: boolean
}

interface PatternRecipe {
  readonly stages: readonly StageRecipe[]
  readonly notAtEnd: readonly number[] | null
  readonly withinMs: number
  readonly skip: 'pastLast' | 'none'
}

const numbers = fc.subarray([0, 1, 2, 3, 4], { minLength: 1, maxLength: 3 })
const forbidden = fc.option(numbers, { freq: 1 })
const recipes: fc.Arbitrary<PatternRecipe> = fc.record({
  stages: fc.array(
    fc.record({
      strict: fc.boolean(),
      fits: numbers,
      min: fc.constantFrom(1, 1, 2),
      max: fc.constantFrom(1, 2, Number.POSITIVE_INFINITY),
      optional: fc.boolean(),
      rising: fc.constantFrom(false, false, true),
      not: forbidden,
      notAgain: fc.boolean(),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  notAtEnd: forbidden,
  withinMs: fc.constantFrom(2_000, 5_000, 60_000),
  skip: fc.constantFrom('pastLast' as const, 'none' as const),
})

const nameOf = (at: number) => `s${at}`

/** The pattern of a recipe; in front of the first stage there is nothing. */
function build(keyed: KeyedStream<Tick, string>, { stages, notAtEnd, withinMs, skip }: PatternRecipe) {
  const fitting =
    (fits: readonly number[]) =>
    ({ n }: { readonly n: number }) =>
      fits.includes(n)
  type Taken = Readonly<Record<string, readonly { readonly n: number }[]>>
  const isRising = ({ n }: { readonly n: number }, matched: Taken) =>
    n >= (stages.flatMap((_, at) => matched[nameOf(at)]!).at(-1)?.n ?? 0)
  let built = keyed.pattern<string>(nameOf(0), fitting(stages[0]!.fits))
  stages.forEach((stage, at) => {
    if (at > 0) {
      if (stage.not !== null) built = built.notFollowedBy(`not-${at}`, fitting(stage.not))
      if (stage.not !== null && stage.notAgain)
        built = built.where(({ n }, matched) => n === matched[nameOf(0)]![0]!.n)
      const add = stage.strict ? 'next' : 'followedBy'
      built = built[add](nameOf(at), fitting(stage.fits))
      if (stage.optional) built = built.optional()
    }
    if (stage.rising) built = built.where(isRising)
    built = built.times(stage.min, Math.max(stage.min, stage.max))
  })
  if (notAtEnd !== null) built = built.notFollowedBy('not-at-end', fitting(notAtEnd))
  const matches = built.within(withinMs).match('found', { skip })
  const shown = (what: string) => (match: any) => ({
    what,
    start: match.start - t0,
    end: match.end - t0,
    records: stages.map((_, at) => match.records[nameOf(at)].map(({ n }: Tick) => n)),
  })
  return matches.map(shown('match')).merge(matches.timedOut.map(shown('timed out')))
}

/** What comes of the attempt that begins with a record, looked at alone. */
interface Attempt {
  readonly from: number
  /** Index of its last record. */
  readonly to: number
  readonly what: 'match' | 'timed out'
  /** When that is certain: behind a record, or at a time. */
  readonly doneAt: number
  readonly taken: readonly (readonly number[])[]
}

/** Goes through the records behind `from` in one go, the whole input before it. */
function attempt(records: readonly SeenTick[], from: number, recipe: PatternRecipe): Attempt | undefined {
  const { stages, notAtEnd, withinMs } = recipe
  const first = records[from]!
  const taken: number[][] = stages.map(() => [])
  taken[0]!.push(first.n)
  let stage = 0
  let to = from
  const has = (at: number) => taken[at]!.length
  const isOptional = (at: number) => at > 0 && stages[at]!.optional
  const isDone = () =>
    has(stage) >= stages[stage]!.min && stages.slice(stage + 1).every((_, i) => isOptional(stage + 1 + i))
  const result = (what: Attempt['what'], doneAt: number): Attempt => ({ from, to, what, doneAt, taken })
  if (isDone() && notAtEnd === null) return result('match', first.at)
  for (let i = from + 1; i < records.length; i++) {
    const { n, at } = records[i]!
    if (at > first.at + withinMs) break
    const following: number[] = []
    for (let next = stage + 1; next < stages.length; next++) {
      following.push(next)
      if (!isOptional(next)) break
    }
    const mayEnd = following.every(isOptional)
    const isEnough = has(stage) >= stages[stage]!.min
    const isForbidden = ({ not, notAgain }: StageRecipe) => not?.includes(n) && (!notAgain || n === first.n)
    const isRefused = following.some(next => isForbidden(stages[next]!)) || (mayEnd && notAtEnd?.includes(n))
    if (isEnough && isRefused) return undefined
    const max = Math.max(stages[stage]!.min, stages[stage]!.max)
    const open = [...(has(stage) < max ? [stage] : []), ...(isEnough ? following : [])]
    // The first stage was begun by `pattern`, which is never strict.
    const isStrict = (each: number) => each > 0 && stages[each]!.strict
    const fits = ({ fits, rising }: StageRecipe) => fits.includes(n) && (!rising || n >= records[to]!.n)
    const goal = open.find(each => fits(stages[each]!) && !(isStrict(each) && i > to + 1))
    if (goal === undefined) {
      if (!open.some(each => !isStrict(each)) && !isDone()) return undefined
      continue
    }
    stage = goal
    to = i
    taken[goal]!.push(n)
    if (isDone() && notAtEnd === null) return result('match', at)
  }
  return result(isDone() ? 'match' : 'timed out', first.at + withinMs + 1)
}

function bruteForce(recipe: PatternRecipe) {
  return (input: readonly SeenTick[]) => {
    const records = input.filter(({ at, watermark }) => at >= watermark).sort((a, b) => a.at - b.at)
    const attempts = records.flatMap((record, from) =>
      recipe.stages[0]!.fits.includes(record.n) ? (attempt(records, from, recipe) ?? []) : [],
    )
    // What is certain at a time goes before what a record of that time makes certain.
    const isTimed = ({ doneAt, from }: Attempt) => doneAt === records[from]!.at + recipe.withinMs + 1
    attempts.sort(
      (a, b) =>
        a.doneAt - b.doneAt ||
        Number(isTimed(b)) - Number(isTimed(a)) ||
        (isTimed(a) ? 0 : a.to - b.to) ||
        a.from - b.from,
    )
    let isGone = (_: Attempt) => false
    const results: Attempt[] = []
    for (const each of attempts) {
      if (isGone(each)) continue
      results.push(each)
      if (each.what === 'timed out' || recipe.skip === 'none') continue
      const before = isGone
      // A match that only the time completed comes later than its last record: what began at one time with that one is gone too.
      const end = isTimed(each) ? records.findLastIndex(({ at }) => at <= records[each.to]!.at) : each.to
      isGone = other => before(other) || other.from <= end
    }
    return results.map(({ what, from, to, taken }) => ({
      what,
      start: records[from]!.at,
      end: records[to]!.at,
      records: taken,
    }))
  }
}

describe('a pattern', () => {
  it('[3.2] [5.11] is found as one finds it who looks at the whole input', { timeout: 300_000 }, async () => {
    for (const recipe of fc.sample(recipes, { numRuns: 25 })) {
      try {
        await assertOperator(keyed => build(keyed, recipe), bruteForce(recipe), {
          runs: 12,
          everyWay: 0,
          anyOrder: true,
        })
      } catch (error) {
        throw new Error(`${fc.stringify(recipe)}: ${error}`, { cause: error })
      }
    }
  })

  it('[3.2] [5.11] is found in every way that must not matter', { timeout: 300_000 }, async () => {
    for (const recipe of fc.sample(recipes, { numRuns: 3 }))
      await assertOperator(keyed => build(keyed, recipe), bruteForce(recipe), {
        runs: 1,
        everyWay: 1,
        anyOrder: true,
      })
  })

  it('gives what there was when its time was over, and sends a record whose predicate throws to .failed', async () => {
    const from = topic('ticks', { value: json<Tick>() })
    const to = topic('results', { value: json<any>() })
    const built = pipeline('ticks', { maxFailureRate: 1 }, p => {
      const found = p
        .from(from)
        .byKey()
        .pattern('begin', ({ n }) => n === 0)
        .followedBy('end', ({ n }) => {
          if (n === 9) throw new Error('9 is refused')
          return n === 1
        })
        .within('10s')
        .match('pairs')
      found.to(to)
      found.timedOut.to(to)
    })
    await using driver = await testDriver([built])
    const send = (n: number, at: number) =>
      driver.input(from).send({ key: 'a', at, n }, { key: 'a', timestamp: t0 + at })
    await send(0, 0)
    await send(9, 1_000)
    await send(1, 10_000)
    await send(0, 11_000)
    await driver.crash()
    await send(5, 30_000)
    assert.deepEqual(
      (await driver.output(to).values()).map(({ start, end, records }) => [
        start - t0,
        end - t0,
        records.end.length,
      ]),
      [
        [0, 10_000, 1],
        [11_000, 11_000, 0],
      ],
    )
    assert.equal((await driver.sideStream('failed').read()).length, 1)
  })

  it('[5.11] a where that throws sends its record alone to .failed, in the order of time as well', async () => {
    const from = topic('ticks', { value: json<Tick>() })
    const to = topic('results', { value: json<any>() })
    for (const order of ['time', 'arrival'] as const) {
      const built = pipeline('ticks', { maxFailureRate: 1 }, p => {
        const found = p
          .from(from, { outOfOrder: '5s' })
          .byKey()
          .pattern('first', ({ n }) => n > 0)
          .where((_, matched) => matched.first.length === 0)
          .next('higher', () => true)
          .where(({ n }, { first, higher }) => {
            if (n === 9) throw new Error('9 is refused')
            return n > (higher.at(-1) ?? first[0]!).n
          })
          .times(2)
          .match('rising', { order })
        found.map(({ records }) => [...records.first, ...records.higher].map(({ n }) => n)).to(to)
      })
      for (const mode of ['compiled', 'interpreted'] as const) {
        await using driver = await testDriver([built], { mode })
        // One of them comes at the time of another.
        for (const [i, n] of [1, 2, 9, 3, 2, 5, 7].entries()) {
          const at = i === 3 ? 2_000 : i * 1_000
          await driver.input(from).send({ key: 'a', at, n }, { key: 'a', timestamp: t0 + at })
          if (i === 4) await driver.crash()
        }
        await driver.finish()
        assert.deepEqual(await driver.output(to).values(), [
          [1, 2, 3],
          [2, 5, 7],
        ])
        const failed = await driver.sideStream('failed').read()
        assert.deepEqual(
          failed.map(({ key, value }) => [key, (JSON.parse(value!) as Tick).n]),
          [['a', 9]],
        )
      }
    }
  })

  it('refuses what could never be decided', () => {
    const from = topic('ticks', { value: json<Tick>() })
    const begun = (build: (keyed: KeyedStream<Tick, string>) => unknown) => () =>
      pipeline('p', p => void build(p.from(from).byKey()))
    const fn = () => true
    assert.throws(
      begun(keyed => keyed.pattern('a', fn).optional()),
      /the first stage is optional/,
    )
    assert.throws(
      begun(keyed => keyed.pattern('a', fn).times(3, 2)),
      /times are 3 to 2/,
    )
    assert.throws(
      begun(keyed => keyed.pattern('a', fn).followedBy('a', fn)),
      /already has this name/,
    )
    assert.throws(
      begun(keyed => keyed.pattern('a', fn).notFollowedBy('b', fn).match('m')),
      /until when the last notFollowedBy holds/,
    )
    assert.throws(
      begun(keyed => keyed.pattern('a', fn).where(fn).where(fn)),
      /"a".*a where already.*into one/s,
    )
    assert.throws(
      begun(keyed => keyed.pattern('a', fn).where((async () => true) as never)),
      /where behind "a" is async/,
    )
  })
})
