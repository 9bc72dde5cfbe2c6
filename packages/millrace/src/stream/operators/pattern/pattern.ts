import { checkCallback } from '../../../plan/callbacks.ts'
import { PlanError } from '../../../plan/plan-error.ts'
import { type Duration, toMs } from '../../../std/duration.ts'
import type { StepCallback } from '../../callback-types.ts'
import type { KeyedStream } from '../../stream.ts'
import { type Matches, type MatchOptions, matchPattern } from './match.ts'
import type { Stage } from './runs.ts'

type Predicate<V, K> = StepCallback<V, K, boolean>

/** A pattern over the records of each key under construction: stages by name (`N`), then `match`. */
export interface Pattern<V, K, N extends string> {
  /** The stage before needs so many records, or `min` to `max`; it takes as many as fit. */
  times(min: number, max?: number): Pattern<V, K, N>
  /** The stage before takes one record or more. */
  oneOrMore(): Pattern<V, K, N>
  /** The stage before may be missing. */
  optional(): Pattern<V, K, N>
  /** Then a record that `predicate` fits, with no other record of the key between. */
  next<M extends string>(name: M, predicate: Predicate<V, K>): Pattern<V, K, N | M>
  /** Then a record that `predicate` fits, whatever comes between. */
  followedBy<M extends string>(name: M, predicate: Predicate<V, K>): Pattern<V, K, N | M>
  /** No record that `predicate` fits comes before the next stage; at the end, before the time is over. */
  notFollowedBy(name: string, predicate: Predicate<V, K>): Pattern<V, K, N>
  /** All of it lies in that much event time. */
  within(time: Duration): Pattern<V, K, N>
  /** Finds the pattern. The name is the step's and its store's. */
  match(name: string, options?: MatchOptions): Matches<V, K, N>
}

/** Begins a pattern with a record that `predicate` fits. */
export function pattern(
  stream: KeyedStream<any, any>,
  name: string,
  predicate: Predicate<any, any>,
): Pattern<any, any, any> {
  return new GraphPattern(stream, [], [], [], Number.POSITIVE_INFINITY).followedBy(name, predicate)
}

class GraphPattern implements Pattern<any, any, any> {
  readonly #stream: KeyedStream<any, any>
  readonly #stages: readonly Stage[]
  readonly #predicates: readonly Predicate<any, any>[]
  /** Predicates that are forbidden from the last stage on. */
  readonly #forbidden: readonly number[]
  readonly #withinMs: number

  constructor(
    stream: KeyedStream<any, any>,
    stages: readonly Stage[],
    predicates: readonly Predicate<any, any>[],
    forbidden: readonly number[],
    withinMs: number,
  ) {
    this.#stream = stream
    this.#stages = stages
    this.#predicates = predicates
    this.#forbidden = forbidden
    this.#withinMs = withinMs
  }

  times(min: number, max = min): GraphPattern {
    const isCount = (n: number) => (Number.isSafeInteger(n) && n > 0) || n === Number.POSITIVE_INFINITY
    if (!isCount(min) || !isCount(max) || !Number.isFinite(min) || max < min)
      throw new PlanError(
        { step: this.#last.name },
        `times are ${min} to ${max}`,
        'give whole numbers from 1, the smaller one first',
      )
    return this.#withLast({ min, max })
  }

  oneOrMore(): GraphPattern {
    return this.times(1, Number.POSITIVE_INFINITY)
  }

  optional(): GraphPattern {
    if (this.#stages.length === 1)
      throw new PlanError(
        { step: this.#last.name },
        'the first stage is optional',
        'begin with one that is not',
      )
    return this.#withLast({ isOptional: true })
  }

  next(name: string, predicate: Predicate<any, any>): GraphPattern {
    return this.#add(name, predicate, true)
  }

  followedBy(name: string, predicate: Predicate<any, any>): GraphPattern {
    return this.#add(name, predicate, false)
  }

  notFollowedBy(name: string, predicate: Predicate<any, any>): GraphPattern {
    checkCallback(predicate, `the predicate of "${name}"`, { step: name })
    const predicates = [...this.#predicates, predicate]
    const forbidden = [...this.#forbidden, predicates.length - 1]
    return new GraphPattern(this.#stream, this.#stages, predicates, forbidden, this.#withinMs)
  }

  within(time: Duration): GraphPattern {
    const withinMs = toMs(time, 'pattern, within')
    return new GraphPattern(this.#stream, this.#stages, this.#predicates, this.#forbidden, withinMs)
  }

  match(name: string, options: MatchOptions = {}): Matches<any, any, any> {
    const forbiddenAfter = this.#forbidden
    if (forbiddenAfter.length > 0 && !Number.isFinite(this.#withinMs))
      throw new PlanError(
        { step: name },
        'nothing says until when the last notFollowedBy holds',
        "add within('…')",
      )
    const plan = { stages: this.#stages, forbiddenAfter }
    return matchPattern(this.#stream, name, plan, this.#predicates, this.#withinMs, options)
  }

  get #last(): Stage {
    return this.#stages.at(-1)!
  }

  #withLast(change: Partial<Stage>): GraphPattern {
    const stages = [...this.#stages.slice(0, -1), { ...this.#last, ...change }]
    return new GraphPattern(this.#stream, stages, this.#predicates, this.#forbidden, this.#withinMs)
  }

  #add(name: string, predicate: Predicate<any, any>, isStrict: boolean): GraphPattern {
    checkCallback(predicate, `the predicate of "${name}"`, { step: name })
    if (this.#stages.some(stage => stage.name === name))
      throw new PlanError({ step: name }, 'a stage already has this name', 'give this one another')
    const stage: Stage = {
      name,
      predicate: this.#predicates.length,
      isStrict,
      min: 1,
      max: 1,
      isOptional: false,
      forbidden: this.#forbidden,
    }
    return new GraphPattern(
      this.#stream,
      [...this.#stages, stage],
      [...this.#predicates, predicate],
      [],
      this.#withinMs,
    )
  }
}
