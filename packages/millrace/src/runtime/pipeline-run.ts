import type { Task } from '../engine/task.ts'
import type { TaskInput } from '../engine/task-input.ts'
import { UpstreamAdded } from '../engine/upstream-added.ts'
import {
  CommitError,
  type FetchedPartition,
  type GroupMember,
  type MemberIdentity,
  type TopicPartition,
} from '../log/log.ts'
import { isBroken } from '../std/broken-rules.ts'
import { Alignment } from './alignment.ts'
import type { PipelineHealth, RestoreHealth } from './app.ts'
import { AssignedTasks, type TaskOptions } from './assigned-tasks.ts'
import { isRetriable } from './backoff.ts'
import type { PipelineFigures } from './metrics/figures.ts'
import { taskFigures } from './metrics/task-figures.ts'
import { gapText, outOfRangeError, placeAfterGap } from './out-of-range.ts'
import { type CommitOptions, PipelineCommits, type RunState } from './pipeline-commits.ts'
import type { SnapshotSubject } from './snapshots.ts'
import type { TaskRunner } from './task-runner.ts'

/** Restarts in a row before a position that stays out of range is an error. */
const restartsMax = 10
const keepsStateAfterAbort = isBroken('2.4')

export interface PipelineRunOptions
  extends Omit<TaskOptions, 'onStartFailed' | 'onAllStarted'>,
    CommitOptions {
  readonly files: TaskOptions['files']
  readonly onError: (error: Error) => void
  /** Told of every turn of a task: what is known of one that never comes back. */
  readonly turns?: { begin(task: Task): void; end(): void }
}

/** One pipeline on one worker: follows the membership, and drives its tasks and their commits (SEMANTICS 1.3, 2). */
export class PipelineRun {
  readonly name: string
  /** Undefined where no source has a `maxDrift`. */
  readonly alignment: Alignment | undefined
  readonly #options: PipelineRunOptions
  readonly #tasks: AssignedTasks
  readonly #commits: PipelineCommits
  readonly #state: { -readonly [K in keyof RunState]: RunState[K] } = {
    identity: undefined,
    phase: 'running',
  }
  /** While partitions are given up, no task takes further records. */
  #isRevoking = false
  /** Moves with every loss: what was assigned before it is not what is assigned after it. */
  #term = 0
  /** Serialises assigning, revoking and restoring. */
  #membershipWork: Promise<void> = Promise.resolve()

  constructor(options: PipelineRunOptions) {
    this.#options = options
    this.name = options.graph.name
    this.#tasks = new AssignedTasks({
      ...options,
      onStartFailed: error => this.fail(error),
      onAllStarted: () => {
        options.onPoint?.('restored')
        options.wake()
      },
    })
    this.alignment = Alignment.of({
      graph: options.graph,
      partitionsOf: topic => this.#tasks.partitionsOf(topic),
    })
    this.#commits = new PipelineCommits(options, this.#tasks, this.#state, (error, identity) =>
      this.#commitFailed(error, identity),
    )
  }

  /** How many commits have been acknowledged. */
  get commits(): number {
    return this.#commits.count
  }

  get group(): string {
    return this.#tasks.group
  }

  /** Where a bounded run ends in a source partition; Infinity where none does. */
  endOf(partition: TopicPartition): number {
    return this.#options.bounds?.endOf(partition) ?? Number.POSITIVE_INFINITY
  }

  /** Co-partitioned sets for the membership: the input topics of each sub-topology. */
  get topicSets(): string[][] {
    return this.#tasks.topicSets
  }

  get statefulTopics(): string[] {
    return this.#tasks.statefulTopics
  }

  /** The stores of the tasks that read these partitions, here or elsewhere. */
  storesOf(partitions: readonly TopicPartition[]): SnapshotSubject[] {
    return this.#tasks.storesOf(partitions)
  }

  /** Whose commits these are; undefined while nothing may be committed. */
  get identity(): MemberIdentity | undefined {
    return this.#state.identity
  }

  set identity(identity: MemberIdentity | undefined) {
    this.#state.identity = identity
  }

  get runners(): ReadonlyMap<string, TaskRunner> {
    return this.#tasks.runners
  }

  get tasks(): Task[] {
    return this.#tasks.tasks
  }

  // Membership

  /** Takes partitions on; their tasks run once they are restored. */
  assign(partitions: readonly TopicPartition[], identity: MemberIdentity): void {
    this.#state.identity = identity
    this.#tasks.add(partitions)
    this.#serially(async () => this.#startTasks())
  }

  /** The generation moved and the tasks stay; those that a refused commit dropped are restored under it. */
  setIdentity(identity: MemberIdentity): void {
    const wasFenced = this.#state.identity === undefined
    this.#state.identity = identity
    if (wasFenced) this.#serially(async () => this.#startTasks())
  }

  /** Finishes with partitions: commits their tasks and closes them. */
  revoke(partitions: readonly TopicPartition[]): Promise<void> {
    const term = this.#term
    return this.#serially(async () => {
      if (term !== this.#term) return
      // Under steady input there would always be something more to commit.
      this.#isRevoking = true
      await this.#commits.commitAll().finally(() => {
        this.#isRevoking = false
        this.#options.wake()
      })
      // Lost meanwhile, and perhaps assigned anew.
      if (term === this.#term) this.#tasks.remove(partitions)
    })
  }

  /** The membership is gone: nothing of it is committed any more. */
  lost(): void {
    this.#term++
    this.#state.identity = undefined
    this.#tasks.removeAll()
    this.#commits.forget()
  }

  /** Resolves when assigning, revoking and restoring are done. */
  async settled(): Promise<void> {
    await this.#membershipWork
    await this.#tasks.starts.settled()
  }

  #serially(work: () => Promise<void>): Promise<void> {
    const done = this.#membershipWork.then(work)
    this.#membershipWork = done.catch(error => this.fail(error as Error))
    return this.#membershipWork
  }

  #startTasks(): void {
    if (!this.isStopped && this.#state.identity !== undefined) this.#tasks.start()
    this.#options.wake()
  }

  // The loop's side

  get isStopped(): boolean {
    return this.#state.phase === 'stopped'
  }

  /** Without an identity it waits for the group. */
  get phase(): PipelineHealth['phase'] {
    const { phase, identity } = this.#state
    if (phase === 'stopped') return phase
    if (identity === undefined) return 'joining'
    return this.isRestoring ? 'restoring' : 'running'
  }

  get isRestoring(): boolean {
    return !this.#tasks.starts.isEmpty
  }

  /** How far the restores of its tasks are. */
  get restores(): RestoreHealth[] {
    return this.#tasks.starts.health
  }

  /** One turn of every task; true when something was done. */
  turn(): boolean {
    const { turns } = this.#options
    let worked = false
    this.alignment?.look(this.tasks)
    for (const runner of this.#runnable()) {
      turns?.begin(runner.task)
      try {
        if (runner.turn() === 'worked') worked = true
      } catch (error) {
        this.#turnFailed(error as Error)
        return true
      } finally {
        turns?.end()
      }
    }
    if (this.alignment?.look(this.tasks)) worked = true
    // The end of a bounded input leaves nothing to commit where no window was open, so no commit tells of it.
    if (worked && this.isFinished) this.#options.wake()
    return worked
  }

  #turnFailed(error: Error): void {
    if (!(error instanceof UpstreamAdded && this.#tasks.learnUpstream(error.upstream)))
      return this.fail(error)
    this.#startOver(() => this.#startTasks())
  }

  #runnable(): TaskRunner[] {
    if (this.#isRevoking) return []
    // While a commit waits for asynchronous calls, their tasks take no further records, or it might wait for ever.
    return [...this.runners.values()].filter(({ task }) => task.effects.isIdle || !this.#commits.isDue)
  }

  /** Every input that has room. */
  wanted(): { runner: TaskRunner; input: TaskInput; offset: number }[] {
    if (this.isStopped) return []
    return [...this.runners.values()].flatMap(runner => runner.wanted().map(each => ({ runner, ...each })))
  }

  /** A bounded run is over: everything processed, closed and committed. */
  get isFinished(): boolean {
    return (
      this.#state.phase === 'running' &&
      this.runners.size > 0 &&
      !this.isRestoring &&
      !this.#commits.isInFlight &&
      [...this.runners.values()].every(runner => runner.isAtEnd && !runner.task.hasProgress)
    )
  }

  nextWakeMs(carryMs?: number): number {
    let wake = this.#commits.nextInMs()
    for (const runner of this.runners.values()) wake = Math.min(wake, runner.nextWakeMs(carryMs))
    for (const task of this.tasks.filter(({ isFull }) => !isFull))
      wake = Math.min(wake, Math.max(0, task.nextTickMs - this.#options.clock.now()))
    return wake
  }

  // Commits

  /** Cuts and sends a commit when one is due and none is under way. */
  commitIfDue(): void {
    this.#commits.commitIfDue()
  }

  /** Cuts and sends a commit now; resolves when it is settled. */
  commitNow(): Promise<void> {
    return this.#commits.commitNow()
  }

  /** Resolves when the commit under way is settled; false when there was none. */
  acknowledged(): Promise<boolean> {
    return this.#commits.acknowledged()
  }

  /** Resolves when what records need to be read, and is fetched now, is there or has failed; false when nothing is fetched. */
  async fetched(): Promise<boolean> {
    const fetching = [...this.runners.values()].flatMap(runner => runner.fetching ?? [])
    await Promise.all(fetching)
    return fetching.length > 0
  }

  /** Resolves when what a task has done so far is committed; false when it was dropped instead. */
  committed(task: Task): Promise<boolean> {
    return this.#commits.committed(task)
  }

  /** SEMANTICS 2.4: state is dropped and restored, positions go back, unsent output is forgotten. */
  #commitFailed(error: Error, identity: MemberIdentity): void {
    const outcome = error instanceof CommitError ? error.outcome : isRetriable(error) ? 'aborted' : undefined
    if (outcome === undefined) return this.fail(error)
    if (outcome !== 'fenced' && keepsStateAfterAbort) return
    this.#tasks.drop()
    // The refused identity is over. What follows is the loss of the membership, or the generation that came
    // between the cut and the commit; until it is known which, the tasks stay closed.
    if (outcome === 'fenced' && this.#state.identity === identity) this.#state.identity = undefined
    else this.#serially(() => this.#startTasksAgain())
  }

  /** The log does not hold what an input was to read next. `fetched` says what it holds, if that is known. */
  outOfRange(input: TaskInput, error: Error, fetched: FetchedPartition | undefined): void {
    if (input.origin.kind === 'repartition') return this.restart(error)
    const place = fetched && placeAfterGap(input, fetched)
    if (place === undefined) return this.fail(outOfRangeError(this.name, input, error))
    this.#options.warn(gapText(input, place))
    input.skipTo(place)
  }

  /**
   * What a task was to read next is gone from a topic of the pipeline's own: another member has read and
   * committed beyond it. Starts again from what is committed now; `error` stops the pipeline when that does not help.
   */
  restart(error: Error): void {
    if (this.isStopped) return
    if (this.#commits.failures.failures >= restartsMax) return this.fail(error)
    this.#startOver(() => this.#startTasksAgain())
  }

  #startOver(startTasks: () => void | Promise<void>): void {
    this.#tasks.drop()
    this.#serially(() => this.#commits.acknowledged().then(startTasks))
  }

  /** Whether a step is a table that each task has as a whole. */
  isGlobalTable(step: string): boolean {
    return this.#tasks.isGlobalTable(step)
  }

  /** Topics that each task reads as a whole. */
  get globalTopics(): readonly string[] {
    return this.#tasks.globalTopics
  }

  /** A global topic has so many partitions: tasks that read fewer are made anew, and read it from its beginning. */
  readGlobals(topic: string, partitions: number): void {
    const isBehind = (task: Task) => {
      const read = task.inputs.filter(input => input.isGlobal && input.topic === topic)
      return read.length > 0 && read.length < partitions
    }
    if (this.isStopped || !this.tasks.some(isBehind)) return
    this.#serially(async () => {
      await this.#commits.commitNow()
      this.#tasks.drop()
      this.#startTasks()
    })
  }

  /** The first time at once; a log that goes on refusing is given time. */
  async #startTasksAgain(): Promise<void> {
    const { failures } = this.#commits
    const waitMs = failures.nextMs()
    if (failures.failures > 1) await new Promise<void>(resolve => this.#options.clock.after(waitMs, resolve))
    this.#startTasks()
  }

  warn(message: string): void {
    this.#options.warn(message)
  }

  /** Stops the pipeline with an error; what is uncommitted is given up. */
  fail(error: Error): void {
    if (this.isStopped) return
    this.#state.phase = 'stopped'
    this.#tasks.starts.cancelAll()
    this.#tasks.drop()
    this.#options.onError(error)
    this.#options.wake()
  }

  // Queries

  get figures(): PipelineFigures {
    return {
      pipeline: this.name,
      ...this.#commits.meter.figures,
      restore: this.#tasks.restoreFigures,
      tasks: this.tasks.map(taskFigures),
    }
  }

  partitionsOfStep(step: string): number {
    return this.#tasks.partitionsOfStep(step)
  }

  /** The member of the group whose task of that partition keeps the step's state; undefined while none does. */
  async ownerOf(step: string, partition: number): Promise<GroupMember | undefined> {
    const [topic] = this.#tasks.topicsOfStep(step)
    const members = (await this.#options.log.describeGroup(this.group))?.members ?? []
    return members.find(({ assignment }) =>
      assignment.some(each => each.topic === topic && each.partition === partition),
    )
  }

  hasStep(step: string): boolean {
    return this.#tasks.hasStep(step)
  }
}
