import { accessRight } from '../../std/access-right.ts'
import { type FetchedPartition, type FetchOptions, type FetchPosition, LogError } from '../log.ts'
import type { Cluster, TopicView } from './cluster.ts'
import { isRetriable, KafkaError } from './errors.ts'
import { type FetchAsk, FetchLane, type NodeAnswer } from './fetch-lane.ts'
import type { FetchPart } from './fetch-response.ts'
import type { HighWatermarks } from './high-watermarks.ts'
import { toLogError } from './log-error.ts'
import type { Offsets } from './offsets.ts'
import { visibleBatches } from './visible-batches.ts'

/** No request waits longer, so that a moved leader is noticed. */
const WAIT_MAX_MS = 5000
/** Looking up a leader anew is tried this often before the partition is reported. */
const LOOKUPS_MAX = 5
const BYTES_MAX = 0x7fffffff

/** A request that waits, and the call that gets its answer. */
interface UnderWay {
  call: FetchCall
  readonly answer: Promise<NodeAnswer>
}

interface Ask extends FetchAsk {
  /** Places in the caller's list: several pipelines may read one partition from one offset. */
  readonly indexes: number[]
  readonly node: number
}

/** Raw batches of committed records from the leaders of partitions. */
export class Fetcher {
  readonly #cluster: Cluster
  readonly #offsets: Offsets
  readonly #lanes = new Map<number, FetchLane>()
  /** What was asked and not answered when a call ended: the next call with the same wish takes it over. */
  readonly #underWay = new Map<string, UnderWay>()
  readonly #closing = Promise.withResolvers<never>()
  #turn = 0

  constructor(cluster: Cluster, offsets: Offsets) {
    this.#cluster = cluster
    this.#offsets = offsets
    this.#closing.promise.catch(() => {})
  }

  async fetch(positions: readonly FetchPosition[], options: FetchOptions): Promise<FetchedPartition[]> {
    this.#cluster.links.throwIfClosed()
    options.signal?.throwIfAborted()
    const call = new FetchCall(positions, options)
    const work = this.#run(call)
    const { promise: aborted, reject } = Promise.withResolvers<never>()
    const onAbort = () => reject(options.signal?.reason)
    options.signal?.addEventListener('abort', onAbort, { once: true })
    try {
      await Promise.race([work, aborted, this.#closing.promise])
    } finally {
      call.isOver = true
      options.signal?.removeEventListener('abort', onAbort)
      work.catch(() => {})
    }
    return call.answer()
  }

  async #run(call: FetchCall): Promise<void> {
    const deadlineMs = this.#cluster.clock.monotonic() + call.options.maxWaitMs
    for (let lookups = 0; !call.isOver; ) {
      const asks = await this.#locate(call)
      const isUndecided = call.options.waitForOpen === true && call.isUndecided
      const restMs = isUndecided ? WAIT_MAX_MS : Math.max(0, deadlineMs - this.#cluster.clock.monotonic())
      const isPending = asks.length > 0 && !call.isUseful
      const waitMs = isPending ? Math.min(restMs, WAIT_MAX_MS) : 0
      const moved = await this.#askAll(call, asks, waitMs)
      if (call.isUseful) await this.#askStarved(call, asks)
      const isAllKnown = call.options.waitForOpen !== true || !call.isUndecided
      if (moved.length === 0 && (asks.length === 0 || call.isUseful || (waitMs >= restMs && isAllKnown)))
        break
      if (moved.length > 0) {
        if (++lookups >= LOOKUPS_MAX) {
          for (const { ask, error } of moved) call.fail(ask.indexes, error)
          break
        }
        this.#cluster.forgetTopics(call.positions.map(position => position.topic))
        await this.#cluster.pause(this.#cluster.settings.retryBackoffMs * lookups)
      }
    }
    if (!call.isOver) await this.#explainOutOfRange(call)
  }

  /** Who leads what is asked for, in an order that changes with every call: with small limits the first is served first. */
  async #locate(call: FetchCall): Promise<Ask[]> {
    const views = await this.#cluster.retry(() =>
      this.#cluster.topics(new Set(call.positions.map(each => each.topic))),
    )
    const asks = new Map<string, Ask>()
    this.#turn++
    for (let i = 0; i < call.positions.length; i++) {
      const index = (i + this.#turn) % call.positions.length
      if (call.isSettled(index)) continue
      const { topic, partition, offset } = call.positions[index]!
      const view = views.get(topic)
      const found = view?.partitions[partition]
      if (view === undefined || found === undefined) call.fail([index], unknownTopic(topic, partition, view))
      else if (found.leader < 0) call.fail([index], noLeader(topic, partition))
      else {
        const { leader: node, leaderEpoch } = found
        const key = `${view.id}/${partition}@${offset}`
        const same = asks.get(key)
        if (same !== undefined) same.indexes.push(index)
        else asks.set(key, { indexes: [index], node, topicId: view.id, partition, offset, leaderEpoch })
      }
    }
    return [...asks.values()]
  }

  /** Asks every broker at once and goes on with the first that has something. Gives what has to be looked up again. */
  async #askAll(call: FetchCall, asks: readonly Ask[], waitMs: number): Promise<Moved[]> {
    const moved: Moved[] = []
    const { promise: hasUseful, resolve: setUseful } = Promise.withResolvers<void>()
    const look = () => {
      if (call.isUseful || moved.length > 0) setUseful()
    }
    const all = [...Map.groupBy(asks, ask => ask.node)].map(async ([node, ofNode]) => {
      const requests = requestsOf(ofNode).map(async mine => {
        await this.#askOnce(call, node, mine, waitMs, moved)
        // One that does not wait is answered with the others, and nobody would take its answer over.
        if (waitMs > 0) look()
      })
      await Promise.all(requests)
      look()
    })
    await Promise.race([Promise.all(all), hasUseful])
    for (const each of all) each.catch(() => {})
    return moved
  }

  async #askOnce(
    call: FetchCall,
    node: number,
    asks: readonly Ask[],
    waitMs: number,
    moved: Moved[],
  ): Promise<void> {
    try {
      const answer = await this.#ask(call, node, asks, waitMs)
      if (!call.isOver) moved.push(...take(call, asks, answer, this.#offsets.highWatermarks))
    } catch (error) {
      if (!isRetriable(error)) throw error
      this.#cluster.learnFrom(error)
      moved.push(...asks.map(ask => ({ ask, error: toLogError(error) as LogError })))
    }
  }

  #ask(call: FetchCall, node: number, asks: readonly Ask[], waitMs: number): Promise<NodeAnswer> {
    const { maxBytes, partitionMaxBytes } = call.options
    const wish = asks.map(({ topicId, partition, offset }) => `${topicId}/${partition}@${offset}`).sort()
    const key = `${node} ${maxBytes} ${partitionMaxBytes} ${wish.join()}`
    const underWay = waitMs > 0 ? this.#underWay.get(key) : undefined
    if (underWay?.call.isOver) {
      underWay.call = call
      return underWay.answer
    }
    const limits = [Math.min(maxBytes, BYTES_MAX), Math.min(partitionMaxBytes, BYTES_MAX)] as const
    const answer = this.#lane(node).ask(asks, Math.round(waitMs), ...limits)
    if (waitMs > 0 && underWay === undefined) {
      this.#underWay.set(key, { call, answer })
      const forget = () => this.#underWay.delete(key)
      answer.then(forget, forget)
    }
    return answer
  }

  /**
   * A broker gives one whole batch beyond a partition's limit to the first partition only. The others are asked once more, as
   * long as the limit of the whole answer allows.
   */
  async #askStarved(call: FetchCall, asks: readonly Ask[]): Promise<void> {
    for (;;) {
      const starved = asks.filter(ask => call.isStarved(ask.indexes[0]!))
      if (starved.length === 0 || call.bytes >= call.options.maxBytes || call.isOver) return
      const before = call.bytes
      await this.#askAll(call, starved, 0)
      if (call.bytes === before) return
    }
  }

  /** The answer to a position that is out of range says where the partition begins and ends. */
  async #explainOutOfRange(call: FetchCall): Promise<void> {
    for (const [index, part] of call.parts.entries()) {
      if (part?.error?.code !== 'offset-out-of-range') continue
      const bounds = (await this.#offsets.bounds(part.topic))[part.partition]
      if (bounds === undefined) continue
      const { earliest, latest } = bounds
      const { topic, partition, offset } = part
      const error = new LogError(
        'offset-out-of-range',
        `Offset ${offset} of ${topic}/${partition} is out of range: it holds ${earliest} to ${latest}`,
      )
      call.parts[index] = { ...part, highWatermark: latest, logStartOffset: earliest, error }
    }
  }

  #lane(node: number): FetchLane {
    let lane = this.#lanes.get(node)
    if (lane === undefined) {
      lane = new FetchLane(this.#cluster, node)
      this.#lanes.set(node, lane)
    }
    return lane
  }

  close(): void {
    this.#closing.reject(new LogError('closed', 'The log is closed'))
    for (const lane of this.#lanes.values()) lane.close()
  }
}

interface Moved {
  readonly ask: Ask
  readonly error: LogError
}

/**
 * What goes to one broker together. A broker answers each partition once in a request, so readers of one partition at different
 * offsets need a request each; which is which depends on the offsets alone, so that a repeated wish is recognised.
 */
function requestsOf(asks: readonly Ask[]): Ask[][] {
  const rank = new Map<Ask, number>()
  for (const same of Map.groupBy(asks, ({ topicId, partition }) => `${topicId}/${partition}`).values())
    for (const [i, ask] of same.sort((a, b) => a.offset - b.offset).entries()) rank.set(ask, i)
  return [...Map.groupBy(asks, ask => rank.get(ask)!).values()]
}

/** Puts a broker's answer into the call; gives the partitions that it does not lead any more. */
function take(
  call: FetchCall,
  asks: readonly Ask[],
  { frame, parts }: NodeAnswer,
  ends: HighWatermarks,
): Moved[] {
  const moved: Moved[] = []
  const memory = new SharedMemory(() => frame.release())
  for (const part of parts) {
    const ask = asks.find(each => each.topicId === part.topicId && each.partition === part.partition)
    if (ask === undefined) continue
    const { topic, partition } = call.positions[ask.indexes[0]!]!
    if (part.errorCode === 0) {
      const highWatermark = ends.raise(part.topicId, part.partition, part.highWatermark)
      call.accept(ask.indexes, part, highWatermark, frame.bytes, memory)
    } else {
      const right = accessRight('Read', 'Topic', topic)
      const cause = new KafkaError(part.errorCode, `read ${topic}/${partition} at ${ask.offset}`, null, right)
      if (cause.rule.action !== 'retry') call.fail(ask.indexes, toLogError(cause) as LogError)
      else moved.push({ ask, error: new LogError('unavailable', cause.message, { cause, retriable: true }) })
    }
  }
  memory.releaseOne()
  return moved
}

/** What several partitions of one answer lie in; it goes back when the last of them, and the reader of the answer, is done. */
class SharedMemory {
  readonly #release: () => void
  #holders = 1

  constructor(release: () => void) {
    this.#release = release
  }

  /** One more holder; the function returned ends that. */
  hold(): () => void {
    this.#holders++
    return () => this.releaseOne()
  }

  releaseOne(): void {
    this.#holders--
    if (this.#holders === 0) this.#release()
  }
}

/** One call of `fetch` and what has come together for it. */
class FetchCall {
  readonly positions: readonly FetchPosition[]
  readonly options: FetchOptions
  readonly parts: (FetchedPartition | undefined)[]
  bytes = 0
  isUseful = false
  isOver = false
  readonly #stableOffsets: number[]

  constructor(positions: readonly FetchPosition[], options: FetchOptions) {
    this.positions = positions
    this.options = options
    this.parts = new Array(positions.length)
    this.#stableOffsets = new Array(positions.length).fill(-1)
  }

  accept(
    indexes: readonly number[],
    part: FetchPart,
    highWatermark: number,
    bytes: Buffer,
    memory: SharedMemory,
  ): void {
    const { topic, partition, offset } = this.positions[indexes[0]!]!
    const { logStartOffset } = part
    try {
      const batches = visibleBatches(bytes, part.recordsStart, part.recordsEnd, part.aborted)
      if (batches.length > 0) this.isUseful = true
      this.bytes += batches.reduce((sum, batch) => sum + batch.length, 0)
      for (const index of indexes) {
        this.#stableOffsets[index] = part.lastStableOffset
        const release = batches.length > 0 ? { release: memory.hold() } : {}
        this.parts[index] = { topic, partition, offset, batches, highWatermark, logStartOffset, ...release }
      }
    } catch (cause) {
      const message = `${topic}/${partition} cannot be read at ${offset}: ${(cause as Error).message}`
      this.fail(indexes, new LogError('corrupt', message, { cause }))
    }
  }

  fail(indexes: readonly number[], error: LogError): void {
    this.isUseful = true
    const nothing = { batches: [], highWatermark: -1, logStartOffset: -1, error }
    for (const index of indexes) this.parts[index] = { ...this.positions[index]!, ...nothing }
  }

  /** It has records or an error: what is asked again is asked for the others. */
  isSettled(index: number): boolean {
    const part = this.parts[index]
    return part !== undefined && (part.error !== undefined || part.batches.length > 0)
  }

  /** A partition looks empty because transactions are open in it, or because its leader is new. */
  get isUndecided(): boolean {
    return this.parts.some(
      (part, index) =>
        part !== undefined &&
        part.error === undefined &&
        part.batches.length === 0 &&
        this.#stableOffsets[index]! < part.highWatermark,
    )
  }

  /** There is something to read, but the answer had no room for it. */
  isStarved(index: number): boolean {
    const part = this.parts[index]
    return (
      part !== undefined &&
      part.error === undefined &&
      part.batches.length === 0 &&
      part.offset < this.#stableOffsets[index]!
    )
  }

  /** For a partition whose broker has not answered yet the high watermark is unknown, -1. */
  answer(): FetchedPartition[] {
    return this.positions.map(
      (position, index) =>
        this.parts[index] ?? { ...position, batches: [], highWatermark: -1, logStartOffset: -1 },
    )
  }
}

function unknownTopic(topic: string, partition: number, view: TopicView | undefined): LogError {
  const what = view === undefined ? `topic ${topic}` : `partition ${topic}/${partition}`
  return new LogError('unknown-topic', `There is no ${what}`)
}

function noLeader(topic: string, partition: number): LogError {
  return new LogError('unavailable', `${topic}/${partition} has no leader now`, { retriable: true })
}
