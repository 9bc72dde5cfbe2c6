import { Worker } from 'node:worker_threads'
import { EmbeddedLog } from '../log/embedded/embedded-log.ts'
import type { Log, MemberIdentity, TopicPartition } from '../log/log.ts'
import type { Graph } from '../plan/graph.ts'
import { groupName } from '../plan/names.ts'
import { subTopologies } from '../plan/sub-topology.ts'
import type { PipelineHealth, StoreQuery, StoreView, WindowResult } from './app.ts'
import type { Host, HostEvents, HostedPipeline, RunSettings } from './host.ts'
import type { LoadedPipeline } from './pipeline-source.ts'
import { StoreUnavailable } from './store-view.ts'
import {
  type FromThread,
  fromThreadError,
  type ThreadPipeline,
  type ThreadStart,
  type ToThread,
} from './thread-protocol.ts'
import { inputTopics } from './topics.ts'

const threadUrl = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url)

export interface ThreadHostParts {
  readonly log: Log
  readonly threads: number
  readonly settings: RunSettings
  readonly pipelines: readonly LoadedPipeline[]
  readonly events: HostEvents
}

/** Spreads the tasks of pipelines over worker threads; this thread keeps the membership. */
export class ThreadHost implements Host {
  readonly pipelines: readonly ThreadedPipeline[]
  readonly #parts: ThreadHostParts
  #threads: Thread[] = []

  constructor(parts: ThreadHostParts) {
    this.#parts = parts
    this.pipelines = parts.pipelines.map(
      ({ pipeline }) => new ThreadedPipeline(parts.settings.app, pipeline.graph, () => this.#threads),
    )
  }

  async start(): Promise<void> {
    const { log, threads, settings, pipelines, events } = this.#parts
    if (!(log instanceof EmbeddedLog) || settings.data === undefined) {
      throw new Error('threads: worker threads need the embedded log; leave out `log`, or `threads`')
    }
    const urls = pipelines.map(({ pipeline, url }) => {
      if (url !== undefined) return url
      throw new Error(
        `threads: pipeline "${pipeline.name}" was given as an object, which other threads can't see; give the URL of its module, for example import.meta.resolve('./pipelines/${pipeline.name}.ts')`,
      )
    })
    const directory = settings.data
    this.#threads = await Promise.all(
      Array.from({ length: threads }, async (_, i) => {
        const start: ThreadStart = { settings, urls, directory, log: await log.port() }
        return Thread.open(i, start, events)
      }),
    )
  }

  async stop(): Promise<void> {
    await Promise.all(this.#threads.map(thread => thread.ask({ kind: 'stop' })))
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map(thread => thread.close()))
  }
}

type Request = Extract<ToThread, { id: number }>
type WithoutId<R> = R extends Request ? Omit<R, 'id'> : never

/** One worker thread as the control thread sees it. */
class Thread {
  readonly index: number
  state: readonly ThreadPipeline[] = []
  readonly #worker: Worker
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>()
  #nextId = 0
  #isClosed = false

  constructor(index: number, worker: Worker) {
    this.index = index
    this.#worker = worker
  }

  /** Starts a thread; resolves when it has loaded the pipelines. */
  static open(index: number, start: ThreadStart, events: HostEvents): Promise<Thread> {
    const worker = new Worker(threadUrl, {
      name: `millrace-${index}`,
      workerData: start,
      transferList: [start.log.port],
    })
    const thread = new Thread(index, worker)
    return new Promise((resolve, reject) => {
      worker.on('message', (message: FromThread) => {
        if (message.kind === 'ready') resolve(thread)
        else thread.#take(message, events)
      })
      worker.on('error', error => {
        reject(error)
        thread.#ended(error as Error, start, events)
      })
      worker.on('exit', () => thread.#ended(new Error(`Worker thread ${index} ended`), start, events))
    })
  }

  send(message: Exclude<ToThread, Request>): void {
    this.#worker.postMessage(message)
  }

  ask(request: WithoutId<Request>): Promise<unknown> {
    if (this.#isClosed) return Promise.resolve(undefined)
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage({ ...request, id })
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#worker.terminate()
  }

  #take(message: Exclude<FromThread, { kind: 'ready' }>, events: HostEvents): void {
    switch (message.kind) {
      case 'done': {
        const waiting = this.#waiting.get(message.id)
        this.#waiting.delete(message.id)
        if (message.error === undefined) waiting?.resolve(message.result)
        else waiting?.reject(fromThreadError(message.error))
        return
      }
      case 'state':
        this.state = message.pipelines
        return events.changed()
      case 'print':
        return events.print(message.line)
      case 'warn':
        return events.warn(message.message)
      case 'failed':
        return events.failed(message.pipeline, fromThreadError(message.error))
    }
  }

  /** A thread that ends by itself takes its tasks with it: the pipelines stop, uncommitted work is done again at the next start. */
  #ended(error: Error, start: ThreadStart, events: HostEvents): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
    if (this.#isClosed) return
    this.#isClosed = true
    for (const { name } of start.settings.pipelines) events.failed(name, error)
  }
}

/** A pipeline whose tasks are spread over threads; a task stays on its thread as long as the process has it. */
class ThreadedPipeline implements HostedPipeline {
  readonly name: string
  readonly group: string
  readonly topicSets: readonly (readonly string[])[]
  readonly #graph: Graph
  readonly #threads: () => readonly Thread[]
  /** Thread index by co-partitioned set and partition. */
  readonly #places = new Map<string, number>()

  constructor(app: string, graph: Graph, threads: () => readonly Thread[]) {
    this.name = graph.name
    this.group = groupName(app, graph.name)
    this.topicSets = subTopologies(graph).map(sub => [...new Set(inputTopics(app, graph, sub))])
    this.#graph = graph
    this.#threads = threads
  }

  assign(partitions: readonly TopicPartition[], identity: MemberIdentity): void {
    const shares = this.#shares(partitions)
    for (const thread of this.#threads()) {
      const share = shares.get(thread.index)
      if (share === undefined) thread.send({ kind: 'identity', pipeline: this.name, identity })
      else thread.send({ kind: 'assign', pipeline: this.name, partitions: share, identity })
    }
  }

  async revoke(partitions: readonly TopicPartition[]): Promise<void> {
    const shares = this.#shares(partitions)
    await Promise.all(
      this.#threads().map(thread => {
        const share = shares.get(thread.index)
        return share && thread.ask({ kind: 'revoke', pipeline: this.name, partitions: share })
      }),
    )
    for (const partition of partitions) this.#places.delete(this.#unitOf(partition))
  }

  setIdentity(identity: MemberIdentity): void {
    for (const thread of this.#threads()) thread.send({ kind: 'identity', pipeline: this.name, identity })
  }

  lost(): void {
    this.#places.clear()
    for (const thread of this.#threads()) thread.send({ kind: 'lost', pipeline: this.name })
  }

  /** The partitions by thread; a new one goes where the fewest are. */
  #shares(partitions: readonly TopicPartition[]): Map<number, TopicPartition[]> {
    const shares = new Map<number, TopicPartition[]>()
    for (const partition of partitions) {
      const unit = this.#unitOf(partition)
      const place = this.#places.get(unit) ?? this.#emptiest()
      this.#places.set(unit, place)
      shares.set(place, [...(shares.get(place) ?? []), partition])
    }
    return shares
  }

  #emptiest(): number {
    const loads = this.#threads().map(() => 0)
    for (const place of this.#places.values()) loads[place]!++
    return loads.indexOf(Math.min(...loads))
  }

  #unitOf({ topic, partition }: TopicPartition): string {
    return `${this.topicSets.findIndex(topics => topics.includes(topic))}/${partition}`
  }

  get #states(): ThreadPipeline[] {
    return this.#threads().flatMap(({ state }) => state.filter(({ health }) => health.name === this.name))
  }

  get health(): PipelineHealth {
    return { name: this.name, tasks: this.#states.flatMap(({ health }) => health.tasks) }
  }

  /** Threads without a task of the pipeline have nothing to finish. */
  get isFinished(): boolean {
    const busy = this.#states.filter(({ health }) => health.tasks.length > 0)
    return busy.length > 0 && busy.every(({ isFinished }) => isFinished) && this.#hasAllTasks
  }

  get #hasAllTasks(): boolean {
    return this.health.tasks.length === this.#places.size
  }

  hasStep(step: string): boolean {
    return this.#graph.nodes.some(node => node.kind === 'aggregate' && node.name === step)
  }

  store(step: string): StoreView {
    return {
      get: (key, query = {}) => this.#read(step, key, query),
      windows: async key => (await this.#read(step, key, 'windows')) as readonly WindowResult[],
    }
  }

  /** Every thread is asked; the one that runs the key's task answers. */
  async #read(step: string, key: unknown, query: StoreQuery | 'windows'): Promise<unknown> {
    const answers = await Promise.allSettled(
      this.#threads().map(thread => thread.ask({ kind: 'read', step, key, query })),
    )
    const found = answers.find(answer => answer.status === 'fulfilled')
    if (found !== undefined) return found.value
    const { reason } = answers[0] as PromiseRejectedResult
    throw reason instanceof Error ? reason : new StoreUnavailable(String(reason))
  }
}
