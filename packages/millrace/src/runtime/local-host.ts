import { performance } from 'node:perf_hooks'
import { threadId } from 'node:worker_threads'
import type { Task } from '../engine/task.ts'
import type { Log } from '../log/log.ts'
import type { Graph } from '../plan/graph.ts'
import { nodeDisk } from '../state/disk.ts'
import type { Clock } from '../std/clock.ts'
import { ChangelogUpkeep } from './changelog-upkeep.ts'
import type { CommittedTask } from './commit-content.ts'
import { commitPace } from './guarantee.ts'
import {
  endKey,
  type Host,
  type HostEvents,
  type HostedHealth,
  type HostedPipeline,
  type PipelineSettings,
  type RunSettings,
} from './host.ts'
import { LineFiles } from './line-files.ts'
import type { ThreadFigures } from './metrics/figures.ts'
import type { CommitPoint } from './pipeline-commits.ts'
import { PipelineRun } from './pipeline-run.ts'
import { ownUnfinished, prepareFolder } from './snapshot-folder.ts'
import { Snapshots } from './snapshots.ts'
import { Standbys } from './standbys.ts'
import { LocalStore } from './store-view.ts'
import { taskHealth } from './task-health.ts'
import type { TaskInWork, ThreadProgress } from './thread-progress.ts'
import { Worker } from './worker.ts'

export interface LocalHostParts {
  readonly log: Log
  readonly clock: Clock
  readonly random: () => number
  readonly settings: RunSettings
  readonly graphs: readonly Graph[]
  readonly events: HostEvents
  readonly onPoint?: (pipeline: string, point: CommitPoint) => void
  readonly snapshotRecordsMin?: number | undefined
  /** Number of the worker thread in the metrics; 0 is the control thread. */
  readonly thread?: number
  /** Shows another thread which task has its turn. */
  readonly progress?: ThreadProgress
}

/** Runs pipelines in this thread, in one loop. */
export class LocalHost implements Host {
  readonly pipelines: readonly LocalPipeline[]
  readonly #thread: number
  readonly #worker: Worker
  readonly #files = new LineFiles()
  readonly #snapshots: Snapshots[] = []
  readonly #upkeeps: ChangelogUpkeep[] = []
  /** By pipeline. */
  readonly #standbys = new Map<string, Standbys>()

  constructor(parts: LocalHostParts) {
    const runs = parts.graphs.map((graph, i) => this.#run(parts, graph, parts.settings.pipelines[i]!))
    this.#thread = parts.thread ?? 0
    this.#worker = new Worker(parts.log, parts.clock, runs)
    this.pipelines = runs.map(run => new LocalPipeline(run, this.#standbys.get(run.name)))
  }

  #run(parts: LocalHostParts, graph: Graph, pipeline: PipelineSettings): PipelineRun {
    const { log, clock, random, settings, events, onPoint, progress } = parts
    const { bounds, counts, recordLimits } = pipeline
    const snapshots = this.#snapshotsIn(pipeline.snapshots, parts)
    const fail = (error: Error) => run.fail(error)
    const upkeep = new ChangelogUpkeep({ log, clock, warn: events.warn, fail })
    this.#upkeeps.push(upkeep)
    const standbys = snapshots && new Standbys({ log, clock, snapshots, warn: events.warn })
    if (standbys !== undefined) this.#standbys.set(graph.name, standbys)
    const run: PipelineRun = new PipelineRun({
      app: settings.app,
      graph,
      log,
      clock,
      counts,
      recordLimits,
      mode: settings.mode,
      freeze: settings.freeze,
      guarantee: settings.guarantee,
      commitPace: commitPace(graph, log.kind, settings),
      ...(bounds && { bounds: { no: bounds.no, endOf: each => bounds.ends.get(endKey(each)) ?? 0 } }),
      random,
      print: events.print,
      files: this.#files,
      snapshotOf: async partition => snapshots?.find(partition),
      onCommitted: tasks => {
        upkeep.committed(tasks)
        if (snapshots !== undefined) noteChanges(snapshots, tasks)
      },
      warn: message => events.warn(`${graph.name}: ${message}`),
      onIncident: ({ step, reason, error, topic, partition, offset }) =>
        events.warn(
          `${graph.name}, step "${step}": first record with reason "${reason}" (${topic}/${partition} offset ${offset}): ${error}`,
        ),
      onError: error => events.failed(graph.name, error),
      turns: progress && {
        begin: task => progress.begin(inWork(graph.name, task)),
        end: () => progress.end(),
      },
      onPoint: onPoint && (point => onPoint(graph.name, point)),
      wake: () => {
        this.#worker.wake()
        events.changed()
      },
    })
    return run
  }

  #snapshotsIn(
    folder: string | undefined,
    { log, clock, random, events, snapshotRecordsMin }: LocalHostParts,
  ): Snapshots | undefined {
    if (folder === undefined) return undefined
    const snapshots = new Snapshots({
      log,
      clock,
      random,
      folder,
      disk: ownUnfinished(nodeDisk, { pid: process.pid, thread: threadId }),
      prepare: () => prepareFolder(folder),
      pause: () => new Promise(resolve => setImmediate(resolve)),
      warn: events.warn,
      ...(snapshotRecordsMin !== undefined && { recordsMin: snapshotRecordsMin }),
    })
    this.#snapshots.push(snapshots)
    return snapshots
  }

  async start(): Promise<void> {
    this.#worker.start()
  }

  async figures(): Promise<ThreadFigures[]> {
    return [
      {
        thread: this.#thread,
        activeMs: performance.eventLoopUtilization().active,
        fetches: this.#worker.fetches,
        pipelines: this.#worker.runs.map(({ figures }) => figures),
      },
    ]
  }

  async stop(): Promise<void> {
    await this.#worker.stop()
  }

  async close(): Promise<void> {
    const each = [...this.#upkeeps, ...this.#standbys.values(), ...this.#snapshots]
    await Promise.all(each.map(one => one.close()))
  }
}

function noteChanges(snapshots: Snapshots, tasks: readonly CommittedTask[]): void {
  for (const { task, changes } of tasks) {
    for (const { step, topic, offset, endOffset, bytes } of changes) {
      const { layout } = step.store
      snapshots.written({ topic, partition: task.partition, layout }, endOffset - offset, bytes)
    }
  }
}

function inWork(pipeline: string, task: Task): TaskInWork {
  const input = task.inputs.find(({ isEmpty }) => !isEmpty) ?? task.inputs[0]!
  const { topic, partition, position } = input
  return { pipeline, task: task.name, place: `${topic}/${partition}`, offset: position }
}

/** A pipeline whose tasks all run in this thread. */
class LocalPipeline implements HostedPipeline {
  readonly #run: PipelineRun
  readonly #standbys: Standbys | undefined

  constructor(run: PipelineRun, standbys: Standbys | undefined) {
    this.#run = run
    this.#standbys = standbys
  }

  get name(): string {
    return this.#run.name
  }

  get group(): string {
    return this.#run.group
  }

  get topicSets(): readonly (readonly string[])[] {
    return this.#run.topicSets
  }

  get statefulTopics(): readonly string[] {
    return this.#run.statefulTopics
  }

  keepCopies(partitions: Parameters<HostedPipeline['keepCopies']>[0]): void {
    this.#standbys?.keep(this.#run.storesOf(partitions).map(each => ({ ...each, isStandby: true })))
  }

  get health(): HostedHealth {
    const { name, phase, tasks, restores } = this.#run
    return { name, phase, tasks: tasks.map(taskHealth), restoring: restores }
  }

  get isFinished(): boolean {
    return this.#run.isFinished
  }

  assign(...args: Parameters<HostedPipeline['assign']>): void {
    this.#run.assign(...args)
  }

  revoke(partitions: Parameters<HostedPipeline['revoke']>[0]): Promise<void> {
    return this.#run.revoke(partitions)
  }

  setIdentity(identity: Parameters<HostedPipeline['setIdentity']>[0]): void {
    this.#run.setIdentity(identity)
  }

  lost(): void {
    this.#run.lost()
  }

  hasStep(step: string): boolean {
    return this.#run.hasStep(step)
  }

  store(step: string): LocalStore {
    return new LocalStore(this.#run, step)
  }
}
