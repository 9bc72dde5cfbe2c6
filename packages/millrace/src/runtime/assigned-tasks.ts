import { buildPrograms, type SubProgram } from '../engine/compile-sub.ts'
import {
  createTask,
  type StartPosition,
  storeLayouts,
  type TaskWorld,
  taskName,
} from '../engine/create-task.ts'
import type { Incident } from '../engine/failures.ts'
import type { Task } from '../engine/task.ts'
import type { TaskInput } from '../engine/task-input.ts'
import type { Log, TopicPartition } from '../log/log.ts'
import type { Graph } from '../plan/graph.ts'
import { changelogTopic, groupName } from '../plan/names.ts'
import { SnapshotDamagedError, SnapshotReplacedError } from '../state/snapshot-format.ts'
import { BufferPool } from '../std/buffer-pool.ts'
import type { Clock } from '../std/clock.ts'
import { learnAdded, learnChannels, learnUpstream, type SeenTasks } from './added-partitions.ts'
import { Backoff, isRetriable } from './backoff.ts'
import type { Guarantee } from './guarantee.ts'
import { InputPreparation } from './input-preparation.ts'
import type { RestoreFigures } from './metrics/figures.ts'
import { keyPreparation, preparationOf, prepareWriting } from './preparation.ts'
import {
  globalStarts,
  type RestoreSource,
  restoreTask,
  type StepRestored,
  startPositions,
} from './restore.ts'
import type { SnapshotSubject } from './snapshots.ts'
import { TaskRunner } from './task-runner.ts'
import { type Start, TaskStarts } from './task-starts.ts'
import { inputTopics, type PartitionCounts } from './topics.ts'

/** What a bounded run is. */
export interface Bounds {
  /** Later runs of the group have larger numbers. */
  readonly no: number
  /** Where it ends in each source partition. */
  endOf(partition: TopicPartition): number
}

export interface TaskOptions {
  readonly app: string
  readonly graph: Graph
  readonly log: Log
  readonly clock: Clock
  readonly counts: PartitionCounts
  /** Of topics that are known to take no larger record. */
  readonly recordLimits?: ReadonlyMap<string, number>
  readonly mode: 'compiled' | 'interpreted'
  readonly freeze: boolean
  readonly guarantee: Guarantee
  readonly bounds?: Bounds
  readonly random: () => number
  readonly print: (line: string) => void
  /** Puts lines into files before the commit that contains them. */
  readonly files: { write(path: string, line: string): void; flush(): Promise<void> }
  readonly snapshotOf: (partition: TopicPartition) => Promise<RestoreSource | undefined>
  readonly onIncident: (incident: Incident) => void
  readonly warn: (message: string) => void
  /** A task could not be restored, for good. */
  readonly onStartFailed: (error: Error) => void
  /** Nothing is on its way any more. */
  readonly onAllStarted: () => void
  readonly wake: () => void
}

/** A sub-topology's task of one partition, before it is made. */
interface Place {
  readonly plan: SubProgram['plan']
  readonly program: SubProgram['program']
  readonly partition: number
  readonly topics: readonly string[]
}

/** The partitions a pipeline has here, and the tasks that read them: made and restored, dropped, given up. */
export class AssignedTasks {
  readonly runners = new Map<string, TaskRunner>()
  readonly starts: TaskStarts<TaskRunner>
  readonly group: string
  readonly #options: TaskOptions
  readonly #programs: readonly SubProgram[]
  readonly #world: TaskWorld
  /** Of every topic, with what was added since the start. */
  readonly #counts: Map<string, number>
  readonly #seenTasks: SeenTasks = new Map()
  #partitions: TopicPartition[] = []
  #epoch = 0
  /** That records cannot be written yet has been said. */
  #isWarned = false
  readonly #restored = { tasks: 0, records: 0, ms: 0 }
  /** Of the tasks that run. */
  readonly #restoredSteps = new Map<string, readonly StepRestored[]>()

  constructor(options: TaskOptions) {
    this.#options = options
    this.starts = new TaskStarts({
      onStarted: (name, runner, steps) => {
        this.runners.set(name, runner)
        this.#restoredSteps.set(name, steps)
        options.wake()
      },
      onAllStarted: options.onAllStarted,
      onError: options.onStartFailed,
    })
    this.#counts = new Map(options.counts)
    const { graph, app, log, clock, mode, freeze } = options
    this.group = groupName(app, graph.name)
    this.#programs = buildPrograms(graph, { app, closedLog: log.closed, mode, freeze })
    this.#world = {
      clock,
      nextSeed: () => Math.floor(options.random() * 2 ** 31),
      partitionsOf: topic => this.#counts.get(topic) ?? 1,
      upstreamsOf: keyBy => this.#upstreams(keyBy),
      recordBytesMaxOf: topic => options.recordLimits?.get(topic),
      // A join may write so much in a second; the pool keeps no more than was in use at once.
      memory: new BufferPool(192 * 1024 * 1024),
      lines: { writeLine: (path, line) => options.files.write(path, line), print: options.print },
      wake: options.wake,
      onFirstIncident: options.onIncident,
    }
  }

  /** Moves whenever all tasks are dropped, so that late answers to older work are recognised. */
  get epoch(): number {
    return this.#epoch
  }

  get tasks(): Task[] {
    return [...this.runners.values()].map(({ task }) => task)
  }

  get restoreFigures(): RestoreFigures {
    const steps = [...this.starts.steps, ...this.#restoredSteps].flatMap(([task, steps]) =>
      steps.map(each => ({ task, ...each })),
    )
    return { isRestoring: !this.starts.isEmpty, ...this.#restored, steps }
  }

  /** Co-partitioned sets for the membership: the input topics of each sub-topology. */
  get topicSets(): string[][] {
    return this.#programs.map(({ plan }) => [...new Set(this.#inputTopics(plan.sub))])
  }

  /** Topics whose partitions have state. */
  get statefulTopics(): string[] {
    const stateful = this.#programs.filter(({ plan }) => plan.stateful.length > 0)
    return [...new Set(stateful.flatMap(({ plan }) => this.#inputTopics(plan.sub)))]
  }

  /** The stores of the tasks that read these partitions. */
  storesOf(partitions: readonly TopicPartition[]): SnapshotSubject[] {
    const asked = new Set(partitions.map(({ topic, partition }) => `${partition} ${topic}`))
    const { app, graph } = this.#options
    return this.#places()
      .filter(({ topics, partition }) => topics.some(topic => asked.has(`${partition} ${topic}`)))
      .flatMap(({ plan, partition }) =>
        storeLayouts(plan).map(layout => ({
          topic: changelogTopic(app, graph.name, layout.step),
          partition,
          layout,
        })),
      )
  }

  /** So many partitions of a source are known of. */
  partitionsOf(topic: string): number {
    return this.#counts.get(topic) ?? 1
  }

  /** Every task has used up its inputs; one that waits for a retry takes no part in a commit, so none waits for it. */
  get isDrained(): boolean {
    return [...this.runners.values()].every(runner => runner.isDrained || runner.task.isParked)
  }

  partitionsOfStep(step: string): number {
    return this.#partitionsOf(this.#programOf(step).plan.sub)
  }

  /** Topics whose partitions the step's tasks read. */
  topicsOfStep(step: string): readonly string[] {
    return this.#inputTopics(this.#programOf(step).plan.sub)
  }

  #programOf(step: string): SubProgram {
    const owner = this.#programs.find(({ plan }) => plan.stateful.some(({ node }) => node.name === step))
    if (owner === undefined)
      throw new Error(`Pipeline "${this.#options.graph.name}" has no step "${step}" with a store`)
    return owner
  }

  hasStep(step: string): boolean {
    return this.#programs.some(({ plan }) =>
      [...plan.stateful.map(({ node }) => node), ...plan.globalTables].some(({ name }) => name === step),
    )
  }

  /** Whether a step is a table that each task has as a whole. */
  isGlobalTable(step: string): boolean {
    return this.#programs.some(({ plan }) => plan.globalTables.some(({ name }) => name === step))
  }

  /** Topics that tasks of these programs read as a whole. */
  get globalTopics(): string[] {
    return [
      ...new Set(this.#programs.flatMap(({ plan }) => plan.sub.globals.map(({ node }) => node.topic.name))),
    ]
  }

  /** Takes partitions on; `start` makes their tasks. */
  add(partitions: readonly TopicPartition[]): void {
    this.#partitions.push(...partitions)
  }

  /** Gives partitions up and closes their tasks. */
  remove(partitions: readonly TopicPartition[]): void {
    const isGone = (each: TopicPartition) =>
      partitions.some(({ topic, partition }) => topic === each.topic && partition === each.partition)
    this.#partitions = this.#partitions.filter(each => !isGone(each))
    for (const [name, { task }] of this.runners) {
      if (task.inputs.some(isGone)) this.#close(name)
    }
    for (const place of this.#places()) if (!this.#isAssigned(place)) this.starts.cancel(nameOf(place))
  }

  /** Gives everything up. */
  removeAll(): void {
    this.#partitions = []
    this.starts.cancelAll()
    this.drop()
  }

  /**
   * Closes the tasks that run with what is not committed of them; the partitions stay, and `start` restores the tasks. Those on their
   * way have no part in any commit, and go on.
   */
  drop(): void {
    this.#epoch++
    for (const name of [...this.runners.keys()]) this.#close(name)
  }

  #close(name: string): void {
    const task = this.runners.get(name)?.task
    task?.effects.close()
    task?.calls.close()
    this.runners.delete(name)
    this.#restoredSteps.delete(name)
  }

  /** Begins to make and restore the tasks that are missing; each runs as soon as it is whole. */
  start(): void {
    const readings = this.#programs.map(({ plan }) => ({ plan, topics: this.#inputTopics(plan.sub) }))
    learnAdded(this.#counts, this.#partitions, readings)
    for (const place of this.#places()) {
      const name = nameOf(place)
      if (this.runners.has(name) || this.starts.has(name) || !this.#isAssigned(place)) continue
      this.starts.begin(name, (signal, progress) => this.#startWhenReachable(place, signal, progress))
    }
  }

  /**
   * Takes note of a task that writes re-keyed records and was not there at the start (SEMANTICS 5.9): tasks that are made from here on
   * know it. False when there can be none of that name.
   */
  learnUpstream(name: string): boolean {
    return learnUpstream(this.#seenTasks, name, this.#plans)
  }

  get #plans(): SubProgram['plan'][] {
    return this.#programs.map(({ plan }) => plan)
  }

  #places(): Place[] {
    return this.#programs.flatMap(({ plan, program }) => {
      const topics = this.#inputTopics(plan.sub)
      return Array.from({ length: this.#partitionsOf(plan.sub) }, (_, partition) => ({
        plan,
        program,
        partition,
        topics,
      }))
    })
  }

  #isAssigned({ topics, partition }: Place): boolean {
    return topics.every(topic =>
      this.#partitions.some(each => each.topic === topic && each.partition === partition),
    )
  }

  /** Tries again while the log cannot be reached. Throws when the task is no longer wanted. */
  async #startWhenReachable(place: Place, ...how: Parameters<Start<TaskRunner>>): Promise<TaskRunner> {
    const [signal] = how
    const backoff = new Backoff(this.#options.clock)
    for (;;) {
      try {
        return await this.#startTask(place, ...how)
      } catch (error) {
        if (signal.aborted || !isRetriable(error)) throw error
        await backoff.wait()
        signal.throwIfAborted()
      }
    }
  }

  async #startTask(
    { plan, program, partition, topics }: Place,
    ...[signal, onBegun]: Parameters<Start<TaskRunner>>
  ): Promise<TaskRunner> {
    const { graph, log, clock, snapshotOf, bounds, warn, wake } = this.#options
    await this.#prepareWriting()
    const inputs = plan.sub.inputs.map((origin, i) => ({ origin, topic: topics[i]!, partition }))
    const positions = await startPositions(log, this.group, inputs)
    learnChannels(this.#seenTasks, positions, this.#plans)
    const globals = await globalStarts(log, plan)
    if (plan.stateful.length > 0) this.#warnOfForeign(positions)
    const pause = async () => {
      await nextTurn()
      signal.throwIfAborted()
    }
    const restored = async (source: typeof snapshotOf) => {
      const task = createTask(plan, program, partition, positions, this.#world, globals)
      const keys = keyPreparation(task)
      const startMs = clock.monotonic()
      const how = { log, clock, keys, snapshotOf: source, pause, signal, onBegun }
      const records = await restoreTask(task, how)
      this.#restored.tasks++
      this.#restored.records += records
      this.#restored.ms += clock.monotonic() - startMs
      return task
    }
    const restoredWhole = (): Promise<Task> =>
      restored(snapshotOf).catch(error => {
        if (error instanceof SnapshotReplacedError) return restoredWhole()
        if (!(error instanceof SnapshotDamagedError)) throw error
        // The changelog alone is whole (SEMANTICS 2.3).
        return restored(async () => undefined)
      })
    const task = await restoredWhole()
    const endOf = (input: TaskInput) =>
      input.origin.kind === 'source' ? bounds!.endOf(input) : Number.POSITIVE_INFINITY
    const run = bounds && { no: bounds.no, ends: task.inputs.map(endOf) }
    const preparations = task.inputs.map(input => {
      const preparation = preparationOf(graph, input)
      return preparation && new InputPreparation({ input, preparation, clock, warn, wake })
    })
    return new TaskRunner(task, run, preparations)
  }

  async #prepareWriting(): Promise<void> {
    const { graph, warn } = this.#options
    try {
      await prepareWriting(graph)
    } catch (error) {
      if (isRetriable(error) && !this.#isWarned) warn(`${(error as Error).message}. It is tried again`)
      this.#isWarned = true
      throw error
    }
    this.#isWarned = false
  }

  /** Every commit of ours leaves times beside a position; one without was set by a tool for groups. */
  #warnOfForeign(positions: readonly StartPosition[]): void {
    for (const { topic, partition, offset, committedOffset, metadata } of positions) {
      if (committedOffset < 0 || metadata.length > 0) continue
      const { graph, warn } = this.#options
      warn(
        `the position of ${topic}/${partition} (${offset}) was set from outside. State stays as it is, so records that are read ` +
          `again count again; millrace reset ${graph.name} forgets both`,
      )
    }
  }

  #upstreams(keyBy: number): string[] {
    return this.#programs.flatMap(({ plan }) => {
      if (!plan.sub.nodeIds.includes(keyBy)) return []
      const length = Math.max(this.#partitionsOf(plan.sub), this.#seenTasks.get(plan.sub.name) ?? 0)
      return Array.from({ length }, (_, p) => taskName(plan, p))
    })
  }

  #partitionsOf(sub: SubProgram['plan']['sub']): number {
    return Math.max(...this.#inputTopics(sub).map(topic => this.#counts.get(topic) ?? 1))
  }

  #inputTopics(sub: SubProgram['plan']['sub']): string[] {
    return inputTopics(this.#options.app, this.#options.graph, sub)
  }
}

function nameOf({ plan, partition }: Place): string {
  return taskName(plan, partition)
}

function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
