import { endOfInputHeader } from '../engine/intake.ts'
import { headerSection } from '../engine/outputs.ts'
import type { Log, OutgoingBatch } from '../log/log.ts'
import type { Topic } from '../plan/topic.ts'
import { encodeHeaders } from '../record/headers.ts'
import { BatchWriter } from '../record/writer.ts'
import { encodeKey } from '../serde/key.ts'
import { KeyKind } from '../serde/serde.ts'
import { KeyBuffer } from '../serde/sink.ts'
import { toEventTime } from '../serde/timestamp.ts'
import type { Clock } from '../std/clock.ts'
import { partitionOf } from '../std/murmur2.ts'
import type { SendOptions, SentRecord } from './app.ts'
import { prepareTopic } from './preparation.ts'
import { ensureTopics } from './topics.ts'

interface Pending {
  readonly topic: string
  readonly partition: number
  readonly writer: BatchWriter
  readonly settle: { resolve(record: SentRecord): void; reject(error: unknown): void }[]
}

/** Writes single records, many in one append: what comes while an append is under way goes into the next one. */
export class Sender {
  readonly #log: Log
  readonly #clock: Clock
  readonly #create: boolean | undefined
  readonly #partitions = new Map<string, Promise<number>>()
  #pending = new Map<string, Pending>()
  #flushing: Promise<void> | undefined
  #rotation = 0

  /** `create`: whether a topic that does not exist is created, see `ensureTopics`. */
  constructor(log: Log, clock: Clock, create?: boolean) {
    this.#log = log
    this.#clock = clock
    this.#create = create
  }

  async send(topic: Topic, value: unknown, options: SendOptions): Promise<SentRecord> {
    if (hasPreparation(topic)) await prepareTopic(topic)
    const bytes = value === null ? null : topic.value.serialize(value)
    const key = this.#keyOf(topic, value, options)
    const timestamp = this.#timeOf(topic, value, bytes, options)
    const headers = options.headers === undefined ? null : headerSection(options.headers)
    const count = await this.#partitionsOf(topic)
    const partition = options.partition ?? this.#partitionFor(key, count)
    if (!(partition >= 0 && partition < count)) {
      throw new RangeError(`Topic ${topic.name} has ${count} partitions, there is no partition ${partition}`)
    }
    return this.#add(topic.name, partition, timestamp, key, bytes, headers)
  }

  /** Appends the end-of-input record to every partition (SEMANTICS 3.5). */
  async endInput(topic: Topic): Promise<void> {
    const count = await this.#partitionsOf(topic)
    const headers = encodeHeaders([{ key: endOfInputHeader, value: null }])
    const now = this.#clock.now()
    await Promise.all(
      Array.from({ length: count }, (_, partition) =>
        this.#add(topic.name, partition, now, null, null, headers),
      ),
    )
  }

  /** Resolves when everything sent so far is durable. */
  async flush(): Promise<void> {
    while (this.#flushing !== undefined) await this.#flushing
  }

  #keyOf(topic: Topic, value: unknown, options: SendOptions): Uint8Array | null {
    const own = () =>
      typeof topic.key === 'string'
        ? (value as Record<string, unknown>)[topic.key]
        : topic.key!(value, undefined)
    const key =
      options.key !== undefined ? options.key : topic.key === undefined || value === null ? null : own()
    if (key === null || key === undefined) return null
    if (topic.keySerde.kind === KeyKind.serde || options.key !== undefined)
      return topic.keySerde.serialize(key)
    const buffer = new KeyBuffer(32)
    encodeKey(key, buffer)
    return buffer.toBytes()
  }

  #timeOf(topic: Topic, value: unknown, bytes: Uint8Array | null, options: SendOptions): number {
    if (options.timestamp !== undefined) return toEventTime(options.timestamp)
    const { timestamp } = topic
    if (timestamp === undefined || bytes === null) return this.#clock.now()
    const read = asRead(topic, value, bytes)
    return toEventTime(
      typeof timestamp === 'string'
        ? (read as Record<string, unknown>)[timestamp]
        : timestamp(read, undefined),
    )
  }

  #partitionsOf(topic: Topic): Promise<number> {
    let count = this.#partitions.get(topic.name)
    if (count === undefined) {
      count = this.#learn(topic)
      this.#partitions.set(topic.name, count)
      count.catch(() => this.#partitions.delete(topic.name))
    }
    return count
  }

  async #learn(topic: Topic): Promise<number> {
    await ensureTopics(this.#log, [topic], this.#create)
    const [info] = await this.#log.describeTopics([topic.name])
    return info!.partitions
  }

  /** Records without a key take turns, an append at a time. */
  #partitionFor(key: Uint8Array | null, count: number): number {
    return key === null ? this.#rotation % count : partitionOf(key, 0, key.length, count)
  }

  #add(
    topic: string,
    partition: number,
    timestamp: number,
    key: Uint8Array | null,
    value: Uint8Array | null,
    headers: Uint8Array | null,
  ): Promise<SentRecord> {
    const id = `${partition} ${topic}`
    let pending = this.#pending.get(id)
    if (pending === undefined) {
      pending = { topic, partition, writer: new BatchWriter({ initialBytes: 4096 }), settle: [] }
      this.#pending.set(id, pending)
    }
    const { writer, settle } = pending
    writer.append(
      timestamp,
      key,
      0,
      key?.length ?? 0,
      value,
      0,
      value?.length ?? 0,
      headers,
      0,
      headers?.length ?? 0,
    )
    return new Promise((resolve, reject) => {
      settle.push({ resolve, reject })
      this.#flushing ??= this.#flushAll()
    })
  }

  async #flushAll(): Promise<void> {
    // Everything that is sent in this turn of the event loop goes into one append.
    await new Promise(resolve => setImmediate(resolve))
    while (this.#pending.size > 0) {
      const batch = [...this.#pending.values()]
      this.#pending = new Map()
      this.#rotation++
      await this.#append(batch)
    }
    this.#flushing = undefined
  }

  async #append(pending: readonly Pending[]): Promise<void> {
    const batches: OutgoingBatch[] = pending.map(({ topic, partition, writer }) => ({
      topic,
      partition,
      bytes: writer.finish(),
    }))
    try {
      const offsets = await this.#log.append(batches)
      pending.forEach(({ partition, settle }, i) => {
        for (const [j, { resolve }] of settle.entries()) resolve({ partition, offset: offsets[i]! + j })
      })
    } catch (error) {
      for (const { settle } of pending) for (const { reject } of settle) reject(error)
    }
  }
}

function hasPreparation({ value, keySerde }: Topic): boolean {
  return value.preparation !== undefined || keySerde.preparation !== undefined
}

/** The value that a reader of the topic gets: a topic's event time is taken from that one, its key from the one given. */
function asRead({ value: serde }: Topic, value: unknown, bytes: Uint8Array): unknown {
  const { json } = serde
  const isSame = json !== undefined && (json.transformation === 'none' || json.encodes)
  return isSame ? value : serde.deserialize(bytes, 0, bytes.length)
}
