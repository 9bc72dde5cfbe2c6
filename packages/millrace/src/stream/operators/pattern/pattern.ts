import { checkCallback } from '../../../plan/callbacks.ts'
import { PlanError } from '../../../plan/plan-error.ts'
import type { DeepReadonly } from '../../../plan/readonly.ts'
import { type Duration, toMs } from '../../../std/duration.ts'
import type { StepCallback } from '../../callback-types.ts'
import type { KeyedStream } from '../../stream.ts'
import { type Matches, type MatchOptions, matchPattern } from './match.ts'
import type { PatternPlan, Stage, Where } from './runs.ts'

type Predicate<V, K> = StepCallback<V, K, boolean>

/** The records that an attempt at a match has taken so far, in order, by the names of their stages. */
export type Matched<V, N extends string> = { readonly [P in N]: readonly DeepReadonly<V>[] }

/** Whether a record fits into what has been matched so far. */
export type WherePredicate<V, N extends string> = (value: DeepReadonly<V>, matched: Matched<V, N>) => boolean

/** A pattern over the records of each key under construction: stages by name (`N`), then `match`. */
export interface Pattern<V, K, N extends string> {
  /**
   * A record is one of the stage or `notFollowedBy` before only where `predicate` fits it too, which sees the records that the attempt
   * has taken so far, those of that stage included.
   *
   * @example
   * prices.byKey()
   *   .pattern('first', () => true)
   *   .next('higher', () => true).times(3)
   *   .where((v, { first, higher }) => v.price > (higher.at(-1) ?? first[0]!).price)
   *   .match('rising')
   */
  where(predicate: WherePredicate<V, N>): Pattern<V, K, N>
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
  return new GraphPattern(stream, noParts).followedBy(name, predicate)
}

/** What a pattern is made of so far. */
interface Parts extends PatternPlan {
  readonly predicates: readonly Predicate<any, any>[]
  readonly withinMs: number
}

const noParts: Parts = {
  stages: [],
  predicates: [],
  wheres: new Map(),
  forbiddenAfter: [],
  withinMs: Number.POSITIVE_INFINITY,
}

class GraphPattern implements Pattern<any, any, any> {
  readonly #stream: KeyedStream<any, any>
  readonly #parts: Parts

  constructor(stream: KeyedStream<any, any>, parts: Parts) {
    this.#stream = stream
    this.#parts = parts
  }

  where(where: Where): GraphPattern {
    const { stages, forbiddenAfter, wheres } = this.#parts
    const last = stages.at(-1)!
    const predicate = forbiddenAfter.at(-1) ?? last.predicate
    checkCallback(where, `the where behind "${last.name}"`, { step: last.name })
    if (wheres.has(predicate))
      throw new PlanError({ step: last.name }, 'it has a where already', 'write both conditions into one')
    return this.#with({ wheres: new Map([...wheres, [predicate, where]]) })
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
    if (this.#parts.stages.length === 1)
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
    const { predicates, forbiddenAfter } = this.#parts
    return this.#with({
      predicates: [...predicates, predicate],
      forbiddenAfter: [...forbiddenAfter, predicates.length],
    })
  }

  within(time: Duration): GraphPattern {
    return this.#with({ withinMs: toMs(time, 'pattern, within') })
  }

  match(name: string, options: MatchOptions = {}): Matches<any, any, any> {
    const { forbiddenAfter, predicates, withinMs } = this.#parts
    if (forbiddenAfter.length > 0 && !Number.isFinite(withinMs))
      throw new PlanError(
        { step: name },
        'nothing says until when the last notFollowedBy holds',
        "add within('…')",
      )
    return matchPattern(this.#stream, name, this.#parts, predicates, withinMs, options)
  }

  get #last(): Stage {
    return this.#parts.stages.at(-1)!
  }

  #with(change: Partial<Parts>): GraphPattern {
    return new GraphPattern(this.#stream, { ...this.#parts, ...change })
  }

  #withLast(change: Partial<Stage>): GraphPattern {
    return this.#with({ stages: [...this.#parts.stages.slice(0, -1), { ...this.#last, ...change }] })
  }

  #add(name: string, predicate: Predicate<any, any>, isStrict: boolean): GraphPattern {
    checkCallback(predicate, `the predicate of "${name}"`, { step: name })
    const { stages, predicates, forbiddenAfter } = this.#parts
    if (stages.some(stage => stage.name === name))
      throw new PlanError({ step: name }, 'a stage already has this name', 'give this one another')
    const stage: Stage = {
      name,
      predicate: predicates.length,
      isStrict,
      min: 1,
      max: 1,
      isOptional: false,
      forbidden: forbiddenAfter,
    }
    return this.#with({
      stages: [...stages, stage],
      predicates: [...predicates, predicate],
      forbiddenAfter: [],
    })
  }
}
