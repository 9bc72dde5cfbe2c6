import { FETCH_REQUESTS } from './apis.ts'
import type { Cluster } from './cluster.ts'
import { KafkaError } from './errors.ts'
import { type FetchPart, parseFetchAnswer } from './fetch-response.ts'
import type { Frame } from './frames.ts'
import type { Link } from './links.ts'

const FETCH = 1
const READ_COMMITTED = 1
const NO_SESSION = 0
const FULL_FETCH = -1
const NO_EPOCH = -1
/** An answer may come this much later than the wait that was asked for. */
const GRACE_MS = 10_000

export interface FetchAsk {
  readonly topicId: string
  readonly partition: number
  readonly offset: number
  readonly leaderEpoch: number
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
  readonly #free: Link[] = []
  readonly #all = new Set<Link>()

  constructor(cluster: Cluster, node: number) {
    this.#cluster = cluster
    this.#node = node
  }

  /** Asks once. Rejects with `KafkaError` for an error of the whole request, or as a connection does. */
  async ask(
    asks: readonly FetchAsk[],
    maxWaitMs: number,
    maxBytes: number,
    partitionMaxBytes: number,
  ): Promise<NodeAnswer> {
    const link = await this.#take()
    const { rack } = this.#cluster.settings
    const createRequest = FETCH_REQUESTS.get(link.versions.fetch)!
    const topics = topicsOf(asks, partitionMaxBytes)
    const body = createRequest(
      maxWaitMs,
      1,
      maxBytes,
      READ_COMMITTED,
      NO_SESSION,
      FULL_FETCH,
      topics,
      [],
      rack,
    )
    const frame = await link.socket.send(FETCH, link.versions.fetch, body, maxWaitMs + GRACE_MS)
    this.#free.push(link)
    const { errorCode, parts } = parseFetchAnswer(frame.bytes)
    if (errorCode !== 0) throw new KafkaError(errorCode, 'give records')
    return { frame, parts }
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
