import type { Log, Membership } from '../log/log.ts'
import type { Topic } from '../plan/topic.ts'
import type { Clock } from '../std/clock.ts'
import type {
  App,
  Health,
  Logger,
  SendOptions,
  SentRecord,
  StartOptions,
  StoreView,
} from './app.ts'
import { LineFiles } from './line-files.ts'
import { PipelineRun } from './pipeline-run.ts'
import type { LoadedPipeline, PipelineLike } from './pipeline-source.ts'
import { Sender } from './sender.ts'
import { LocalStore } from './store-view.ts'
import { taskHealth } from './task-health.ts'
import { preparePipelineTopics } from './topics.ts'
import { Worker } from './worker.ts'

export interface RunningAppParts {
  readonly name: string
  readonly log: Log
  readonly ownsLog: boolean
  readonly data: string | undefined
  readonly clock: Clock
  readonly logger: Logger
  readonly random: () => number
  readonly options: StartOptions
}

const stopTimeoutMs = 30_000

/** An app whose tasks run in this thread. */
export class RunningApp implements App {
  readonly failed: Promise<never>
  readonly finished: Promise<void>
  readonly #parts: RunningAppParts
  readonly #sender: Sender
  readonly #runs: PipelineRun[] = []
  readonly #memberships: Membership[] = []
  readonly #files = new LineFiles()
  #worker: Worker | undefined
  #status: Health['status'] = 'running'
  #error: Error | undefined
  #stopped: Promise<void> | undefined
  #fail!: (error: Error) => void
  #finish!: () => void

  constructor(parts: RunningAppParts) {
    this.#parts = parts
    this.#sender = new Sender(parts.log, parts.clock)
    this.failed = new Promise((_, reject) => {
      this.#fail = reject
    })
    // Nobody has to listen: `health` says it too.
    this.failed.catch(() => {})
    this.finished = new Promise(resolve => {
      this.#finish = resolve
    })
  }

  get log(): Log {
    return this.#parts.log
  }

  get data(): string | undefined {
    return this.#parts.data
  }

  async start(pipelines: readonly LoadedPipeline[]): Promise<void> {
    const { options, log, clock } = this.#parts
    for (const { pipeline } of pipelines) this.#runs.push(await this.#prepare(pipeline))
    this.#worker = new Worker(log, clock, this.#runs)
    this.#worker.start()
    for (const run of this.#runs) this.#memberships.push(await this.#join(run))
    options.signal?.addEventListener('abort', () => void this.stop(), { once: true })
    if (options.signal?.aborted) await this.stop()
    if (options.once && this.#runs.length === 0) this.#finish()
  }

  async #prepare({ graph }: PipelineLike): Promise<PipelineRun> {
    const { name, log, clock, options, random, logger } = this.#parts
    const counts = await preparePipelineTopics(log, name, graph)
    const ends = options.once ? await this.#endsOf(graph.nodes.flatMap(node => (node.kind === 'source' ? node.topic.name : []))) : undefined
    const run = new PipelineRun({
      app: name,
      graph,
      log,
      clock,
      counts,
      mode: options.mode ?? 'compiled',
      freeze: options.freeze ?? false,
      endOf: ends && (partition => ends.get(`${partition.partition} ${partition.topic}`) ?? 0),
      random,
      print: options.print ?? (line => logger.info(line)),
      files: this.#files,
      snapshotOf: async () => undefined,
      onChangelog: () => {},
      onIncident: ({ step, reason, error, topic, partition, offset }) =>
        logger.warn(
          `${graph.name}, step "${step}": first record with reason "${reason}" (${topic}/${partition} offset ${offset}): ${error}`,
        ),
      onError: error => this.#pipelineFailed(graph.name, error),
      wake: () => {
        this.#worker?.wake()
        this.#checkFinished()
      },
    })
    return run
  }

  async #endsOf(topics: readonly string[]): Promise<Map<string, number>> {
    const ends = new Map<string, number>()
    for (const topic of topics) {
      for (const { partition, latest } of await this.#parts.log.offsets(topic)) ends.set(`${partition} ${topic}`, latest)
    }
    return ends
  }

  #join(run: PipelineRun): Promise<Membership> {
    const { log, options } = this.#parts
    const sessionTimeoutMs = options.sessionTimeoutMs ?? 10_000
    return log.join({
      group: run.group,
      topicSets: run.topicSets,
      sessionTimeoutMs,
      rebalanceTimeoutMs: Math.max(30_000, sessionTimeoutMs),
      onAssigned: (partitions, identity) => run.assign(partitions, identity),
      onRevoked: partitions => run.revoke(partitions),
      onIdentity: identity => {
        run.identity = identity
      },
      onLost: () => run.lost(),
    })
  }

  #pipelineFailed(pipeline: string, error: Error): void {
    this.#error = error
    this.#status = 'failed'
    this.#parts.logger.error(`Pipeline "${pipeline}" stopped: ${error.message}`)
    this.#fail(error)
  }

  #checkFinished(): void {
    if (this.#parts.options.once && this.#runs.length > 0 && this.#runs.every(run => run.isFinished)) this.#finish()
  }

  // Use

  async send<V, K, I>(topic: Topic<V, K, I>, value: I | null, options: SendOptions<K> = {}): Promise<SentRecord> {
    this.#requireRunning()
    return this.#sender.send(topic, value, options)
  }

  async endInput(topic: Topic): Promise<void> {
    this.#requireRunning()
    await this.#sender.endInput(topic)
  }

  #requireRunning(): void {
    if (this.#status === 'stopping' || this.#status === 'stopped') throw new Error('The app is stopped; start another one')
  }

  store(step: string): StoreView {
    const run = this.#runs.find(each => each.hasStep(step))
    if (run === undefined) throw new Error(`No pipeline of this app has a step "${step}" with a store`)
    return new LocalStore(run, step)
  }

  health(): Health {
    return {
      status: this.#status,
      error: this.#error?.message,
      pipelines: this.#runs.map(run => ({ name: run.name, tasks: run.tasks.map(taskHealth) })),
    }
  }

  // Stop

  stop({ timeout = stopTimeoutMs }: { readonly timeout?: number } = {}): Promise<void> {
    this.#stopped ??= this.#stop(timeout)
    return this.#stopped
  }

  async #stop(timeoutMs: number): Promise<void> {
    const failed = this.#status === 'failed'
    if (!failed) this.#status = 'stopping'
    await this.#worker?.stop()
    const leave = this.#leave()
    await Promise.race([leave, new Promise<void>(resolve => this.#parts.clock.after(timeoutMs, resolve))])
    await this.#sender.flush()
    if (this.#parts.ownsLog) await this.#parts.log.close()
    if (!failed) this.#status = 'stopped'
    this.#finish()
  }

  /** Leaving revokes everything, and a revoke commits first. */
  async #leave(): Promise<void> {
    await Promise.all(this.#memberships.map(membership => membership.leave()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

