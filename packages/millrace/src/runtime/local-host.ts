import type { Log } from '../log/log.ts'
import type { Graph } from '../plan/graph.ts'
import type { Clock } from '../std/clock.ts'
import type { PipelineHealth, StoreView } from './app.ts'
import {
  endKey,
  type Host,
  type HostEvents,
  type HostedPipeline,
  type PipelineSettings,
  type RunSettings,
} from './host.ts'
import { LineFiles } from './line-files.ts'
import { type CommitPoint, PipelineRun } from './pipeline-run.ts'
import { LocalStore } from './store-view.ts'
import { taskHealth } from './task-health.ts'
import { Worker } from './worker.ts'

export interface LocalHostParts {
  readonly log: Log
  readonly clock: Clock
  readonly random: () => number
  readonly settings: RunSettings
  readonly graphs: readonly Graph[]
  readonly events: HostEvents
  readonly onPoint?: (pipeline: string, point: CommitPoint) => void
}

/** Runs pipelines in this thread, in one loop. */
export class LocalHost implements Host {
  readonly pipelines: readonly LocalPipeline[]
  readonly #worker: Worker
  readonly #files = new LineFiles()

  constructor(parts: LocalHostParts) {
    const runs = parts.graphs.map((graph, i) => this.#run(parts, graph, parts.settings.pipelines[i]!))
    this.#worker = new Worker(parts.log, parts.clock, runs)
    this.pipelines = runs.map(run => new LocalPipeline(run))
  }

  #run(
    { log, clock, random, settings, events, onPoint }: LocalHostParts,
    graph: Graph,
    pipeline: PipelineSettings,
  ): PipelineRun {
    const { ends, counts } = pipeline
    return new PipelineRun({
      app: settings.app,
      graph,
      log,
      clock,
      counts,
      mode: settings.mode,
      freeze: settings.freeze,
      endOf: ends && (partition => ends.get(endKey(partition)) ?? 0),
      random,
      print: events.print,
      files: this.#files,
      snapshotOf: async () => undefined,
      onChangelog: () => {},
      onIncident: ({ step, reason, error, topic, partition, offset }) =>
        events.warn(
          `${graph.name}, step "${step}": first record with reason "${reason}" (${topic}/${partition} offset ${offset}): ${error}`,
        ),
      onError: error => events.failed(graph.name, error),
      onPoint: onPoint && (point => onPoint(graph.name, point)),
      wake: () => {
        this.#worker.wake()
        events.changed()
      },
    })
  }

  async start(): Promise<void> {
    this.#worker.start()
  }

  async stop(): Promise<void> {
    await this.#worker.stop()
  }

  async close(): Promise<void> {}
}

/** A pipeline whose tasks all run in this thread. */
class LocalPipeline implements HostedPipeline {
  readonly #run: PipelineRun

  constructor(run: PipelineRun) {
    this.#run = run
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

  get health(): PipelineHealth {
    return { name: this.name, tasks: this.#run.tasks.map(taskHealth) }
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

  store(step: string): StoreView {
    return new LocalStore(this.#run, step)
  }
}
