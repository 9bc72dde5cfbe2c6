import { accessRight } from '../../std/access-right.ts'
import type { Clock } from '../../std/clock.ts'
import type { AnswerOf, ApiName, ArgsOf } from './apis.ts'
import { AmbiguousError, CODE, isRetriable, KafkaError, UnreachableError } from './errors.ts'
import { type Address, type Link, Links, type LinksOptions } from './links.ts'
import type { KafkaSettings } from './settings.ts'

export interface PartitionView {
  readonly leader: number
  readonly leaderEpoch: number
  /** How many brokers are to have it. */
  readonly replicas: number
}

export interface TopicView {
  readonly name: string
  readonly id: string
  readonly partitions: readonly PartitionView[]
}

const RETRY_PAUSE_MAX_MS = 1000
const NO_LEADER = -1

/** What is known of the cluster (brokers, topics and their leaders, coordinators), and the way to ask any of it. */
export class Cluster {
  readonly settings: KafkaSettings
  readonly clock: Clock
  readonly links: Links
  readonly #nodes = new Map<number, Address>()
  readonly #topics = new Map<string, { readonly view: TopicView; readonly readAtMs: number }>()
  readonly #coordinators = new Map<string, number>()
  readonly #wake = new Set<() => void>()
  #turn = 0
  #id = ''

  constructor(options: LinksOptions) {
    this.settings = options.settings
    this.clock = options.clock
    this.links = new Links(options)
  }

  /** The name the cluster has given itself; known once it was asked about anything. */
  get id(): string {
    return this.#id
  }

  /** Sends a request to one broker; error codes are in the answer. */
  async request<Name extends ApiName>(
    node: number,
    lane: string,
    name: Name,
    args: ArgsOf<Name>,
    timeoutMs?: number,
  ): Promise<AnswerOf<Name>> {
    return this.links.request(this.address(node), lane, name, args, timeoutMs)
  }

  /** Sends a request that any broker answers, to the next that can be reached. */
  async requestAny<Name extends ApiName>(name: Name, args: ArgsOf<Name>): Promise<AnswerOf<Name>> {
    const known = [...this.#nodes.values()]
    const candidates = [...known, ...this.settings.brokers]
    let failure: unknown
    for (let i = 0; i < candidates.length; i++) {
      const address = candidates[(this.#turn + i) % candidates.length]!
      try {
        return await this.links.request(address, 'admin', name, args)
      } catch (error) {
        if (!isRetriable(error)) throw error
        failure = error
        this.#turn++
      }
    }
    throw failure
  }

  /** Throws `UnreachableError` for a broker nobody has named. */
  address(node: number): Address {
    const address = this.#nodes.get(node)
    if (address === undefined) throw new UnreachableError(`No address is known for broker ${node}`)
    return address
  }

  /** Brokers that were named so far. */
  get nodes(): readonly number[] {
    return [...this.#nodes.keys()]
  }

  /** Ends a lane to every broker: nothing sent on it before can overtake what comes next. */
  async cutLane(lane: string): Promise<void> {
    await Promise.all([...this.#nodes.values()].map(address => this.links.cut(address, lane)))
  }

  link(node: number, lane: string): Promise<Link> {
    return this.links.link(this.address(node), lane)
  }

  /** Reads what the cluster says of these topics, or of all. Those that do not exist are not in the answer. */
  async refresh(names: readonly string[] | null): Promise<TopicView[]> {
    const answer = await this.requestAny('metadata', [names === null ? null : [...names], false, false])
    this.#id = answer.clusterId ?? ''
    this.#nodes.clear()
    for (const { nodeId, host, port } of answer.brokers) this.#nodes.set(nodeId, { host, port })
    const views: TopicView[] = []
    for (const name of names ?? []) this.#topics.delete(name)
    for (const topic of answer.topics) {
      if (topic.isInternal || !topic.name) continue
      const { errorCode, name } = topic
      if (errorCode === CODE.unknownTopic || errorCode === CODE.invalidTopic) continue
      if (errorCode !== 0) {
        const right = accessRight('Describe', 'Topic', name)
        throw new KafkaError(errorCode, `describe topic ${name}`, null, right)
      }
      const partitions: PartitionView[] = []
      for (const { partitionIndex, errorCode: code, leaderId, leaderEpoch, replicaNodes } of topic.partitions)
        partitions[partitionIndex] = {
          leader: code === 0 ? leaderId : NO_LEADER,
          leaderEpoch,
          replicas: replicaNodes.length,
        }
      const view = { name, id: topic.topicId, partitions }
      views.push(view)
      this.#topics.set(name, { view, readAtMs: this.clock.monotonic() })
    }
    return views
  }

  /** Topics by name, from memory where they are known and not too old; one that does not exist is not in the answer. */
  async topics(names: Iterable<string>): Promise<Map<string, TopicView>> {
    const found = new Map<string, TopicView>()
    const unknown = new Set<string>()
    const oldestMs = this.clock.monotonic() - this.settings.metadataMaxAgeMs
    for (const name of names) {
      const known = this.#topics.get(name)
      if (known !== undefined && known.readAtMs >= oldestMs) found.set(name, known.view)
      else unknown.add(name)
    }
    if (unknown.size > 0) for (const view of await this.refresh([...unknown])) found.set(view.name, view)
    return found
  }

  /** What is remembered of these topics is old. */
  forgetTopics(names: Iterable<string>): void {
    for (const name of names) this.#topics.delete(name)
  }

  /** The broker that coordinates a group, or the transactions of an id. */
  async coordinator(kind: 'group' | 'transaction', key: string): Promise<number> {
    const known = this.#coordinators.get(`${kind} ${key}`)
    if (known !== undefined) return known
    const answer = await this.requestAny('findCoordinator', [kind === 'group' ? 0 : 1, [key]])
    const found = answer.coordinators[0]!
    if (found.errorCode !== 0) {
      const right = accessRight('Describe', kind === 'group' ? 'Group' : 'TransactionalId', key)
      throw new KafkaError(found.errorCode, `name the coordinator of ${kind} ${key}`, null, right)
    }
    this.#nodes.set(found.nodeId, { host: found.host, port: found.port })
    this.#coordinators.set(`${kind} ${key}`, found.nodeId)
    return found.nodeId
  }

  /**
   * Repeats `attempt` while its error is one that passes, with growing pauses, until the delivery timeout. Only for what may be
   * executed twice. Leaders and coordinators are looked up again where the error says so.
   */
  async retry<T>(attempt: () => Promise<T>): Promise<T> {
    const deadlineMs = this.clock.monotonic() + this.settings.deliveryTimeoutMs
    for (let tries = 0; ; tries++) {
      this.links.throwIfClosed()
      try {
        return await attempt()
      } catch (error) {
        this.links.throwIfClosed()
        this.learnFrom(error)
        if (!isRetriable(error) || this.clock.monotonic() >= deadlineMs) throw error
      }
      await this.pause(Math.min(RETRY_PAUSE_MAX_MS, this.settings.retryBackoffMs * 2 ** Math.min(tries, 8)))
    }
  }

  /** Forgets what the error shows to be old. */
  learnFrom(error: unknown): void {
    const isLost = error instanceof UnreachableError || error instanceof AmbiguousError
    const refresh = error instanceof KafkaError ? error.rule.refresh : undefined
    if (isLost || refresh === 'coordinator') this.#coordinators.clear()
    if (isLost || refresh === 'metadata') this.#topics.clear()
  }

  /** Waits; closing the log ends the wait. */
  pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        cancel()
        this.#wake.delete(done)
        resolve()
      }
      const cancel = this.clock.after(ms, done)
      this.#wake.add(done)
    })
  }

  async close(): Promise<void> {
    const closing = this.links.close()
    for (const wake of [...this.#wake]) wake()
    await closing
  }
}
