import { FETCH_REQUESTS } from './apis.ts'
import type { Cluster } from './cluster.ts'
import { errorRule, KafkaError } from './errors.ts'
import { type FetchAnswer, type FetchPart, parseFetchAnswer } from './fetch-response.ts'
import { FetchSession, type SessionRequest } from './fetch-session.ts'
import type { Frame } from './frames.ts'
import type { Link } from './links.ts'

const FETCH = 1
const ISOLATION = { uncommitted: 0, committed: 1 } as const
/** Of a request on its own: everything is named, and nothing is remembered. */
const NO_SESSION = { id: 0, epoch: -1, forgotten: [] }
/** What a session may be refused with; one without it is served. */
const SESSION_ERRORS: ReadonlySet<string> = new Set([
  'FETCH_SESSION_ID_NOT_FOUND',
  'INVALID_FETCH_SESSION_EPOCH',
  'FETCH_SESSION_TOPIC_ID_ERROR',
])
const NO_EPOCH = -1
/** An answer may come this much later than the wait that was asked for. */
const GRACE_MS = 10_000

export interface FetchAsk {
  readonly topicId: string
  readonly partition: number
  readonly offset: number
  readonly leaderEpoch: number
}

interface FetchLimits {
  readonly maxWaitMs: number
  readonly maxBytes: number
  readonly partitionMaxBytes: number
}

/** The memory of an answer and what lies in it. */
export interface NodeAnswer {
  readonly frame: Frame
  readonly parts: readonly FetchPart[]
}

/**
 * Fetch requests to one broker. A waiting fetch blocks its connection, so each request under way has one of its own; connections
 * that are free are used again.
 */
export class FetchLane {
  readonly #cluster: Cluster
  readonly #node: number
  readonly #isolation: keyof typeof ISOLATION
  readonly #free: Link[] = []
  readonly #all = new Set<Link>()
  readonly #sessions = new WeakMap<Link, FetchSession>()

  /** What is read `uncommitted` is read from that broker alone, however near others are. */
  constructor(cluster: Cluster, node: number, isolation: keyof typeof ISOLATION = 'committed') {
    this.#cluster = cluster
    this.#node = node
    this.#isolation = isolation
  }

  /** Asks once. Rejects with `KafkaError` for an error of the whole request, or as a connection does. */
  async ask(
    asks: readonly FetchAsk[],
    maxWaitMs: number,
    maxBytes: number,
    partitionMaxBytes: number,
  ): Promise<NodeAnswer> {
    const link = await this.#take()
    const limits = { maxWaitMs, maxBytes, partitionMaxBytes }
    // What waits is asked again and again with little changed; the rest is as well off on its own.
    const session = maxWaitMs > 0 ? this.#sessionOf(link) : undefined
    const request = session?.request(asks, partitionMaxBytes) ?? { ...NO_SESSION, asks }
    const { frame, answer } = await this.#send(link, request, limits)
    this.#free.push(link)
    const parts = answer.errorCode !== 0 ? undefined : (session?.complete(asks, answer) ?? answer.parts)
    if (parts !== undefined) return { frame, parts }
    session?.reset()
    frame.release()
    const isLost = answer.errorCode === 0 || SESSION_ERRORS.has(errorRule(answer.errorCode).name)
    if (isLost) return this.ask(asks, maxWaitMs, maxBytes, partitionMaxBytes)
    throw new KafkaError(answer.errorCode, 'give records')
  }

  async #send(
    { socket, versions }: Link,
    { id, epoch, asks, forgotten }: SessionRequest,
    { maxWaitMs, maxBytes, partitionMaxBytes }: FetchLimits,
  ): Promise<{ frame: Frame; answer: FetchAnswer }> {
    const createRequest = FETCH_REQUESTS.get(versions.fetch)!
    const body = createRequest(
      maxWaitMs,
      1,
      maxBytes,
      ISOLATION[this.#isolation],
      id,
      epoch,
      topicsOf(asks, partitionMaxBytes),
      [...forgotten],
      this.#isolation === 'committed' ? this.#cluster.settings.rack : '',
    )
    const frame = await socket.send(FETCH, versions.fetch, body, maxWaitMs + GRACE_MS)
    return { frame, answer: parseFetchAnswer(frame.bytes) }
  }

  #sessionOf(link: Link): FetchSession {
    const session = this.#sessions.get(link) ?? new FetchSession()
    this.#sessions.set(link, session)
    return session
  }

  async #take(): Promise<Link> {
    for (let link = this.#free.pop(); link !== undefined; link = this.#free.pop()) {
      if (this.#cluster.links.isFresh(link)) return link
      link.socket.close()
      this.#all.delete(link)
    }
    const link = await this.#cluster.links.open(this.#cluster.address(this.#node))
    this.#all.add(link)
    return link
  }

  close(): void {
    for (const { socket } of this.#all) socket.close()
    this.#all.clear()
  }
}

function topicsOf(asks: readonly FetchAsk[], partitionMaxBytes: number) {
  const topics = new Map<string, { topicId: string; partitions: ReturnType<typeof partitionOf>[] }>()
  for (const ask of asks) {
    const topic = topics.get(ask.topicId)
    if (topic !== undefined) topic.partitions.push(partitionOf(ask, partitionMaxBytes))
    else topics.set(ask.topicId, { topicId: ask.topicId, partitions: [partitionOf(ask, partitionMaxBytes)] })
  }
  return [...topics.values()]
}

function partitionOf(ask: FetchAsk, partitionMaxBytes: number) {
  return {
    partition: ask.partition,
    currentLeaderEpoch: ask.leaderEpoch,
    fetchOffset: BigInt(ask.offset),
    lastFetchedEpoch: NO_EPOCH,
    partitionMaxBytes,
  }
}
