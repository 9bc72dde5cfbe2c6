import type { TaskInput } from '../engine/task-input.ts'
import type { FetchedPartition, FetchOptions, Log } from '../log/log.ts'
import type { Clock } from '../std/clock.ts'
import { AlignmentWatch } from './alignment-watch.ts'
import { isRetriable } from './backoff.ts'
import { FetchRetries } from './fetch-retries.ts'
import { GlobalWatch } from './global-watch.ts'
import type { FetchFigures } from './metrics/figures.ts'
import { isOutOfRange } from './out-of-range.ts'
import type { PipelineRun } from './pipeline-run.ts'
import { stallText } from './stall-report.ts'
import { StallWatch } from './stall-watch.ts'
import type { TaskRunner } from './task-runner.ts'

/** Longest wait for new records in one fetch; new data ends it at once. */
const fetchWaitMs = 500
/** Other work of the process gets its turn at least this often (SEMANTICS 1.3). */
const turnMsMax = 10
/** How long a partition may give nothing of what it holds before its pipeline stops (`StallWatch`). */
const stallMsDefault = 60_000
const fetchLimits = { maxBytes: 16 * 1024 * 1024, partitionMaxBytes: 1024 * 1024 }

type Wanted = ReturnType<PipelineRun['wanted']>[number]

/** One loop that runs the tasks of one or more pipelines: fetch, turn, commit (SEMANTICS 1.3). */
export class Worker {
  readonly runs: readonly PipelineRun[]
  readonly #log: Log
  readonly #clock: Clock
  readonly #retries: FetchRetries
  #wakeUp: (() => void) | undefined
  #isAwake = false
  #stopping = false
  /** A fetch that did not wait has found nothing, and nothing has been done since: the next one may wait. */
  #isProbed = false
  #fetch:
    | {
        readonly abort: AbortController
        readonly done: Promise<void>
        readonly asked: ReadonlySet<unknown>
      }
    | undefined
  #loop: Promise<void> | undefined
  readonly #fetches = { count: 0, failed: 0, bytes: 0, ms: 0 }
  readonly #stallMs: number
  #stallWatch: StallWatch | undefined
  #globalWatch: GlobalWatch | undefined
  #alignmentWatch: AlignmentWatch | undefined
  #fetchBegunMs = 0

  constructor(log: Log, clock: Clock, runs: readonly PipelineRun[], stallMs = stallMsDefault) {
    this.#stallMs = stallMs
    this.#log = log
    this.#clock = clock
    this.#retries = new FetchRetries(clock)
    this.runs = runs
  }

  start(): void {
    this.#loop = this.#run()
    this.#globalWatch = new GlobalWatch({ log: this.#log, clock: this.#clock, runs: this.runs })
    this.#alignmentWatch = new AlignmentWatch({
      log: this.#log,
      clock: this.#clock,
      runs: this.runs,
      wake: () => this.wake(),
    })
    this.#stallWatch = new StallWatch({
      log: this.#log,
      clock: this.#clock,
      stallMs: this.#stallMs,
      waiting: () => this.#waiting().map(({ input }) => input),
      onStalled: (input, what) => this.#stalled(input, what),
      warn: (input, message) => this.#runOfInput(input)?.warn(message),
    })
  }

  get fetches(): FetchFigures {
    return { ...this.#fetches }
  }

  /** Something happened that the loop may be waiting for. */
  wake(): void {
    this.#isAwake = true
    this.#wakeUp?.()
  }

  /** Ends the loop; the runs keep their tasks, so that they can still commit. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#stallWatch?.stop()
    this.#globalWatch?.stop()
    this.#alignmentWatch?.stop()
    this.#fetch?.abort.abort()
    this.wake()
    await this.#loop
    await this.#fetch?.done
  }

  /**
   * Does what can be done without time going on, instead of the loop, for whoever moves the clock: turns, due
   * commits and one fetch. False when there was nothing to do.
   */
  async step(): Promise<boolean> {
    const worked = this.#turns()
    for (const run of this.runs) run.commitIfDue()
    const wanted = this.#fetchable()
    if (wanted.length > 0) await this.#fetchOnce(wanted, { ...fetchLimits, maxWaitMs: 0 })
    return worked || wanted.some(({ input, offset }) => input.fetchOffset !== offset)
  }

  /** When there is something to do again by itself: ms from now, Infinity for never. `carryMs`: see `TaskRunner`. */
  nextWakeMs(carryMs?: number): number {
    return Math.min(this.#nextRetryMs(), ...this.runs.map(run => run.nextWakeMs(carryMs)))
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      this.#isAwake = false
      this.#fetchMore()
      const worked = this.#turns()
      for (const run of this.runs) run.commitIfDue()
      if (worked) this.#isProbed = false
      else await this.#sleep()
      // Always, since a fetch may be answered and end the sleep without the event loop having had its turn.
      await nextTurn()
    }
  }

  /** Turns of all pipelines for a while; false when nobody had anything to do. */
  #turns(): boolean {
    const until = this.#clock.monotonic() + turnMsMax
    let worked = false
    for (;;) {
      let any = false
      for (const run of this.runs) any = run.turn() || any
      worked ||= any
      if (!any || this.#clock.monotonic() >= until) return worked
    }
  }

  async #sleep(): Promise<void> {
    if (this.#isAwake) return
    let wakeMs = Number.POSITIVE_INFINITY
    for (const run of this.runs) wakeMs = Math.min(wakeMs, run.nextWakeMs())
    if (this.#fetch === undefined) wakeMs = Math.min(wakeMs, this.#nextRetryMs())
    await new Promise<void>(resolve => {
      const cancel = Number.isFinite(wakeMs) ? this.#clock.after(Math.max(wakeMs, 1), resolve) : () => {}
      this.#wakeUp = () => {
        cancel()
        resolve()
      }
    })
    this.#wakeUp = undefined
  }

  /** Keeps one fetch under way over all inputs with room; one that lacks an input is cut short. */
  #fetchMore(): void {
    const wanted = this.#fetchable()
    if (this.#fetch !== undefined) {
      const { asked, abort } = this.#fetch
      if (wanted.some(({ input }) => !asked.has(input))) {
        this.#isProbed = false
        abort.abort()
      }
      return
    }
    if (wanted.length === 0) return
    const abort = new AbortController()
    this.#fetchBegunMs = this.#clock.monotonic()
    // An input that still has records to work on must not make those wait that have none.
    const isBusy = wanted.some(({ input }) => !input.isEmpty)
    const options = {
      ...fetchLimits,
      maxWaitMs: isBusy && !this.#isProbed ? 0 : fetchWaitMs,
      signal: abort.signal,
    }
    const done = this.#fetchOnce(wanted, options).finally(() => {
      this.#fetch = undefined
      this.wake()
    })
    const asked = new Set(wanted.map(({ input }) => input))
    this.#fetch = { abort, done, asked }
  }

  #fetchable(): Wanted[] {
    return this.runs.flatMap(run => run.wanted()).filter(({ input }) => this.#retries.mayFetch(input))
  }

  async #fetchOnce(wanted: readonly Wanted[], options: FetchOptions): Promise<void> {
    const positions = wanted.map(({ input, offset }) => ({
      topic: input.topic,
      partition: input.partition,
      offset,
    }))
    const startMs = this.#clock.monotonic()
    for (const { input } of wanted) input.asked(startMs)
    try {
      const answer = await this.#log.fetch(positions, options)
      this.#measure(answer, startMs)
      this.#isProbed = answer.every(({ batches }) => batches.length === 0)
      // Several pipelines may ask for one partition.
      const unanswered = [...wanted]
      for (const fetched of answer) {
        const at = unanswered.findIndex(({ input, offset }) => isAnswer(fetched, input, offset))
        const [ask] = at < 0 ? [] : unanswered.splice(at, 1)
        if (ask === undefined) fetched.release?.()
        else if (fetched.error !== undefined) this.#fetchFailed(ask, fetched.error, fetched)
        else if (this.#runOf(ask.runner) === undefined) fetched.release?.()
        else {
          this.#retries.succeeded(ask.input)
          ask.runner.offer(ask.input, fetched)
        }
      }
    } catch (error) {
      if (options.signal?.aborted) return
      this.#fetches.failed++
      for (const ask of wanted) this.#fetchFailed(ask, error as Error)
    }
  }

  #measure(answer: readonly FetchedPartition[], startMs: number): void {
    this.#fetches.count++
    this.#fetches.ms += this.#clock.monotonic() - startMs
    for (const { batches } of answer) for (const batch of batches) this.#fetches.bytes += batch.length
  }

  /** What may go better later is tried again; anything else stops the pipeline. */
  #fetchFailed({ runner, input }: Wanted, error: Error, fetched?: FetchedPartition): void {
    const run = this.#runOf(runner)
    if (run === undefined) return
    if (isOutOfRange(error)) return run.outOfRange(input, error, fetched)
    if (!isRetriable(error)) return run.fail(error)
    runner.unreachable(input)
    this.#retries.failed(input)
  }

  #nextRetryMs(): number {
    const alive = new Set(this.runs.flatMap(run => run.tasks.flatMap(task => task.inputs)))
    return this.#retries.nextInMs(input => alive.has(input))
  }

  /** Inputs that a fetch should bring something for. */
  #waiting(): Wanted[] {
    return this.runs.flatMap(run => run.wanted()).filter(({ input }) => !this.#retries.isFailing(input))
  }

  #stalled(stalled: TaskInput, what: string): void {
    const fetch = this.#fetch && { asked: this.#fetch.asked, begunMs: this.#fetchBegunMs }
    const isFailing = (input: TaskInput) => this.#retries.isFailing(input)
    const state = { stalled, what, runs: this.runs, isFailing, fetch, nowMs: this.#clock.monotonic() }
    this.#runOfInput(stalled)?.fail(new Error(stallText(state)))
  }

  #runOfInput(input: TaskInput): PipelineRun | undefined {
    return this.runs.find(run => run.tasks.some(task => task.inputs.includes(input)))
  }

  #runOf(runner: TaskRunner): PipelineRun | undefined {
    return this.runs.find(run => run.runners.get(runner.task.name) === runner)
  }
}

function isAnswer(fetched: FetchedPartition, { topic, partition }: TaskInput, offset: number): boolean {
  return fetched.topic === topic && fetched.partition === partition && fetched.offset === offset
}

function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
