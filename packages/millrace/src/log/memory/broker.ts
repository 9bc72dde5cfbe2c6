import { batchByteLength } from '../../record/batch.ts'
import { isBroken } from '../../std/broken-rules.ts'
import { type Clock, systemClock } from '../../std/clock.ts'
import {
  type Commit,
  CommitError,
  type CommittedPosition,
  type FetchedPartition,
  type FetchPosition,
  LogError,
  type OutgoingBatch,
  type TopicChange,
  type TopicInfo,
  type TopicPartition,
  type TopicSpec,
} from '../log.ts'
import { alteredTopic, topicFrom } from '../topic-defaults.ts'
import type { Fault, FaultPoint } from './faults.ts'
import { MemoryGroup, partitionKey } from './group.ts'
import { MemoryPartition, type PartitionContents } from './partition.ts'

export interface MemoryBrokerOptions {
  readonly clock?: Clock
  readonly faults?: Fault
  /** How long a tombstone outlives its append in a compacted topic. Default one day. */
  readonly tombstoneMs?: number
  /** Begins with what another broker held. */
  readonly contents?: BrokerContents
}

/** Topics and committed positions as plain data, without the members of the groups. */
export interface BrokerContents {
  readonly sequence: number
  readonly topics: readonly { readonly info: TopicInfo; readonly partitions: readonly PartitionContents[] }[]
  readonly groups: readonly { readonly name: string; readonly positions: readonly CommittedPosition[] }[]
}

interface Topic {
  readonly info: TopicInfo
  readonly partitions: readonly MemoryPartition[]
}

interface Waiter {
  readonly partitions: ReadonlySet<string>
  readonly wake: () => void
}

const DAY_MS = 86_400_000
const UNFENCED = isBroken('2.2')

/**
 * What several `MemoryLog`s share: topics, groups and the clock. Everything happens at once and in order;
 * nothing survives the process.
 */
export class MemoryBroker {
  readonly clock: Clock
  readonly #faults: Fault
  readonly #tombstoneMs: number
  readonly #topics = new Map<string, Topic>()
  readonly #groups = new Map<string, MemoryGroup>()
  readonly #waiters = new Set<Waiter>()
  #sequence = 0

  constructor(options: MemoryBrokerOptions = {}) {
    this.clock = options.clock ?? systemClock
    this.#faults = options.faults ?? (() => undefined)
    this.#tombstoneMs = options.tombstoneMs ?? DAY_MS
    if (options.contents !== undefined) this.#take(options.contents)
  }

  #take({ sequence, topics, groups }: BrokerContents): void {
    this.#sequence = sequence
    for (const { info, partitions } of topics) {
      this.#topics.set(info.name, { info, partitions: partitions.map(MemoryPartition.from) })
    }
    for (const { name, positions } of groups) {
      const group = this.group(name)
      for (const position of positions) group.positions.set(partitionKey(position), position)
    }
  }

  /** All that is in it now; later changes do not show. */
  get contents(): BrokerContents {
    const topics = [...this.#topics.values()].map(({ info, partitions }) => ({
      info,
      partitions: partitions.map(({ contents }) => contents),
    }))
    const groups = this.groups.map(({ name, positions }) => ({ name, positions: [...positions.values()] }))
    return { sequence: this.#sequence, topics, groups }
  }

  /** A number no earlier call gave. */
  nextSequence(): number {
    return ++this.#sequence
  }

  fault(point: FaultPoint, at?: TopicPartition): Error | undefined {
    return this.#faults(point, at)
  }

  get topics(): TopicInfo[] {
    return [...this.#topics.values()].map(topic => topic.info)
  }

  createTopics(specs: readonly TopicSpec[]): void {
    const added = new Map<string, TopicInfo>()
    for (const spec of specs) {
      const info = topicFrom(spec, `memory-${this.nextSequence()}`)
      const existing = this.#topics.get(spec.name)?.info ?? added.get(spec.name)
      if (existing === undefined) added.set(spec.name, info)
      else if (existing.partitions !== spec.partitions) {
        throw new LogError(
          'topic-mismatch',
          `Topic ${spec.name} has ${existing.partitions} partitions, not ${spec.partitions}`,
        )
      }
    }
    for (const info of added.values()) {
      const partitions = Array.from({ length: info.partitions }, () => new MemoryPartition())
      this.#topics.set(info.name, { info, partitions })
    }
    if (added.size > 0) this.#rebalanceAll()
  }

  alterTopics(changes: readonly TopicChange[]): void {
    const altered = changes.map(change => {
      const topic = this.#topics.get(change.name)
      if (topic === undefined) throw new LogError('unknown-topic', `Topic ${change.name} does not exist`)
      const { info, partitions } = topic
      return { info: alteredTopic(info, change), partitions }
    })
    for (const { info, partitions } of altered) {
      const added = Array.from({ length: info.partitions - partitions.length }, () => new MemoryPartition())
      this.#topics.set(info.name, { info, partitions: [...partitions, ...added] })
    }
    this.#rebalanceAll()
  }

  deleteTopics(names: readonly string[]): void {
    for (const name of names) {
      const topic = this.#topics.get(name)
      if (topic === undefined) continue
      this.#topics.delete(name)
      topic.partitions.forEach((_, partition) => {
        const key = partitionKey({ topic: name, partition })
        for (const group of this.#groups.values()) group.positions.delete(key)
        this.#wake([key])
      })
    }
    this.#rebalanceAll()
  }

  #rebalanceAll(): void {
    for (const group of this.#groups.values()) group.rebalance()
  }

  partitionsOf(topic: string): readonly MemoryPartition[] {
    const found = this.#topics.get(topic)
    if (found === undefined) throw new LogError('unknown-topic', `Topic ${topic} does not exist`)
    return found.partitions
  }

  partition({ topic, partition }: TopicPartition): MemoryPartition {
    const found = this.partitionsOf(topic)[partition]
    if (found === undefined)
      throw new LogError('unknown-topic', `Topic ${topic} has no partition ${partition}`)
    return found
  }

  /** What is there now. `rotation` says with which partition to begin, so that a small `maxBytes` starves none. */
  read(
    positions: readonly FetchPosition[],
    maxBytes: number,
    partitionMaxBytes: number,
    rotation: number,
  ): FetchedPartition[] {
    const answer: FetchedPartition[] = []
    let room = maxBytes
    for (let i = 0; i < positions.length; i++) {
      const index = (i + rotation) % positions.length
      const fetched = this.#readPartition(
        positions[index]!,
        room <= 0 ? 0 : Math.min(partitionMaxBytes, room),
      )
      // The first batch of an answer is whole whatever its size; a later partition waits its turn instead.
      const bytes = fetched.batches.reduce((sum, batch) => sum + batch.length, 0)
      const fits = bytes <= room || room === maxBytes
      answer[index] = fits ? fetched : { ...fetched, batches: [] }
      if (fits) room -= bytes
      else room = 0
    }
    return answer
  }

  #readPartition(position: FetchPosition, maxBytes: number): FetchedPartition {
    const { topic, partition, offset } = position
    const asked = { topic, partition, offset }
    try {
      const injected = this.fault('fetch.partition', position)
      if (injected !== undefined) throw injected
      const found = this.partition(position)
      const bounds = { highWatermark: found.latest, logStartOffset: found.earliest }
      if (offset < found.earliest || offset > found.latest) {
        const error = new LogError(
          'offset-out-of-range',
          `${topic}/${partition} holds offsets ${found.earliest} to ${found.latest}, not ${offset}`,
        )
        return { ...asked, ...bounds, batches: [], error }
      }
      return { ...asked, ...bounds, batches: maxBytes <= 0 ? [] : found.read(offset, maxBytes) }
    } catch (cause) {
      const error = cause instanceof LogError ? cause : new LogError('unavailable', String(cause), { cause })
      return { ...asked, batches: [], highWatermark: -1, logStartOffset: -1, error }
    }
  }

  /** Resolves when a batch comes into one of the partitions, when the time is over, or at the abort. */
  arrival(partitions: readonly TopicPartition[], maxWaitMs: number, signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const done = () => {
        this.#waiters.delete(waiter)
        cancel()
        signal.removeEventListener('abort', done)
        resolve()
      }
      const waiter = { partitions: new Set(partitions.map(partitionKey)), wake: done }
      const cancel = this.clock.after(maxWaitMs, done)
      this.#waiters.add(waiter)
      signal.addEventListener('abort', done)
      if (signal.aborted) done()
    })
  }

  #wake(keys: readonly string[]): void {
    for (const waiter of [...this.#waiters]) if (keys.some(key => waiter.partitions.has(key))) waiter.wake()
  }

  /** Appends all of the batches or, throwing `LogError`, none. */
  append(batches: readonly OutgoingBatch[]): number[] {
    const targets = batches.map(batch => this.#checked(batch))
    const now = this.clock.now()
    const baseOffsets = batches.map((batch, i) => targets[i]!.append(batch.bytes, now))
    this.#wake(batches.map(partitionKey))
    return baseOffsets
  }

  #checked(batch: OutgoingBatch): MemoryPartition {
    const target = this.partition(batch)
    let byteLength: number
    try {
      byteLength = batchByteLength(batch.bytes)
    } catch (cause) {
      throw new LogError('corrupt', `Not a record batch: ${(cause as Error).message}`, { cause })
    }
    if (byteLength !== batch.bytes.length) {
      throw new LogError('corrupt', `A batch of ${byteLength} bytes came in ${batch.bytes.length} bytes`)
    }
    return target
  }

  commit(commit: Commit): number[] {
    const group = this.group(commit.identity.group)
    const refusal = group.refusal(commit.identity)
    if (refusal !== undefined && !UNFENCED) throw new CommitError('fenced', `Commit refused: ${refusal}`)
    for (const { previousOffset, ...position } of commit.positions) {
      const stored = group.positions.get(partitionKey(position))?.offset ?? -1
      if (stored !== previousOffset) {
        throw new CommitError(
          'aborted',
          `Commit refused: ${partitionKey(position)} stands at ${stored}, not at ${previousOffset}`,
        )
      }
    }
    const baseOffsets = this.#appendOrAbort(commit.batches)
    for (const { topic, partition, offset, metadata } of commit.positions) {
      group.positions.set(partitionKey({ topic, partition }), {
        topic,
        partition,
        offset,
        metadata: new Uint8Array(metadata),
      })
    }
    return baseOffsets
  }

  #appendOrAbort(batches: readonly OutgoingBatch[]): number[] {
    try {
      return this.append(batches)
    } catch (cause) {
      throw new CommitError('aborted', `Commit refused: ${(cause as Error).message}`, { cause })
    }
  }

  get groups(): MemoryGroup[] {
    return [...this.#groups.values()]
  }

  findGroup(name: string): MemoryGroup | undefined {
    return this.#groups.get(name)
  }

  /** The group of this name, made when there is none. */
  group(name: string): MemoryGroup {
    let group = this.#groups.get(name)
    if (group === undefined) {
      group = new MemoryGroup(name, this.clock, topic => this.#topics.get(topic)?.partitions.length ?? 0)
      this.#groups.set(name, group)
    }
    return group
  }

  deleteGroup(name: string): void {
    this.#groups.delete(name)
  }

  clean(): void {
    const now = this.clock.now()
    for (const { info, partitions } of this.#topics.values()) {
      for (const partition of partitions) {
        if (info.cleanup !== 'compact') {
          if (info.retentionMs >= 0) partition.dropOlder(now - info.retentionMs)
          if (info.retentionBytes >= 0) partition.dropLarger(info.retentionBytes)
        }
        if (info.cleanup !== 'delete') partition.compact(now - this.#tombstoneMs)
      }
    }
  }
}
