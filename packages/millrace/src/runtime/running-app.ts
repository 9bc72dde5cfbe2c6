import { performance } from 'node:perf_hooks'
import type { JoinOptions, LeaveOptions, Log, Membership, TopicPartition } from '../log/log.ts'
import type { Graph } from '../plan/graph.ts'
import { groupName } from '../plan/names.ts'
import type { Topic } from '../plan/topic.ts'
import type { Clock } from '../std/clock.ts'
import type {
  App,
  Health,
  Logger,
  SendOptions,
  SentRecord,
  StartOptions,
  StopOptions,
  StoreView,
} from './app.ts'
import { AppLayouts } from './app-layouts.ts'
import { runBounds } from './end-offsets.ts'
import { checkCommits } from './guarantee.ts'
import type { Host, HostEvents, HostedPipeline, PipelineSettings, RunSettings } from './host.ts'
import { LocalHost } from './local-host.ts'
import { appMetrics } from './metrics/app-metrics.ts'
import { MembershipMeter } from './metrics/membership-meter.ts'
import type { CommitPoint } from './pipeline-commits.ts'
import type { LoadedPipeline } from './pipeline-source.ts'
import { PipelineStopped } from './pipeline-stopped.ts'
import type { Places } from './places.ts'
import { prepareWriting } from './preparation.ts'
import { Sender } from './sender.ts'
import { partitionsIn, snapshotFolder } from './snapshot-folder.ts'
import { recordStart } from './start-offsets.ts'
import { ThreadHost } from './thread-host.ts'
import { preparePipelineTopics, recordLimits } from './topics.ts'

export interface RunningAppParts {
  readonly name: string
  /** Of the package the process was started in. */
  readonly codeVersion?: string | undefined
  readonly log: Log
  readonly ownsLog: boolean
  /** The data directory; undefined for a log that was given. */
  readonly data: string | undefined
  /** On Kafka: what the process is called there, and where it keeps its snapshots. */
  readonly places?: Places
  readonly clock: Clock
  readonly logger: Logger
  readonly random: () => number
  readonly options: StartOptions
  /** Reached points of the commits in this thread, for tests that kill the process there. */
  readonly onPoint?: (pipeline: string, point: CommitPoint) => void
  /** As `SnapshotsOptions.recordsMin` for the pipelines in this thread, for tests whose processes do not live long. */
  readonly snapshotRecordsMin?: number
}

const stopTimeoutMs = 30_000
/** As Kafka's consumers have it. */
const maxPollMsDefault = 300_000
/** Threads show themselves four times in a second. */
const maxPollMsMin = 1_000

/** An app: its memberships, what it sends, and a host that runs its pipelines. */
export class RunningApp implements App {
  readonly failed: Promise<never>
  readonly finished: Promise<void>
  readonly #parts: RunningAppParts
  readonly #sender: Sender
  /** By pipeline; each waits for the one before it to be left. */
  readonly #memberships = new Map<string, Promise<Membership>>()
  /** By group. */
  readonly #instanceIds = new Map<string, string>()
  /** Partitions whose state lies on this disk since before the start, by group. */
  readonly #warm = new Map<string, readonly TopicPartition[]>()
  readonly #layouts: AppLayouts
  readonly #meters = new Map<string, MembershipMeter>()
  #host: Host | undefined
  #status: Health['status'] = 'running'
  #error: Error | undefined
  #stopped: Promise<void> | undefined
  readonly #stopBegan = Promise.withResolvers<void>()
  #fail!: (error: Error) => void
  #finish!: () => void

  constructor(parts: RunningAppParts) {
    this.#parts = parts
    const { name, log, clock, codeVersion, options } = parts
    const { rollback = false, once = false, guarantee } = options
    this.#layouts = new AppLayouts({
      ...{ log, app: name, clock, codeVersion, guarantee, rollback, mayWait: !once },
      say: message => parts.logger.warn(message),
      onFailed: (pipeline, error) => this.#pipelineFailed(pipeline, error),
      onLate: pipeline => this.#rejoin(pipeline, { whenConfirmed: true }),
    })
    this.#sender = new Sender(log, clock, options.createTopics)
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
    const { options } = this.#parts
    this.#host = await this.#hostFor(pipelines)
    await this.#host.start()
    for (const pipeline of this.#pipelines) await this.#enter(pipeline)
    options.signal?.addEventListener('abort', () => void this.stop(), { once: true })
    if (options.signal?.aborted) await this.stop()
    if (options.once && pipelines.length === 0) this.#finish()
  }

  get #pipelines(): readonly HostedPipeline[] {
    return this.#host?.pipelines ?? []
  }

  async #hostFor(pipelines: readonly LoadedPipeline[]): Promise<Host> {
    const { name, log, clock, random, options, onPoint, snapshotRecordsMin } = this.#parts
    const { guarantee = 'exactly-once', commitIntervalMs } = options
    checkCommits(guarantee, commitIntervalMs)
    const settings: RunSettings = {
      app: name,
      mode: options.mode ?? 'compiled',
      freeze: options.freeze ?? false,
      guarantee,
      commitIntervalMs,
      pipelines: await Promise.all(pipelines.map(({ pipeline }) => this.#prepare(pipeline.graph))),
    }
    const events = this.#events()
    const { threads = 0, maxPollMs = maxPollMsDefault } = options
    if (!(maxPollMs >= maxPollMsMin))
      throw new Error(`maxPollMs is ${maxPollMs}; give ${maxPollMsMin} ms or more`)
    // One thread is enough for pipelines that cannot be loaded in another.
    if (threads > 1 || (threads === 1 && pipelines.every(({ url }) => url !== undefined))) {
      const rejoin = (pipeline: string) => this.#rejoin(pipeline)
      return new ThreadHost({ log, clock, threads, maxPollMs, settings, pipelines, events, rejoin })
    }
    const graphs = pipelines.map(each => each.pipeline.graph)
    return new LocalHost({ log, clock, random, settings, graphs, events, onPoint, snapshotRecordsMin })
  }

  async #prepare(graph: Graph): Promise<PipelineSettings> {
    const { name, log, options } = this.#parts
    const counts = await preparePipelineTopics(log, name, graph, options.createTopics, known =>
      this.#layouts.adopt(graph, known),
    )
    await prepareWriting(graph)
    await recordStart(log, name, graph, options.start)
    return {
      name: graph.name,
      counts,
      recordLimits: await recordLimits(log, [...counts.keys()]),
      bounds: options.once ? await runBounds(this.#parts, graph) : undefined,
      snapshots: await this.#snapshotsOf(graph),
    }
  }

  /** Takes a place for a pipeline on Kafka; on the embedded log its processes share one folder. */
  async #snapshotsOf(graph: Graph): Promise<string | undefined> {
    const { name, data, places } = this.#parts
    const group = groupName(name, graph.name)
    if (places === undefined) return data === undefined ? undefined : snapshotFolder(data, group)
    const { instanceId, folder } = await places.take(group)
    this.#instanceIds.set(group, instanceId)
    this.#warm.set(group, await partitionsIn(folder, name, graph))
    return folder
  }

  #events(): HostEvents {
    const { options, logger } = this.#parts
    return {
      print: options.print ?? (line => logger.info(line)),
      warn: message => logger.warn(message),
      failed: (pipeline, error) => this.#pipelineFailed(pipeline, error),
      changed: () => this.#checkFinished(),
    }
  }

  async #enter(pipeline: HostedPipeline): Promise<void> {
    const joined = this.#join(pipeline)
    this.#memberships.set(pipeline.name, joined)
    try {
      await joined
    } catch (error) {
      this.#memberships.delete(pipeline.name)
      throw error
    }
  }

  /** Under the new membership nothing can come of a commit that was sent under the old one (SEMANTICS 2.2). */
  #rejoin(name: string, { whenConfirmed = false } = {}): void {
    const pipeline = this.#pipelines.find(each => each.name === name)!
    const rejoined = this.#memberships.get(name)?.then(async membership => {
      try {
        if (this.#isStopping) return membership
        // Under one instance id the others do not notice: the new member takes the old one's place.
        await membership.leave({ keepPlace: !whenConfirmed })
        if (whenConfirmed) await this.#outside(pipeline)
        return this.#isStopping ? membership : await this.#join(pipeline)
      } catch (error) {
        this.#pipelineFailed(name, error as Error)
        return membership
      }
    })
    if (rejoined !== undefined) this.#memberships.set(name, rejoined)
  }

  /** Others have the partitions until nothing is in the way of having some. */
  async #outside(pipeline: HostedPipeline): Promise<void> {
    this.#layouts.claimsOf(pipeline.name).lost(pipeline)
    const confirmed = this.#layouts.confirmed(pipeline.name, () => !this.#isStopping)
    await Promise.race([confirmed, this.#stopBegan.promise])
  }

  get #isStopping(): boolean {
    return this.#stopped !== undefined
  }

  #join(pipeline: HostedPipeline): Promise<Membership> {
    const { log, options } = this.#parts
    const claims = this.#layouts.claimsOf(pipeline.name)
    const sessionTimeoutMs = options.sessionTimeoutMs ?? 10_000
    const meter = this.#meterOf(pipeline.name)
    return log.join({
      group: pipeline.group,
      instanceId: this.#instanceIds.get(pipeline.group) ?? options.instance,
      topicSets: pipeline.topicSets,
      ...this.#layouts.offerOf(pipeline, meter),
      weight: Math.max(1, options.threads ?? 1),
      sessionTimeoutMs,
      standbys: this.#standbysOf(pipeline),
      rebalanceTimeoutMs: Math.max(30_000, sessionTimeoutMs),
      onAssigned: (partitions, identity) => {
        meter.assigned(partitions)
        claims.assigned(pipeline, partitions, identity)
      },
      onRevoked: partitions => {
        meter.revoked(partitions)
        return claims.revoked(pipeline, partitions)
      },
      onIdentity: identity => claims.identified(pipeline, identity),
      onLost: (reason, isOver) => {
        meter.lost()
        claims.lost(pipeline)
        if (isOver) this.#pipelineFailed(pipeline.name, reason)
      },
    })
  }

  #meterOf(pipeline: string): MembershipMeter {
    let meter = this.#meters.get(pipeline)
    if (meter === undefined) {
      meter = new MembershipMeter(pipeline)
      this.#meters.set(pipeline, meter)
    }
    return meter
  }

  /** Undefined where there is no folder for copies. */
  #standbysOf(pipeline: HostedPipeline): JoinOptions['standbys'] {
    if (this.#parts.places === undefined) return undefined
    return {
      copies: this.#parts.options.standbys ?? 0,
      topics: pipeline.statefulTopics,
      warm: this.#warm.get(pipeline.group),
      onPlaced: partitions => pipeline.keepCopies(partitions),
    }
  }

  #pipelineFailed(pipeline: string, cause: Error): void {
    const error = new PipelineStopped(pipeline, cause)
    this.#error = error
    this.#status = 'failed'
    this.#parts.logger.error(error.message)
    this.#fail(error)
  }

  #checkFinished(): void {
    const pipelines = this.#pipelines
    const isFinished = (each: HostedPipeline) => each.isFinished && this.#heldOf(each.name) === 0
    if (this.#parts.options.once && pipelines.length > 0 && pipelines.every(isFinished)) this.#finish()
  }

  /** Partitions that came and are not taken on yet. */
  #heldOf(pipeline: string): number {
    return this.#layouts.claimsOf(pipeline).held
  }

  // Use

  async send<V, K, I>(
    topic: Topic<V, K, I>,
    value: I | null,
    options: SendOptions<K> = {},
  ): Promise<SentRecord> {
    this.#requireRunning()
    return this.#sender.send(topic, value, options)
  }

  async endInput(topic: Topic): Promise<void> {
    this.#requireRunning()
    await this.#sender.endInput(topic)
  }

  #requireRunning(): void {
    if (this.#status === 'stopping' || this.#status === 'stopped')
      throw new Error('The app is stopped; start another one')
  }

  store(step: string): StoreView {
    const pipeline = this.#pipelines.find(each => each.hasStep(step))
    if (pipeline === undefined) throw new Error(`No pipeline of this app has a step "${step}" with a store`)
    return pipeline.store(step)
  }

  health(): Health {
    const pipelines = this.#pipelines.map(({ name, health }) => ({
      ...health,
      ...(this.#heldOf(name) > 0 && health.phase === 'running' && { phase: 'joining' as const }),
      partitions: this.#meterOf(name).figures.partitions,
    }))
    return {
      status: this.#status,
      error: this.#error?.message,
      isReady: this.#status === 'running' && pipelines.every(({ phase }) => phase === 'running'),
      pipelines,
    }
  }

  async metrics(): Promise<string> {
    const { name, log, clock, options } = this.#parts
    const threads = (await this.#host?.figures()) ?? []
    const hasWorkers = threads.some(({ thread }) => thread > 0) || (options.threads ?? 0) > 1
    return appMetrics({
      app: name,
      log: log.kind,
      isReady: this.health().isReady,
      nowMs: clock.now(),
      controlActiveMs: hasWorkers ? performance.eventLoopUtilization().active : undefined,
      memberships: this.#pipelines.map(({ name }) => ({
        ...this.#meterOf(name).figures,
        held: this.#heldOf(name),
      })),
      threads,
    })
  }

  // Stop

  stop({ timeout = stopTimeoutMs, leave = false }: StopOptions = {}): Promise<void> {
    this.#stopBegan.resolve()
    this.#stopped ??= this.#stop(timeout, { keepPlace: !leave })
    return this.#stopped
  }

  async #stop(timeoutMs: number, how: LeaveOptions): Promise<void> {
    const failed = this.#status === 'failed'
    if (!failed) this.#status = 'stopping'
    await this.#host?.stop(timeoutMs)
    await this.#within(timeoutMs, this.#leave(how))
    await this.#host?.close()
    await this.#sender.flush()
    if (this.#parts.ownsLog) await this.#parts.log.close()
    this.#parts.places?.release()
    if (!failed) this.#status = 'stopped'
    this.#finish()
  }

  /** Waits for the work, or for the time to pass; the work's error is thrown. */
  async #within(ms: number, work: Promise<void>): Promise<void> {
    let cancel = () => {}
    const timeout = new Promise<void>(resolve => {
      cancel = this.#parts.clock.after(ms, resolve)
    })
    await Promise.race([work, timeout]).finally(() => cancel())
  }

  /** Leaving revokes everything, and a revoke commits first. */
  async #leave(how: LeaveOptions): Promise<void> {
    await Promise.all([...this.#memberships.values()].map(async joined => (await joined).leave(how)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}
