import { accessRight } from '../../std/access-right.ts'
import { type FetchedPartition, type FetchOptions, type FetchPosition, LogError } from '../log.ts'
import type { Cluster, TopicView } from './cluster.ts'
import { isRetriable, KafkaError } from './errors.ts'
import { FetchCall, SharedMemory } from './fetch-call.ts'
import { type FetchAsk, FetchLane, type NodeAnswer } from './fetch-lane.ts'
import { toLogError } from './log-error.ts'
import type { Offsets } from './offsets.ts'
import { PreferredReplicas } from './preferred-replicas.ts'
import { ReadTopics } from './read-topics.ts'

/** No request waits longer, so that a moved leader is noticed. */
const WAIT_MAX_MS = 5000
/** Looking up a leader anew is tried this often before the partition is reported. */
const LOOKUPS_MAX = 5
const BYTES_MAX = 0x7fffffff
/** A broker that takes this much longer than a wait no longer keeps back what the others say. */
const LATE_MS = 500

/** A request that waits, and the call that gets its answer. */
interface UnderWay {
  call: FetchCall
  readonly answer: Promise<NodeAnswer>
}

interface Ask extends FetchAsk {
  /** Places in the caller's list: several pipelines may read one partition from one offset. */
  readonly indexes: number[]
  readonly node: number
  readonly isLeader: boolean
}

/** Raw batches of committed records from the leaders of partitions, or from replicas that a leader names as nearer. */
export class Fetcher {
  readonly #cluster: Cluster
  readonly #offsets: Offsets
  readonly #lanes = new Map<number, FetchLane>()
  /** What was asked and not answered when a call ended: the next call with the same wish takes it over. */
  readonly #underWay = new Map<string, UnderWay>()
  readonly #preferred: PreferredReplicas
  readonly #topics = new ReadTopics()
  readonly #closing = Promise.withResolvers<never>()
  #turn = 0

  constructor(cluster: Cluster, offsets: Offsets) {
    this.#cluster = cluster
    this.#offsets = offsets
    this.#preferred = new PreferredReplicas(cluster)
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
    const answer = call.answer()
    this.#topics.told(answer)
    return answer
  }

  /** What comes under these names from now on is something new. */
  forget(topics: readonly string[]): void {
    this.#topics.forget(topics)
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
      if (moved.some(({ error }) => error !== undefined)) {
        if (++lookups >= LOOKUPS_MAX) {
          for (const { ask, error } of moved) if (error !== undefined) call.fail(ask.indexes, error)
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
      else if (this.#topics.isAnother(view)) call.fail([index], createdAgain(topic, offset))
      else if (found.leader < 0) call.fail([index], noLeader(topic, partition))
      else {
        const { leader, leaderEpoch } = found
        const key = `${view.id}/${partition}@${offset}`
        const same = asks.get(key)
        if (same !== undefined) same.indexes.push(index)
        else {
          const node = this.#preferred.of(view.id, partition) ?? leader
          const ask = { topicId: view.id, partition, offset, leaderEpoch, node, isLeader: node === leader }
          asks.set(key, { indexes: [index], ...ask })
        }
      }
    }
    return [...asks.values()]
  }

  /** Asks every broker at once and goes on with the first that has something. Gives what has to be looked up again. */
  async #askAll(call: FetchCall, asks: readonly Ask[], waitMs: number): Promise<Moved[]> {
    const moved: Moved[] = []
    const { promise: isEnough, resolve: goOn } = Promise.withResolvers<void>()
    const look = () => {
      if (call.isUseful || moved.length > 0) goOn()
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
    // A call that must have all waits on for a broker that is silent; one that may wait has perhaps no time left.
    const isPatient = call.options.maxWaitMs === 0 || call.options.waitForOpen === true
    const cancel = isPatient ? () => {} : this.#cluster.clock.after(waitMs + LATE_MS, goOn)
    try {
      await Promise.race([Promise.all(all), isEnough])
    } finally {
      cancel()
    }
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
      if (!call.isOver) moved.push(...this.#take(call, asks, answer))
    } catch (error) {
      if (!isRetriable(error)) throw error
      for (const { topicId, partition } of asks) this.#preferred.forget(topicId, partition)
      this.#cluster.learnFrom(error)
      moved.push(...asks.map(ask => ({ ask, error: toLogError(error) as LogError })))
    }
  }

  /** Puts a broker's answer into the call; gives the partitions that have to be asked for elsewhere. */
  #take(call: FetchCall, asks: readonly Ask[], { frame, parts }: NodeAnswer): Moved[] {
    const moved: Moved[] = []
    const memory = new SharedMemory(() => frame.release())
    for (const part of parts) {
      const ask = asks.find(each => each.topicId === part.topicId && each.partition === part.partition)
      if (ask === undefined) continue
      if (part.errorCode !== 0) {
        const error = this.#refusal(call, ask, part.errorCode)
        if (error.retriable) moved.push({ ask, error })
        else call.fail(ask.indexes, error)
      } else if (this.#preferred.learn(part)) moved.push({ ask })
      else {
        const end = this.#offsets.highWatermarks.raise(part.topicId, part.partition, part.highWatermark)
        call.accept(ask.indexes, part, end, frame.bytes, memory)
      }
    }
    memory.releaseOne()
    return moved
  }

  #refusal(call: FetchCall, { topicId, partition, offset, indexes, isLeader }: Ask, code: number): LogError {
    this.#preferred.forget(topicId, partition)
    const { topic } = call.positions[indexes[0]!]!
    const right = accessRight('Read', 'Topic', topic)
    const cause = new KafkaError(code, `read ${topic}/${partition} at ${offset}`, null, right)
    // A replica that lags knows less than the leader.
    if (cause.rule.action !== 'retry' && isLeader) return toLogError(cause) as LogError
    return new LogError('unavailable', cause.message, { cause, retriable: true })
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

/** To be asked for once more; without an error just elsewhere, and at once. */
interface Moved {
  readonly ask: Ask
  readonly error?: LogError
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

function unknownTopic(topic: string, partition: number, view: TopicView | undefined): LogError {
  const what = view === undefined ? `topic ${topic}` : `partition ${topic}/${partition}`
  return new LogError('unknown-topic', `There is no ${what}`)
}

function noLeader(topic: string, partition: number): LogError {
  return new LogError('unavailable', `${topic}/${partition} has no leader now`, { retriable: true })
}

function createdAgain(topic: string, offset: number): LogError {
  return new LogError(
    'topic-mismatch',
    `Topic ${topic} was deleted and created again while it was read: its records are others, and offset ${offset} means nothing in it`,
  )
}
