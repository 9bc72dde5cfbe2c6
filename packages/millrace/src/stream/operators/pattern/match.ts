import { out } from '../../../plan/out.ts'
import type { ProcessContext, TimerContext } from '../../../plan/process.ts'
import { type StateHandles, side, state } from '../../process.ts'
import type { KeyedStream, Stream } from '../../stream.ts'
import { arrived, wait, waitingStates } from '../time-order.ts'
import { withStream } from '../with-stream.ts'
import { advance, begin, type Incoming, isComplete, type PatternPlan, type Run, recordsOf } from './runs.ts'

/** The records of a match by the names of their stages, each in order. */
export interface Match<V, N extends string> {
  /** Event times of the first and the last record. */
  readonly start: number
  readonly end: number
  readonly records: { readonly [P in N]: readonly V[] }
}

export interface MatchOptions {
  /** `time` (default): records wait until no earlier one of their key can come. `arrival`: they go in as they come. */
  readonly order?: 'time' | 'arrival'
  /**
   * `pastLast` (default): behind a match the next one begins after its last record. `none`: every record that the first stage
   * fits begins one.
   */
  readonly skip?: 'pastLast' | 'none'
}

/** The matches of a pattern, and what became none. */
export interface Matches<V, K, N extends string> extends KeyedStream<Match<V, N>, K> {
  /** What there was of a match when its time was over. Nothing happens to it when nothing reads it. */
  readonly timedOut: Stream<Match<V, N>, K>
  /** Records that came behind the watermark, when they go in by time. */
  readonly late: Stream<V, K>
}

const states = {
  ...waitingStates,
  runs: state.map<number, Run>(),
  next: state.value<number>(),
}
const sides = { timedOut: side<any>(), behind: side<any>() }
/** In front of the tags of records that wait: at one time what is over goes first. */
const expiryTag = (run: number) => `expiry ${run}`

type Handles = StateHandles<typeof states>
type Context = ProcessContext<any, Handles, any> | TimerContext<any, Handles, any>

/** What is kept of a record: which predicates it satisfies, and itself where some stage may take it. */
type Seen = readonly [satisfied: readonly number[], value: unknown]

/** Finds a pattern in the records of each key. */
export function matchPattern(
  stream: KeyedStream<any, any>,
  name: string,
  plan: PatternPlan,
  predicates: readonly ((value: any, record: any) => boolean)[],
  withinMs: number,
  { order = 'time', skip = 'pastLast' }: MatchOptions,
): Matches<any, any, any> {
  const matcher = new Matcher(plan, withinMs, skip === 'pastLast')
  const minds = plan.stages.some(({ isStrict }) => isStrict)
  const results = stream.process(
    name,
    {
      state: states,
      sides,
      onTimer(context: TimerContext<any, Handles, any>) {
        const run = context.timer.tag.startsWith('expiry ') ? Number(context.timer.tag.slice(7)) : undefined
        if (run !== undefined) return matcher.expire(context, run)
        return arrived(context).flatMap(seen => takeWaiting(matcher, context, seen as Seen))
      },
    },
    (value, context: ProcessContext<any, Handles, any>) => {
      const satisfied = predicates.flatMap((predicate, i) => (predicate(value, context.record) ? [i] : []))
      // A record that nothing asks for matters only where none may come between.
      if (satisfied.length === 0 && !minds) return
      const seen: Seen = [satisfied, satisfied.length === 0 ? null : value]
      if (order === 'arrival') return matcher.take(context, seen, context.timestamp)
      if (!wait(seen, context)) context.side('behind', value)
      return
    },
  )
  return withStream(
    withStream(results, 'timedOut', results.sides.timedOut),
    'late',
    results.sides.behind,
  ) as unknown as Matches<any, any, any>
}

/** Records of one time go in one by one: one that fails must not take the others with it. */
function takeWaiting(matcher: Matcher, context: TimerContext<any, Handles, any>, seen: Seen): unknown[] {
  try {
    return matcher.take(context, seen, context.timer.time)
  } catch (error) {
    context.fail(seen[1], error)
    return []
  }
}

class Matcher {
  readonly #plan: PatternPlan
  readonly #withinMs: number
  readonly #skipsPastLast: boolean

  constructor(plan: PatternPlan, withinMs: number, skipsPastLast: boolean) {
    this.#plan = plan
    this.#withinMs = withinMs
    this.#skipsPastLast = skipsPastLast
  }

  /** The matches that a record completes. Throws what a `where` throws, before anything has changed. */
  take(context: Context, [satisfied, value]: Seen, time: number): unknown[] {
    const incoming = { satisfied, value, time }
    const advanced = this.#advanced(context, incoming)
    const first = begin(this.#plan, incoming)
    const { runs } = context.state
    const matches: unknown[] = []
    for (const [id, next] of advanced) {
      if (next === undefined) this.#drop(context, id)
      else if (!this.#isMatch(next)) runs.set(id, next as never)
      else {
        matches.push(this.#matchOf(next))
        this.#drop(context, id)
        if (this.#skipsPastLast) {
          for (const other of [...runs.keys()]) this.#drop(context, other)
          return matches
        }
      }
    }
    if (first === undefined) return matches
    if (this.#isMatch(first)) return [...matches, this.#matchOf(first)]
    this.#keep(context, first)
    return matches
  }

  /** What a record makes of the runs whose time is not over. */
  #advanced({ state: { runs } }: Context, incoming: Incoming): [id: number, run: Run | undefined][] {
    return [...runs].flatMap(([id, run]) => {
      if (incoming.time - run.start > this.#withinMs) return []
      return [[id, advance(this.#plan, run as Run, incoming)]]
    })
  }

  /** A run's time is over: it is a match when nothing came that must not, else what there was of one. */
  expire(context: TimerContext<any, Handles, any>, id: number): unknown[] {
    const { runs } = context.state
    const run = runs.get(id) as Run | undefined
    if (run === undefined) return []
    runs.delete(id)
    if (!isComplete(this.#plan, run)) {
      context.side('timedOut', this.#matchOf(run))
      return []
    }
    if (this.#skipsPastLast)
      for (const [other, { start }] of [...runs]) if (start <= run.last) this.#drop(context, other)
    return [out(this.#matchOf(run))]
  }

  #isMatch(run: Run): boolean {
    return this.#plan.forbiddenAfter.length === 0 && isComplete(this.#plan, run)
  }

  #keep({ state: { runs, next }, timers }: Context, run: Run): void {
    const id = next.get() ?? 0
    next.set(id + 1)
    runs.set(id, run as never)
    if (Number.isFinite(this.#withinMs)) timers.at(run.start + this.#withinMs + 1, expiryTag(id))
  }

  #drop({ state: { runs }, timers }: Context, id: number): void {
    runs.delete(id)
    timers.cancel(expiryTag(id))
  }

  #matchOf(run: Run): object {
    return { start: run.start, end: run.last, records: recordsOf(this.#plan, run) }
  }
}
