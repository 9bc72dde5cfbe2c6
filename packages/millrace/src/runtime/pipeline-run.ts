import { buildPrograms, type SubProgram } from '../engine/compile-sub.ts'
import { createTask, type TaskWorld, taskName } from '../engine/create-task.ts'
import { type ChangelogCut, cutTask, type TaskCut } from '../engine/cut.ts'
import type { Incident } from '../engine/failures.ts'
import type { LineSinks } from '../engine/lines.ts'
import type { Task } from '../engine/task.ts'
import type { TaskInput } from '../engine/task-input.ts'
import { CommitError, type Log, type MemberIdentity, type TopicPartition } from '../log/log.ts'
import type { Graph } from '../plan/graph.ts'
import { groupName, type SideTopic } from '../plan/names.ts'
import { batchInfo } from '../record/batch.ts'
import { SnapshotDamagedError } from '../state/snapshot-format.ts'
import { isBroken } from '../std/broken-rules.ts'
import type { Clock } from '../std/clock.ts'
import { Backoff, isRetriable } from './backoff.ts'
import { type RestoreSource, restoreTask, startPositions } from './restore.ts'
import { TaskRunner } from './task-runner.ts'
import { inputTopics, type PartitionCounts, sideTopicSpec } from './topics.ts'

/** Shortest time between two commits of a drained pipeline (SEMANTICS 2.5). */
const drainedCommitMs = 5
/** Restarts in a row before a position that stays out of range is an error. */
const restartsMax = 10
const liveIdentity = isBroken('2.2')
const keepsStateAfterAbort = isBroken('2.4')
const ignoresInterval = isBroken('2.5')

export interface PipelineRunOptions {
  readonly app: string
  readonly graph: Graph
  readonly log: Log
  readonly clock: Clock
  readonly counts: PartitionCounts
  readonly mode: 'compiled' | 'interpreted'
  readonly freeze: boolean
  /** In a bounded run: where each source partition ends. */
  readonly endOf?: (partition: TopicPartition) => number
  readonly random: () => number
  readonly print: (line: string) => void
  /** Puts lines into files before the commit that contains them. */
  readonly files: { write(path: string, line: string): void; flush(): Promise<void> }
  readonly snapshotOf: (partition: TopicPartition) => Promise<RestoreSource | undefined>
  /** Told of every acknowledged commit, before anything else happens to its tasks. */
  readonly onCommitted?: (tasks: readonly CommittedTask[]) => void
  readonly onIncident: (incident: Incident) => void
  readonly onError: (error: Error) => void
  readonly wake: () => void
  /** Instead of the pipeline's own interval and the 5 ms of a drained one. */
  readonly commitPace?: CommitPace
  /** Reached points of the commit, for tests that kill the process there. */
  readonly onPoint?: (point: CommitPoint) => void
}

/** When a commit is due, in ms since the one before; Infinity for never. */
export interface CommitPace {
  readonly intervalMs: number
  /** Once every task has drained its inputs (SEMANTICS 2.5). */
  readonly drainedMs: number
}

/** What a commit brought into the log of one task. */
export interface CommittedTask {
  readonly task: Task
  readonly cut: TaskCut
  readonly changes: readonly CommittedChanges[]
}

export interface CommittedChanges {
  readonly step: ChangelogCut['step']
  readonly topic: string
  readonly bytes: number
  /** Where they begin in the changelog. */
  readonly offset: number
  /** Where the changelog goes on behind them. */
  readonly endOffset: number
}

export type CommitPoint = 'cut' | 'before-commit' | 'after-commit' | 'after-acknowledge' | 'restored'

/** Between a loss or an error and the next start there are no tasks. */
type Phase = 'running' | 'restoring' | 'stopped'

/** The tasks of one pipeline on one worker, and their commits: all together, or none (SEMANTICS 1.3, 2). */
export class PipelineRun {
  readonly name: string
  readonly group: string
  readonly runners = new Map<string, TaskRunner>()
  identity: MemberIdentity | undefined
  readonly #options: PipelineRunOptions
  readonly #programs: readonly SubProgram[]
  readonly #world: TaskWorld
  readonly #pace: CommitPace
  readonly #sideTopics = new Set<string>()
  #assigned: TopicPartition[] = []
  #phase: Phase = 'running'
  #inFlight: Promise<void> | undefined
  /** While partitions are given up, no task takes further records. */
  #isRevoking = false
  /** Moves with every loss and abort, so that late answers to older work are dropped. */
  #epoch = 0
  /** Moves with every loss: what was assigned before it is not what is assigned after it. */
  #term = 0
  #lastCommitMs: number
  readonly #commitFailures: Backoff
  /** Serialises assigning, revoking and restoring. */
  #membershipWork: Promise<void> = Promise.resolve()

  constructor(options: PipelineRunOptions) {
    this.#options = options
    const { graph, app, log, clock, mode, freeze } = options
    this.name = graph.name
    this.group = groupName(app, graph.name)
    this.#programs = buildPrograms(graph, { app, closedLog: log.closed, mode, freeze })
    this.#lastCommitMs = clock.monotonic()
    this.#commitFailures = new Backoff(clock)
    this.#pace = options.commitPace ?? {
      intervalMs: graph.options.commitIntervalMs,
      drainedMs: drainedCommitMs,
    }
    const lines: LineSinks = {
      writeLine: (path, line) => options.files.write(path, line),
      print: options.print,
    }
    this.#world = {
      clock,
      nextSeed: () => Math.floor(options.random() * 2 ** 31),
      partitionsOf: topic => options.counts.get(topic) ?? 1,
      upstreamsOf: keyBy => this.#upstreams(keyBy),
      recordBytesMax: 16 * 1024 * 1024,
      lines,
      wake: options.wake,
      onFirstIncident: options.onIncident,
    }
  }

  /** Co-partitioned sets for the membership: the input topics of each sub-topology. */
  get topicSets(): string[][] {
    return this.#programs.map(({ plan }) => [
      ...new Set(inputTopics(this.#options.app, this.#options.graph, plan.sub)),
    ])
  }

  get tasks(): Task[] {
    return [...this.runners.values()].map(({ task }) => task)
  }

  #upstreams(keyBy: number): string[] {
    return this.#programs.flatMap(({ plan }) => {
      if (!plan.sub.nodeIds.includes(keyBy)) return []
      const partitions = this.#partitionsOf(plan.sub)
      return Array.from({ length: partitions }, (_, p) => taskName(plan, p))
    })
  }

  #partitionsOf(sub: SubProgram['plan']['sub']): number {
    const topics = inputTopics(this.#options.app, this.#options.graph, sub)
    return Math.max(...topics.map(topic => this.#options.counts.get(topic) ?? 1))
  }

  // Membership

  /** Takes partitions on; their tasks run once they are restored. */
  assign(partitions: readonly TopicPartition[], identity: MemberIdentity): void {
    this.identity = identity
    this.#assigned.push(...partitions)
    this.#serially(() => this.#startTasks())
  }

  /** The generation moved and the tasks stay; those that a refused commit dropped are restored under it. */
  setIdentity(identity: MemberIdentity): void {
    const wasFenced = this.identity === undefined
    this.identity = identity
    if (wasFenced) this.#serially(() => this.#startTasks())
  }

  /** Finishes with partitions: commits their tasks and closes them. */
  revoke(partitions: readonly TopicPartition[]): Promise<void> {
    const isGone = (each: { topic: string; partition: number }) =>
      partitions.some(({ topic, partition }) => topic === each.topic && partition === each.partition)
    const term = this.#term
    return this.#serially(async () => {
      if (term !== this.#term) return
      // Under steady input there would always be something more to commit.
      this.#isRevoking = true
      await this.commitAll().finally(() => {
        this.#isRevoking = false
        this.#options.wake()
      })
      // Lost meanwhile, and perhaps assigned anew.
      if (term !== this.#term) return
      this.#assigned = this.#assigned.filter(each => !isGone(each))
      for (const [name, { task }] of this.runners) {
        if (task.inputs.some(isGone)) this.#close(name)
      }
    })
  }

  /** The membership is gone: nothing of it is committed any more. */
  lost(): void {
    this.#epoch++
    this.#term++
    this.identity = undefined
    this.#assigned = []
    for (const name of [...this.runners.keys()]) this.#close(name)
    this.#inFlight = undefined
  }

  #close(name: string): void {
    this.runners.get(name)?.task.effects.close()
    this.runners.delete(name)
  }

  #serially(work: () => Promise<void>): Promise<void> {
    const done = this.#membershipWork.then(work)
    this.#membershipWork = done.catch(error => this.fail(error as Error))
    return this.#membershipWork
  }

  async #startTasks(): Promise<void> {
    if (this.#phase === 'stopped' || this.identity === undefined) return
    const epoch = this.#epoch
    this.#phase = 'restoring'
    try {
      for (const { plan, program } of this.#programs) {
        const topics = inputTopics(this.#options.app, this.#options.graph, plan.sub)
        for (let partition = 0; partition < this.#partitionsOf(plan.sub); partition++) {
          const name = taskName(plan, partition)
          if (this.runners.has(name) || !topics.every(topic => this.#isAssigned(topic, partition))) continue
          const runner = await this.#startTaskWhenReachable(plan, program, partition, topics)
          if (runner === undefined || epoch !== this.#epoch) return
          this.runners.set(name, runner)
        }
      }
      this.#options.onPoint?.('restored')
    } finally {
      if (epoch === this.#epoch && !this.isStopped) this.#phase = 'running'
      this.#options.wake()
    }
  }

  #isAssigned(topic: string, partition: number): boolean {
    return this.#assigned.some(each => each.topic === topic && each.partition === partition)
  }

  /** Tries again while the log cannot be reached; undefined when the task is no longer wanted. */
  async #startTaskWhenReachable(
    plan: SubProgram['plan'],
    program: SubProgram['program'],
    partition: number,
    topics: readonly string[],
  ): Promise<TaskRunner | undefined> {
    const epoch = this.#epoch
    const backoff = new Backoff(this.#options.clock)
    for (;;) {
      try {
        return await this.#startTask(plan, program, partition, topics)
      } catch (error) {
        if (!isRetriable(error)) throw error
        await backoff.wait()
        if (epoch !== this.#epoch) return undefined
      }
    }
  }

  async #startTask(
    plan: SubProgram['plan'],
    program: SubProgram['program'],
    partition: number,
    topics: readonly string[],
  ): Promise<TaskRunner> {
    const { log, clock, snapshotOf, endOf } = this.#options
    const inputs = plan.sub.inputs.map((origin, i) => ({ origin, topic: topics[i]!, partition }))
    const positions = await startPositions(log, this.group, inputs)
    const restored = async (source: typeof snapshotOf) => {
      const task = createTask(plan, program, partition, positions, this.#world)
      await restoreTask(task, { log, clock, snapshotOf: source, pause: nextTurn })
      return task
    }
    // The changelog alone is whole (SEMANTICS 2.3).
    const task = await restored(snapshotOf).catch(error => {
      if (!(error instanceof SnapshotDamagedError)) throw error
      return restored(async () => undefined)
    })
    const ends =
      endOf && inputs.map(input => (input.origin.kind === 'source' ? endOf(input) : Number.POSITIVE_INFINITY))
    return new TaskRunner(task, ends)
  }

  // The loop's side

  get isStopped(): boolean {
    return this.#phase === 'stopped'
  }

  get isRestoring(): boolean {
    return this.#phase === 'restoring'
  }

  /** One turn of every task; true when something was done. */
  turn(): boolean {
    let worked = false
    for (const { runner } of this.#runnable()) {
      try {
        if (runner.turn() === 'worked') worked = true
      } catch (error) {
        this.fail(error as Error)
        return true
      }
    }
    // The end of a bounded input leaves nothing to commit where no window was open, so no commit tells of it.
    if (worked && this.isFinished) this.#options.wake()
    return worked
  }

  #runnable(): { runner: TaskRunner }[] {
    if (this.#isRevoking) return []
    // While a commit waits for asynchronous calls, their tasks take no further records, or it might wait for ever.
    return [...this.runners.values()]
      .filter(({ task }) => !(this.#isCommitDue() && !task.effects.isIdle))
      .map(runner => ({ runner }))
  }

  /** Every input that has room. */
  wanted(): { runner: TaskRunner; input: TaskInput; offset: number }[] {
    if (this.isStopped) return []
    return [...this.runners.values()].flatMap(runner => runner.wanted().map(each => ({ runner, ...each })))
  }

  /** Every task has used up its inputs; one that waits for a retry takes no part in a commit, so none waits for it. */
  get isDrained(): boolean {
    return [...this.runners.values()].every(runner => runner.isDrained || runner.task.isParked)
  }

  /** A bounded run is over: everything processed, closed and committed. */
  get isFinished(): boolean {
    return (
      this.#phase === 'running' &&
      this.runners.size > 0 &&
      this.#inFlight === undefined &&
      [...this.runners.values()].every(runner => runner.isFinished && !runner.task.hasProgress)
    )
  }

  nextWakeMs(carryMs?: number): number {
    let wake = Number.POSITIVE_INFINITY
    for (const runner of this.runners.values()) wake = Math.min(wake, runner.nextWakeMs(carryMs))
    if (this.#mayCommit && this.#ready().length > 0) {
      const elapsed = this.#options.clock.monotonic() - this.#lastCommitMs
      wake = Math.min(wake, Math.max(1, this.#commitAfterMs - elapsed))
    }
    for (const task of this.tasks)
      wake = Math.min(wake, Math.max(0, task.nextTickMs - this.#options.clock.now()))
    return wake
  }

  // Commits

  get #mayCommit(): boolean {
    return this.#inFlight === undefined && this.#phase === 'running' && this.identity !== undefined
  }

  #isCommitDue(): boolean {
    return this.#options.clock.monotonic() - this.#lastCommitMs >= this.#commitAfterMs
  }

  /** How long after the last commit the next one is due, as things stand (SEMANTICS 2.5). */
  get #commitAfterMs(): number {
    const { intervalMs, drainedMs } = this.#pace
    return ignoresInterval || !this.isDrained ? intervalMs : Math.min(drainedMs, intervalMs)
  }

  /** Cuts and sends a commit when one is due and none is under way. */
  commitIfDue(): void {
    if (!this.#mayCommit || !this.#isCommitDue()) return
    this.#startCommit()
  }

  /** Cuts and sends a commit now; resolves when it is settled. */
  async commitNow(): Promise<void> {
    await this.#inFlight
    if (this.#phase === 'running') this.#startCommit()
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
      if (ready.length === 0 && this.tasks.every(task => task.effects.isIdle || task.isParked)) return
      if (ready.length === 0) await nextTurn()
      else this.#startCommit()
      if (this.identity === undefined || this.isStopped) return
    }
  }

  /** Tasks with something to commit that may be cut now. */
  #ready(): Task[] {
    return this.tasks.filter(task => !task.isParked && task.effects.isIdle && task.hasProgress)
  }

  #startCommit(): void {
    const identity = this.identity
    const tasks = this.#ready()
    if (identity === undefined || tasks.length === 0) return
    this.#lastCommitMs = this.#options.clock.monotonic()
    const cuts = tasks.map(task => ({ task, cut: cutTask(task, this.#options.clock.now()) }))
    this.#options.onPoint?.('cut')
    const inFlight = this.#commit(identity, cuts, this.#epoch).finally(() => {
      if (this.#inFlight === inFlight) this.#inFlight = undefined
      this.#options.wake()
    })
    this.#inFlight = inFlight
  }

  async #commit(
    identity: MemberIdentity,
    cuts: readonly { task: Task; cut: TaskCut }[],
    epoch: number,
  ): Promise<void> {
    const { log, files } = this.#options
    try {
      const changelog = cuts.flatMap(({ task, cut }) =>
        cut.changelog.flatMap(({ topic, batches }) =>
          batches.map(bytes => ({ topic, partition: task.partition, bytes })),
        ),
      )
      const outputs = cuts.flatMap(({ cut }) => cut.outputs)
      // The batches are the log's once it has them.
      const measured = cuts.map(measure)
      await this.#ensureSideTopics(outputs.map(({ topic }) => topic))
      await files.flush()
      this.#options.onPoint?.('before-commit')
      const result = await log.commit({
        identity: liveIdentity ? (this.identity ?? identity) : identity,
        batches: [...outputs, ...changelog],
        positions: cuts.flatMap(({ cut }) => cut.positions),
      })
      if (epoch !== this.#epoch) return
      this.#commitFailures.reset()
      this.#options.onPoint?.('after-commit')
      this.#acknowledge(measured, result.baseOffsets.slice(outputs.length))
      this.#options.onPoint?.('after-acknowledge')
    } catch (error) {
      if (epoch === this.#epoch) this.#commitFailed(error as Error, identity)
    }
  }

  /** Tells the stores where their changes lie; `baseOffsets` are those of the changelog batches, in order. */
  #acknowledge(cuts: readonly MeasuredCut[], baseOffsets: readonly number[]): void {
    let at = 0
    const committed = cuts.map(({ task, cut, sizes }) => {
      const changes = cut.changelog.map(({ step, topic }, i) => {
        const { batches, lastRecords, bytes } = sizes[i]!
        const offset = baseOffsets[at]!
        if ('acknowledge' in step.store) step.store.acknowledge(offset)
        at += batches
        return { step, topic, bytes, offset, endOffset: baseOffsets[at - 1]! + lastRecords }
      })
      return { task, cut, changes }
    })
    this.#options.onCommitted?.(committed)
  }

  /** SEMANTICS 2.4: state is dropped and restored, positions go back, unsent output is forgotten. */
  #commitFailed(error: Error, identity: MemberIdentity): void {
    const outcome = error instanceof CommitError ? error.outcome : isRetriable(error) ? 'aborted' : undefined
    if (outcome === undefined) return this.fail(error)
    if (outcome !== 'fenced' && keepsStateAfterAbort) return
    this.#epoch++
    for (const name of [...this.runners.keys()]) this.#close(name)
    // The refused identity is over. What follows is the loss of the membership, or the generation that came
    // between the cut and the commit; until it is known which, the tasks stay closed.
    if (outcome === 'fenced' && this.identity === identity) this.identity = undefined
    else this.#serially(() => this.#startTasksAgain())
  }

  /**
   * What a task was to read next is gone from a topic of the pipeline's own: another member has read and
   * committed beyond it. Starts again from what is committed now; `error` stops the pipeline when that does not help.
   */
  restart(error: Error): void {
    if (this.isStopped) return
    if (this.#commitFailures.failures >= restartsMax) return this.fail(error)
    this.#epoch++
    for (const name of [...this.runners.keys()]) this.#close(name)
    this.#serially(async () => {
      await this.#inFlight
      await this.#startTasksAgain()
    })
  }

  /** The first time at once; a log that goes on refusing is given time. */
  async #startTasksAgain(): Promise<void> {
    const waitMs = this.#commitFailures.nextMs()
    if (this.#commitFailures.failures > 1) {
      await new Promise<void>(resolve => this.#options.clock.after(waitMs, resolve))
    }
    await this.#startTasks()
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

  /** Stops the pipeline with an error; what is uncommitted is given up. */
  fail(error: Error): void {
    if (this.isStopped) return
    this.#phase = 'stopped'
    this.#epoch++
    for (const name of [...this.runners.keys()]) this.#close(name)
    this.#options.onError(error)
    this.#options.wake()
  }

  /** Resolves when what a task has done so far is committed; false when it was dropped instead. */
  async committed(task: Task): Promise<boolean> {
    const cuts = task.commits
    const isDirty = task.hasProgress
    const isHere = () => !this.isStopped && this.tasks.includes(task)
    await this.#inFlight
    while (isDirty && isHere() && task.commits === cuts) {
      if (this.#inFlight === undefined) this.#startCommit()
      // A task that waits for a retry or for calls cannot be cut yet.
      await (this.#inFlight ??
        new Promise<void>(resolve => this.#options.clock.after(drainedCommitMs, resolve)))
    }
    await this.#inFlight
    return isHere()
  }

  partitionsOfStep(step: string): number {
    const owner = this.#programs.find(({ plan }) => plan.steps.some(({ node }) => node.name === step))
    if (owner === undefined) throw new Error(`Pipeline "${this.name}" has no step "${step}" with a store`)
    return this.#partitionsOf(owner.plan.sub)
  }

  hasStep(step: string): boolean {
    return this.#programs.some(({ plan }) => plan.steps.some(({ node }) => node.name === step))
  }

  /** Resolves when assigning, revoking and restoring are done. */
  settled(): Promise<void> {
    return this.#membershipWork
  }
}

interface MeasuredCut {
  readonly task: Task
  readonly cut: TaskCut
  /** Of each part of the changelog. */
  readonly sizes: readonly {
    readonly batches: number
    readonly lastRecords: number
    readonly bytes: number
  }[]
}

function measure({ task, cut }: { task: Task; cut: TaskCut }): MeasuredCut {
  const sizes = cut.changelog.map(({ batches }) => ({
    batches: batches.length,
    lastRecords: batchInfo(batches.at(-1)!).lastOffset + 1,
    bytes: batches.reduce((sum, batch) => sum + batch.length, 0),
  }))
  return { task, cut, sizes }
}

function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
