import {
  type Commit,
  CommitError,
  type CommitResult,
  type CommittedPosition,
  type FetchedPartition,
  type FetchOptions,
  type FetchPosition,
  type GroupInfo,
  type JoinOptions,
  type Log,
  LogError,
  type Membership,
  type OutgoingBatch,
  type PartitionOffsets,
  type PositionReset,
  type TopicChange,
  type TopicInfo,
  type TopicPartition,
  type TopicSpec,
} from '../log.ts'
import { MemoryBroker } from './broker.ts'
import type { MemoryGroup } from './group.ts'
import { partitionKey } from './group.ts'
import { MemoryMembership } from './membership.ts'

export interface MemoryLogOptions {
  /** Shown in group descriptions. */
  readonly host?: string
  readonly pid?: number
  /** False where records may come in that no serde of Millrace wrote; true by default. */
  readonly closed?: boolean
}

/**
 * One process's handle on a `MemoryBroker`. It keeps the whole contract of a log but durability: what was
 * appended lives as long as the broker.
 */
export class MemoryLog implements Log {
  readonly kind = 'memory'
  readonly closed: boolean
  readonly #broker: MemoryBroker
  readonly #process: { readonly host: string; readonly pid: number }
  readonly #memberships = new Set<MemoryMembership>()
  readonly #closing = new AbortController()
  #rotation = 0

  constructor(broker: MemoryBroker = new MemoryBroker(), options: MemoryLogOptions = {}) {
    this.closed = options.closed ?? true
    this.#broker = broker
    this.#process = { host: options.host ?? 'memory', pid: options.pid ?? 0 }
  }

  async createTopics(specs: readonly TopicSpec[]): Promise<void> {
    this.#open().createTopics(specs)
  }

  async alterTopics(changes: readonly TopicChange[]): Promise<void> {
    this.#open().alterTopics(changes)
  }

  async describeTopics(names?: readonly string[]): Promise<TopicInfo[]> {
    const topics = this.#open().topics
    return names === undefined ? topics : topics.filter(topic => names.includes(topic.name))
  }

  async deleteTopics(names: readonly string[]): Promise<void> {
    this.#open().deleteTopics(names)
  }

  async offsets(topic: string): Promise<PartitionOffsets[]> {
    return this.#open()
      .partitionsOf(topic)
      .map(({ earliest, latest, byteLength: bytes }, partition) => ({ partition, earliest, latest, bytes }))
  }

  async offsetForTime(topic: string, partition: number, timestamp: number): Promise<number> {
    return this.#open().partition({ topic, partition }).offsetForTime(timestamp)
  }

  async trim(positions: readonly FetchPosition[]): Promise<void> {
    const targets = positions.map(position => this.#open().partition(position))
    targets.forEach((partition, i) => {
      partition.trim(positions[i]!.offset)
    })
  }

  async clean(): Promise<void> {
    this.#open().clean()
  }

  async fetch(positions: readonly FetchPosition[], options: FetchOptions): Promise<FetchedPartition[]> {
    const broker = this.#open()
    options.signal?.throwIfAborted()
    this.#strike('fetch')
    const rotation = this.#rotation++
    const read = () => broker.read(positions, options.maxBytes, options.partitionMaxBytes, rotation)
    const found = read()
    if (options.maxWaitMs <= 0 || found.some(part => part.batches.length > 0 || part.error !== undefined)) {
      return found
    }
    const stop = this.#closing.signal
    await broker.arrival(
      positions,
      options.maxWaitMs,
      options.signal === undefined ? stop : AbortSignal.any([stop, options.signal]),
    )
    options.signal?.throwIfAborted()
    this.#open()
    return read()
  }

  async append(batches: readonly OutgoingBatch[]): Promise<number[]> {
    const broker = this.#open()
    this.#strike('append.before')
    const baseOffsets = broker.append(batches)
    this.#strike('append.after')
    return baseOffsets
  }

  async join(options: JoinOptions): Promise<Membership> {
    const broker = this.#open()
    const group = broker.group(options.group)
    const membership = new MemoryMembership(group, options, broker.clock, this.#process, () =>
      broker.nextSequence(),
    )
    this.#memberships.add(membership)
    return membership
  }

  async committed(group: string, partitions: readonly TopicPartition[]): Promise<CommittedPosition[]> {
    const positions = this.#open().findGroup(group)?.positions
    return partitions.flatMap(partition => positions?.get(partitionKey(partition)) ?? [])
  }

  async commit(commit: Commit): Promise<CommitResult> {
    const broker = this.#open()
    const before = broker.fault('commit.before')
    if (before !== undefined) {
      const error =
        before instanceof CommitError ? before : new CommitError('aborted', before.message, { cause: before })
      if (error.outcome === 'fenced') {
        broker.findGroup(commit.identity.group)?.expel(commit.identity.memberId, error.message)
      }
      throw error
    }
    const baseOffsets = broker.commit(commit)
    const after = broker.fault('commit.after')
    if (after !== undefined) throw new CommitError('unknown', after.message, { cause: after })
    return { baseOffsets }
  }

  async listGroups(): Promise<string[]> {
    return this.#open().groups.map(group => group.name)
  }

  async describeGroup(group: string): Promise<GroupInfo | undefined> {
    return this.#open().findGroup(group)?.describe()
  }

  async resetGroup(name: string, positions: readonly PositionReset[]): Promise<void> {
    for (const position of positions) this.#open().partition(position)
    const group = this.#idleGroup(name) ?? this.#open().group(name)
    for (const { topic, partition, offset, metadata = new Uint8Array(0) } of positions) {
      group.positions.set(partitionKey({ topic, partition }), { topic, partition, offset, metadata })
    }
  }

  async deleteGroup(name: string): Promise<void> {
    if (this.#idleGroup(name) !== undefined) this.#open().deleteGroup(name)
  }

  /** Drops the handle without leaving its groups, as a process that ends; waiting fetches are rejected. */
  async close(): Promise<void> {
    this.#closing.abort()
    for (const membership of this.#memberships) membership.abandon()
    this.#memberships.clear()
  }

  /** Stops this handle's heartbeats and callbacks, as if the process were stopped by a signal; for tests. */
  freeze(): void {
    for (const membership of this.#memberships) membership.freeze()
  }

  /** Goes on after `freeze`. */
  thaw(): void {
    for (const membership of this.#memberships) membership.thaw()
  }

  #idleGroup(name: string): MemoryGroup | undefined {
    const group = this.#open().findGroup(name)
    if (group !== undefined && group.memberCount > 0) {
      throw new LogError('group-active', `Group ${name} has ${group.memberCount} members; stop them first`)
    }
    return group
  }

  #strike(point: 'append.before' | 'append.after' | 'fetch'): void {
    const error = this.#broker.fault(point)
    if (error !== undefined) throw error
  }

  #open(): MemoryBroker {
    if (this.#closing.signal.aborted) throw new LogError('closed', 'The log is closed')
    return this.#broker
  }
}
