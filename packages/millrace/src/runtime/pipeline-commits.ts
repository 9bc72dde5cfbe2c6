import type { Task } from '../engine/task.ts'
import type { Log, MemberIdentity } from '../log/log.ts'
import type { Graph } from '../plan/graph.ts'
import type { SideTopic } from '../plan/names.ts'
import { isBroken } from '../std/broken-rules.ts'
import type { Clock } from '../std/clock.ts'
import type { AssignedTasks } from './assigned-tasks.ts'
import { Backoff } from './backoff.ts'
import { CommitContent, type CommittedTask } from './commit-content.ts'
import type { CommitPace, Guarantee } from './guarantee.ts'
import { CommitMeter } from './metrics/commit-meter.ts'
import { OutputsAhead } from './outputs-ahead.ts'
import { sideTopicSpec } from './topics.ts'

/** How often a task is looked at that cannot be cut yet. */
const lookAgainMs = 5
const liveIdentity = isBroken('2.2')
const ignoresInterval = isBroken('2.5')

export interface CommitOptions {
  readonly app: string
  readonly graph: Graph
  readonly log: Log
  readonly clock: Clock
  /** Lines of the tasks that are in files before the commit that contains them. */
  readonly files: { flush(): Promise<void> }
  /** Told of every acknowledged commit, before anything else happens to its tasks. */
  readonly onCommitted?: (tasks: readonly CommittedTask[]) => void
  readonly wake: () => void
  readonly commitPace: CommitPace
  readonly guarantee: Guarantee
  /** Reached points of the commit, for tests that kill the process there. */
  readonly onPoint?: (point: CommitPoint) => void
}

export type CommitPoint = 'cut' | 'before-commit' | 'after-commit' | 'after-acknowledge' | 'restored'

/** The pipeline's state as its commits see it. */
export interface RunState {
  /** Undefined while nothing may be committed. */
  readonly identity: MemberIdentity | undefined
  readonly phase: 'running' | 'stopped'
}

/** The commits of one pipeline on one worker: of all tasks that can be cut, one at a time (SEMANTICS 2). */
export class PipelineCommits {
  /** Commits that failed in a row. */
  readonly failures: Backoff
  readonly #options: CommitOptions
  readonly #tasks: AssignedTasks
  readonly #state: RunState
  readonly #failed: (error: Error, identity: MemberIdentity) => void
  readonly #pace: CommitPace
  /** Undefined where outputs go with their commits. */
  readonly #ahead: OutputsAhead | undefined
  readonly meter = new CommitMeter()
  readonly #sideTopics = new Set<string>()
  #inFlight: Promise<void> | undefined
  #count = 0
  #lastCommitMs: number

  /** `failed` is told of a commit that did not succeed, with the identity it was made under. */
  constructor(
    options: CommitOptions,
    tasks: AssignedTasks,
    state: RunState,
    failed: (error: Error, identity: MemberIdentity) => void,
  ) {
    this.#options = options
    this.#tasks = tasks
    this.#state = state
    this.#failed = failed
    const { clock, commitPace, log } = options
    this.#lastCommitMs = clock.monotonic()
    this.failures = new Backoff(clock)
    this.#pace = commitPace
    const { outputsMs } = commitPace
    if (outputsMs !== undefined) {
      const prepare = (topics: readonly string[]) => this.#ensureSideTopics(topics)
      this.#ahead = new OutputsAhead({ log, clock, everyMs: outputsMs, prepare })
    }
  }

  /** How many have been acknowledged. */
  get count(): number {
    return this.#count
  }

  get isInFlight(): boolean {
    return this.#inFlight !== undefined
  }

  get isDue(): boolean {
    return this.#options.clock.monotonic() - this.#lastCommitMs >= this.#afterMs
  }

  get #mayCommit(): boolean {
    const { phase, identity } = this.#state
    return this.#inFlight === undefined && phase === 'running' && identity !== undefined
  }

  /** How long after the last commit the next one is due, as things stand (SEMANTICS 2.5). */
  get #afterMs(): number {
    const { intervalMs, drainedMs } = this.#pace
    return ignoresInterval || !this.#tasks.isDrained ? intervalMs : Math.min(drainedMs, intervalMs)
  }

  /** When the next commit is due, or outputs may be sent ahead of it, ms from now; Infinity when there is nothing of either. */
  nextInMs(): number {
    return Math.min(this.#commitInMs(), this.#outputsInMs())
  }

  #commitInMs(): number {
    if (!this.#mayCommit || this.#ready().length === 0) return Number.POSITIVE_INFINITY
    const elapsed = this.#options.clock.monotonic() - this.#lastCommitMs
    return Math.max(1, this.#afterMs - elapsed)
  }

  #outputsInMs(): number {
    const inMs = this.#aheadInMs
    if (inMs === Number.POSITIVE_INFINITY || !this.#ready().some(task => task.hasOutputs))
      return Number.POSITIVE_INFINITY
    return Math.max(1, inMs)
  }

  /** When outputs may go ahead, if there are any: ms from now. */
  get #aheadInMs(): number {
    const { identity, phase } = this.#state
    if (this.#ahead === undefined || phase !== 'running' || identity === undefined)
      return Number.POSITIVE_INFINITY
    return this.#ahead.nextInMs(this.#tasks.isDrained)
  }

  /** Cuts and sends a commit when one is due and none is under way; else what may go ahead of it. */
  commitIfDue(): void {
    if (this.#mayCommit && this.isDue) this.#start()
    else this.#sendAhead()
  }

  #sendAhead(): void {
    if (this.#aheadInMs > 0) return
    const { epoch } = this.#tasks
    const { wake } = this.#options
    const identity = this.#state.identity!
    this.#ahead!.send(this.#ready())?.then(wake, error => {
      this.meter.failed(error, 0)
      if (epoch === this.#tasks.epoch) this.#failed(error, identity)
      wake()
    })
  }

  /** Cuts and sends a commit now; resolves when it is settled. */
  async commitNow(): Promise<void> {
    await this.#inFlight
    if (this.#state.phase === 'running') this.#start()
    await this.#inFlight
  }

  /** Resolves when the commit under way is settled; false when there was none. */
  async acknowledged(): Promise<boolean> {
    if (this.#inFlight === undefined) return false
    await this.#inFlight
    return true
  }

  /** Commits until nothing is left to commit; tasks that wait for a retry are left out. */
  async commitAll(): Promise<void> {
    for (;;) {
      await this.#inFlight
      const ready = this.#ready()
      if (ready.length === 0 && this.#tasks.tasks.every(task => task.effects.isIdle || task.isParked)) return
      if (ready.length === 0) await nextTurn()
      else this.#start()
      if (this.#state.identity === undefined || this.#state.phase === 'stopped') return
    }
  }

  /** Resolves when what a task has done so far is committed; false when it was dropped instead. */
  async committed(task: Task): Promise<boolean> {
    const cuts = task.commits
    const isDirty = task.hasProgress
    const isHere = () => this.#state.phase !== 'stopped' && this.#tasks.tasks.includes(task)
    await this.#inFlight
    while (isDirty && isHere() && task.commits === cuts) {
      if (this.#inFlight === undefined) this.#start()
      // A task that waits for a retry or for calls cannot be cut yet.
      await (this.#inFlight ?? new Promise<void>(resolve => this.#options.clock.after(lookAgainMs, resolve)))
    }
    await this.#inFlight
    return isHere()
  }

  /** The answer to the commit under way is of no interest any more. */
  forget(): void {
    this.#inFlight = undefined
  }

  /** Tasks with something to commit that may be cut now. */
  #ready(): Task[] {
    return this.#tasks.tasks.filter(task => !task.isParked && task.effects.isIdle && task.hasProgress)
  }

  #start(): void {
    const { identity } = this.#state
    const tasks = this.#ready()
    if (identity === undefined || tasks.length === 0) return
    this.#lastCommitMs = this.#options.clock.monotonic()
    const content = this.#cut(tasks, identity)
    if (content === undefined) return
    this.#options.onPoint?.('cut')
    // In its turn from now on: what is sent ahead of the next commit goes behind it.
    const sent = this.#ahead?.append(content.outputs)
    const inFlight = this.#commit(identity, content, this.#tasks.epoch, sent).finally(() => {
      if (this.#inFlight === inFlight) this.#inFlight = undefined
      this.#options.wake()
    })
    this.#inFlight = inFlight
  }

  /** Undefined when something cannot be written, such as a row that is too large. */
  #cut(tasks: readonly Task[], identity: MemberIdentity): CommitContent | undefined {
    try {
      return new CommitContent(tasks, this.#options.clock.now())
    } catch (error) {
      this.meter.failed(error, 0)
      this.#failed(error as Error, identity)
      return undefined
    }
  }

  /** `sent` are its outputs, where they go ahead of it. */
  async #commit(
    identity: MemberIdentity,
    content: CommitContent,
    epoch: number,
    sent: Promise<void> | undefined,
  ): Promise<void> {
    const { log, clock, files, guarantee, onPoint, onCommitted } = this.#options
    const startMs = clock.monotonic()
    const { changelog, positions } = content
    const outputs = sent === undefined ? content.outputs : []
    try {
      await (sent ?? this.#ensureSideTopics(outputs.map(({ topic }) => topic)))
      await files.flush()
      onPoint?.('before-commit')
      const result = await log.commit({
        identity: liveIdentity ? (this.#state.identity ?? identity) : identity,
        batches: [...outputs, ...changelog],
        positions,
        ...(guarantee === 'at-least-once' && { atLeastOnce: { outputs: outputs.length } }),
      })
      this.meter.succeeded(clock.monotonic() - startMs)
      if (epoch !== this.#tasks.epoch) return
      this.failures.reset()
      this.#count++
      onPoint?.('after-commit')
      onCommitted?.(content.acknowledge(result.baseOffsets.slice(outputs.length)))
      onPoint?.('after-acknowledge')
    } catch (error) {
      this.meter.failed(error, clock.monotonic() - startMs)
      if (epoch === this.#tasks.epoch) this.#failed(error as Error, identity)
    }
  }

  async #ensureSideTopics(topics: readonly string[]): Promise<void> {
    const { app, graph, log } = this.#options
    for (const side of ['failed', 'rejected', 'late'] satisfies SideTopic[]) {
      const spec = sideTopicSpec(app, graph.name, side)
      if (!topics.includes(spec.name) || this.#sideTopics.has(spec.name)) continue
      if ((await log.describeTopics([spec.name])).length === 0) await log.createTopics([spec])
      this.#sideTopics.add(spec.name)
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
