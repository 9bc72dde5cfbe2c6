import type { MemberIdentity, TopicPartition } from '../log/log.ts'
import type { Graph } from '../plan/graph.ts'
import { groupName } from '../plan/names.ts'
import { keepsState } from '../plan/stateful.ts'
import { subTopologies } from '../plan/sub-topology.ts'
import type { PipelineHealth, StoreView, WindowResult } from './app.ts'
import type { HostedHealth, HostedPipeline } from './host.ts'
import { firstRows, type StoredRow, withoutBytes } from './store-rows.ts'
import { StoreUnavailable } from './store-view.ts'
import type { StoreRequest, ThreadPipeline } from './thread-protocol.ts'
import { inputTopics } from './topics.ts'
import { ThreadGone, type WorkerThread } from './worker-thread.ts'

/** A pipeline whose tasks are spread over threads; a task stays on its thread as long as the process and the thread have it. */
export class ThreadedPipeline implements HostedPipeline {
  readonly name: string
  readonly group: string
  readonly topicSets: readonly (readonly string[])[]
  readonly statefulTopics: readonly string[]
  readonly #graph: Graph
  readonly #threads: () => readonly WorkerThread[]
  /** Thread index by co-partitioned set and partition. */
  readonly #places = new Map<string, number>()
  #isStopped = false

  constructor(app: string, graph: Graph, threads: () => readonly WorkerThread[]) {
    this.name = graph.name
    this.group = groupName(app, graph.name)
    this.topicSets = subTopologies(graph).map(sub => [...new Set(inputTopics(app, graph, sub))])
    const stateful = subTopologies(graph).filter(sub => sub.nodeIds.some(id => keepsState(graph.nodes[id]!)))
    this.statefulTopics = [...new Set(stateful.flatMap(sub => inputTopics(app, graph, sub)))]
    this.#graph = graph
    this.#threads = threads
  }

  /** Whether tasks of the pipeline belong on a thread. */
  isOn(thread: number): boolean {
    return !this.#isStopped && [...this.#places.values()].includes(thread)
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /** Closes all tasks with what is not committed of them, for good. */
  stop(): void {
    this.lost()
    this.#isStopped = true
  }

  assign(partitions: readonly TopicPartition[], identity: MemberIdentity): void {
    if (this.#isStopped) return
    const shares = this.#shares(partitions)
    for (const thread of this.#threads()) {
      const share = shares.get(thread.index)
      if (share === undefined) thread.send({ kind: 'identity', pipeline: this.name, identity })
      else thread.send({ kind: 'assign', pipeline: this.name, partitions: share, identity })
    }
  }

  async revoke(partitions: readonly TopicPartition[]): Promise<void> {
    if (this.#isStopped) return
    const shares = this.#shares(partitions)
    await Promise.all(
      this.#threads().map(async thread => {
        const share = shares.get(thread.index)
        if (share === undefined) return
        // A thread that is gone has nothing to give up.
        await thread.ask({ kind: 'revoke', pipeline: this.name, partitions: share }).catch(unlessGone)
      }),
    )
    for (const partition of partitions) this.#places.delete(this.#unitOf(partition))
  }

  /** One thread does it for all: the folder of snapshots is the process's. */
  keepCopies(partitions: readonly TopicPartition[]): void {
    this.#threads()[0]?.send({ kind: 'copies', pipeline: this.name, partitions })
  }

  setIdentity(identity: MemberIdentity): void {
    if (this.#isStopped) return
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
    const threads = this.#threads()
    const running = threads.filter(({ isRunning }) => isRunning)
    const loads = new Map((running.length > 0 ? running : threads).map(({ index }) => [index, 0]))
    for (const place of this.#places.values()) {
      if (loads.has(place)) loads.set(place, loads.get(place)! + 1)
    }
    const [place] = [...loads].reduce((least, each) => (each[1] < least[1] ? each : least))
    return place
  }

  #unitOf({ topic, partition }: TopicPartition): string {
    return `${this.topicSets.findIndex(topics => topics.includes(topic))}/${partition}`
  }

  get #states(): ThreadPipeline[] {
    return this.#threads().flatMap(({ state }) => state.filter(({ health }) => health.name === this.name))
  }

  get health(): HostedHealth {
    return {
      name: this.name,
      phase: this.#isStopped ? 'stopped' : this.#phase,
      tasks: this.#states.flatMap(({ health }) => health.tasks),
      restoring: this.#states.flatMap(({ health }) => health.restoring),
    }
  }

  /** That of the thread which is furthest from running. */
  get #phase(): PipelineHealth['phase'] {
    const phases = this.#states.map(({ health }) => health.phase)
    return (['stopped', 'joining', 'restoring'] as const).find(phase => phases.includes(phase)) ?? 'running'
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
    return this.#isGlobal(step) || this.#graph.nodes.some(node => keepsState(node) && node.name === step)
  }

  #isGlobal(step: string): boolean {
    return this.#graph.nodes.some(node => node.kind === 'globalTable' && node.name === step)
  }

  store(step: string): StoreView {
    return {
      get: (key, query) => this.#read(step, { kind: 'get', key, query }),
      windows: async (key, query) =>
        (await this.#read(step, { kind: 'windows', key, query })) as readonly WindowResult[],
      range: async (query = {}) => {
        const parts = await this.#readAll(step, { kind: 'rows', query })
        // Each thread that has a task has all rows of a global table.
        const rows = this.#isGlobal(step)
          ? (parts.find(part => (part as StoredRow[]).length > 0) ?? [])
          : parts.flat()
        return firstRows(rows as StoredRow[], query).map(withoutBytes)
      },
    }
  }

  #readAll(step: string, request: StoreRequest): Promise<unknown[]> {
    return Promise.all(this.#threads().map(thread => thread.ask({ kind: 'read', step, request })))
  }

  /** Every thread is asked; the one that runs the key's task answers. */
  async #read(step: string, request: StoreRequest): Promise<unknown> {
    const answers = await Promise.allSettled(
      this.#threads().map(thread => thread.ask({ kind: 'read', step, request })),
    )
    const found = answers.find(answer => answer.status === 'fulfilled')
    if (found !== undefined) return found.value
    const { reason } = answers[0] as PromiseRejectedResult
    throw reason instanceof Error ? reason : new StoreUnavailable(String(reason))
  }
}

function unlessGone(error: unknown): void {
  if (!(error instanceof ThreadGone)) throw error
}
