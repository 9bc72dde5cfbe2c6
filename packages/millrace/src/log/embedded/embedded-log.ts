import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { batchByteLength } from '../../record/batch.ts'
import type { Clock } from '../../std/clock.ts'
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
import { CommitClient, packBatches } from './commit-client.ts'
import { EmbeddedMembership } from './embedded-membership.ts'
import { BATCH_BYTES_MAX } from './layout.ts'
import type { Machine } from './machine.ts'
import { Pulse } from './pulse.ts'
import { ReadStore } from './read-store.ts'

/** What a handle in another thread of the process needs; can be sent to it (the port in the transfer list). */
export interface EmbeddedLogPort {
  readonly kind: 'embedded'
  readonly directory: string
  readonly port: MessagePort
  readonly pulse: SharedArrayBuffer
}

/** The thread behind a port. */
export interface CommitThread {
  /** Called when it died of an error. */
  onFailed(failed: (error: Error) => void): void
  end(): Promise<void>
}

export interface HandleOptions extends Omit<EmbeddedLogPort, 'kind'> {
  readonly clock: Clock
  readonly machine: Machine
  onWarning(message: string): void
  /** The commit thread, for the handle that started it. */
  readonly thread?: CommitThread
}

/** A handle on the log of one directory: reads by itself, writes through the process's commit thread. */
export class EmbeddedLog implements Log {
  readonly kind = 'embedded'
  readonly closed = true
  readonly #options: HandleOptions
  readonly #client: CommitClient
  readonly #reader: ReadStore
  readonly #pulse: Pulse
  readonly #memberships = new Set<EmbeddedMembership>()
  readonly #closing = new AbortController()

  constructor(options: HandleOptions) {
    this.#options = options
    this.#reader = new ReadStore(options.directory, options.machine)
    this.#pulse = new Pulse(options.pulse)
    this.#client = new CommitClient(options.port, {
      onChanged: memberId => {
        for (const membership of this.#memberships) if (membership.memberId === memberId) membership.notice()
      },
      onWarning: options.onWarning,
    })
    options.thread?.onFailed(error => this.#client.fail(error))
  }

  /** A way to open a further handle in another thread of this process; see `connectEmbeddedLog`. */
  async port(): Promise<EmbeddedLogPort> {
    const { port1, port2 } = new MessageChannel()
    await this.#open().ask('connect', { port: port2 }, [port2])
    return { kind: 'embedded', directory: this.#options.directory, port: port1, pulse: this.#pulse.memory }
  }

  async createTopics(specs: readonly TopicSpec[]): Promise<void> {
    await this.#open().ask('createTopics', { specs })
  }

  async describeTopics(names?: readonly string[]): Promise<TopicInfo[]> {
    this.#open()
    const topics = this.#reader.topics()
    return names === undefined ? topics : topics.filter(topic => names.includes(topic.name))
  }

  async alterTopics(changes: readonly TopicChange[]): Promise<void> {
    await this.#open().ask('alterTopics', { changes })
  }

  async deleteTopics(names: readonly string[]): Promise<void> {
    await this.#open().ask('deleteTopics', { names })
  }

  async offsets(topic: string): Promise<PartitionOffsets[]> {
    this.#open()
    return this.#reader.offsets(topic)
  }

  async offsetForTime(topic: string, partition: number, timestamp: number): Promise<number> {
    this.#open()
    return this.#reader.offsetForTime({ topic, partition }, timestamp)
  }

  async trim(positions: readonly FetchPosition[]): Promise<void> {
    await this.#open().ask('trim', { positions })
  }

  async clean(): Promise<void> {
    await this.#open().ask('clean', { nowMs: this.#options.clock.now() })
  }

  async fetch(positions: readonly FetchPosition[], options: FetchOptions): Promise<FetchedPartition[]> {
    const { maxWaitMs, signal } = options
    const { clock } = this.#options
    const endMs = clock.monotonic() + maxWaitMs
    const stop = signal === undefined ? this.#closing.signal : AbortSignal.any([this.#closing.signal, signal])
    for (;;) {
      signal?.throwIfAborted()
      this.#open()
      const seen = this.#pulse.now()
      const found = this.#reader.fetch(positions, options)
      const leftMs = endMs - clock.monotonic()
      if (leftMs <= 0 || found.some(part => part.batches.length > 0 || part.error !== undefined)) return found
      await this.#pulse.change(seen, leftMs, clock, stop)
    }
  }

  async append(batches: readonly OutgoingBatch[]): Promise<number[]> {
    const client = this.#open()
    checkSizes(batches)
    const packed = packBatches(batches)
    return client.ask('append', { batches: packed.batches }, packed.transfer)
  }

  async join(options: JoinOptions): Promise<Membership> {
    const client = this.#open()
    const membership = new EmbeddedMembership({
      join: options,
      client,
      reader: this.#reader,
      uniqueId: this.#options.machine.uniqueId,
      onEnd: ended => {
        if (this.#memberships.delete(ended)) client.release()
      },
    })
    this.#memberships.add(membership)
    client.hold()
    try {
      await membership.join()
      return membership
    } catch (error) {
      membership.end()
      throw error
    }
  }

  async committed(group: string, partitions: readonly TopicPartition[]): Promise<CommittedPosition[]> {
    this.#open()
    return this.#reader.committed(group, partitions)
  }

  async commit({ identity, batches, positions }: Commit): Promise<CommitResult> {
    const client = this.#open()
    try {
      checkSizes(batches)
    } catch (cause) {
      throw new CommitError('aborted', `Commit refused: ${(cause as Error).message}`, { cause })
    }
    const packed = packBatches(batches)
    try {
      return {
        baseOffsets: await client.ask(
          'commit',
          { identity, batches: packed.batches, positions },
          packed.transfer,
        ),
      }
    } catch (error) {
      this.#noticeFenced(error, identity.memberId)
      if (error instanceof CommitError) throw error
      // The handle was closed while the commit was under way.
      throw new CommitError('unknown', (error as Error).message, { cause: error })
    }
  }

  /** A refused member learns at once that it is out, without waiting for an event. */
  #noticeFenced(error: unknown, memberId: string): void {
    if (!(error instanceof CommitError) || error.outcome !== 'fenced') return
    for (const membership of this.#memberships) if (membership.memberId === memberId) membership.notice()
  }

  async listGroups(): Promise<string[]> {
    this.#open()
    return this.#reader.groupNames()
  }

  async describeGroup(group: string): Promise<GroupInfo | undefined> {
    this.#open()
    return this.#reader.group(group)
  }

  async resetGroup(group: string, positions: readonly PositionReset[]): Promise<void> {
    await this.#open().ask('resetGroup', { group, positions })
  }

  async deleteGroup(group: string): Promise<void> {
    await this.#open().ask('deleteGroup', { group })
  }

  /**
   * Ends the handle without leaving its groups; waiting fetches are rejected. The handle that opened the log
   * also ends the commit thread, so it is closed last.
   */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    for (const membership of [...this.#memberships]) membership.end()
    // The connection closed last tidies the files up, which a reader cannot.
    this.#reader.close()
    const { thread } = this.#options
    if (thread !== undefined) await this.#client.ask('shutdown', {}).catch(() => {})
    this.#client.close()
    await thread?.end()
  }

  #open(): CommitClient {
    if (this.#closing.signal.aborted) throw new LogError('closed', 'The log is closed')
    return this.#client
  }
}

/** Throws `LogError` unless every batch is one whole record batch that the log can hold. */
function checkSizes(batches: readonly OutgoingBatch[]): void {
  for (const { topic, partition, bytes } of batches) {
    let byteLength: number
    try {
      byteLength = batchByteLength(bytes)
    } catch (cause) {
      throw new LogError(
        'corrupt',
        `Not a record batch for ${topic}/${partition}: ${(cause as Error).message}`,
        { cause },
      )
    }
    if (byteLength !== bytes.length) {
      throw new LogError(
        'corrupt',
        `A batch of ${byteLength} bytes for ${topic}/${partition} came in ${bytes.length} bytes`,
      )
    }
    if (byteLength > BATCH_BYTES_MAX) {
      const message = `A batch of ${byteLength} bytes for ${topic}/${partition} is larger than the log takes (${BATCH_BYTES_MAX})`
      throw new LogError('record-too-large', message)
    }
  }
}
