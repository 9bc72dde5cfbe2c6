import type { OutgoingBatch } from '../log/log.ts'
import { BatchWriter } from '../record/writer.ts'
import type { ByteSink } from '../serde/sink.ts'
import type { BufferPool } from '../std/buffer-pool.ts'
import { partitionOf } from '../std/murmur2.ts'
import { InPlaceSink } from './in-place-sink.ts'

/** A batch is sealed when it has grown past this, so that it is about a thousand records of 150–200 bytes. */
const sealedBytesMin = 192 * 1024
/** Header of a batch, and the marker of a re-keying, which the limit of a topic leaves room for. */
const frameBytes = 512

/** A record that no batch of its topic can hold (SEMANTICS 7.2). */
class RecordTooLarge extends Error {
  override readonly name = 'RecordTooLarge'
}

export interface LaneOptions {
  readonly topic: string
  readonly partitions: number
  /** Where records without a key go: always the same partition, so that the order of the input is kept. */
  readonly partitionWithoutKey: number
  /** The topic's limit for a record; batches stay below it with what is around one. */
  readonly recordBytesMax: number
  /** Takes sealed batches, in the order in which they were sealed. */
  readonly sealed: OutgoingBatch[]
  /** Where batches lie until they are in the log. */
  readonly memory: BufferPool
}

/** The batches that one task is writing to one topic. Records of one partition keep the order of the calls. */
export class Lane {
  readonly topic: string
  readonly partitions: number
  readonly #withoutKey: number
  readonly #recordBytesMax: number
  readonly #sealedBytesMin: number
  readonly #sealed: OutgoingBatch[]
  readonly #memory: BufferPool
  readonly #writers: BatchWriter[]
  readonly #inPlace = new InPlaceSink()

  constructor(options: LaneOptions) {
    this.topic = options.topic
    this.partitions = options.partitions
    this.#withoutKey = options.partitionWithoutKey % options.partitions
    this.#recordBytesMax = options.recordBytesMax
    this.#sealedBytesMin = Math.min(sealedBytesMin, options.recordBytesMax / 2)
    this.#sealed = options.sealed
    this.#memory = options.memory
    this.#writers = Array.from(
      { length: options.partitions },
      () => new BatchWriter({ initialBytes: sealedBytesMin + 16_384, pool: options.memory }),
    )
  }

  /** The partition of a key; `keyStart` -1 is no key. */
  partitionOf(keyBytes: Uint8Array, keyStart: number, keyEnd: number): number {
    if (keyStart < 0) return this.#withoutKey
    return this.partitions === 1 ? 0 : partitionOf(keyBytes, keyStart, keyEnd, this.partitions)
  }

  /**
   * Appends a record; a start of -1 is null, null headers are none. Throws `RecordTooLarge`, having added
   * nothing.
   */
  append(
    partition: number,
    timestamp: number,
    keyBytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
    valueBytes: Uint8Array,
    valueStart: number,
    valueEnd: number,
    headers: Uint8Array | null,
    headersStart: number,
    headersEnd: number,
  ): void {
    this.makeRoom(partition, keyEnd - keyStart + valueEnd - valueStart + headersEnd - headersStart)
    const writer = this.#writers[partition]!
    writer.append(
      timestamp,
      keyStart < 0 ? null : keyBytes,
      keyStart,
      keyEnd,
      valueStart < 0 ? null : valueBytes,
      valueStart,
      valueEnd,
      headers,
      headersStart,
      headersEnd,
    )
    if (writer.byteLength >= this.#sealedBytesMin) this.seal(partition)
  }

  /**
   * Begins a record whose value is written into the batch itself, at the end of the sink that it gives; `endInPlace` adds it, and without that it is
   * as if it had not been.
   */
  beginInPlace(
    partition: number,
    timestamp: number,
    keyBytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
  ): ByteSink {
    this.#inPlace.begin(this.#writers[partition]!, timestamp, keyBytes, keyStart, keyEnd)
    return this.#inPlace
  }

  /** False, having added nothing, where the record does not fit into the batch: it may fit into another one. */
  endInPlace(
    partition: number,
    keyBytes: number,
    headers: Uint8Array | null,
    headersStart: number,
    headersEnd: number,
  ): boolean {
    const writer = this.#writers[partition]!
    const { position, start } = this.#inPlace
    const bytes = keyBytes + position - start + headersEnd - headersStart
    if (bytes > this.#recordBytesMax || writer.byteLength + bytes > this.#recordBytesMax) return false
    if (!writer.endRecord(position, headers, headersStart, headersEnd)) return false
    this.written(partition)
    return true
  }

  /** Seals the batch that a record of so many bytes would make too large. Throws `RecordTooLarge` for one that no batch can hold. */
  makeRoom(partition: number, bytes: number): void {
    if (bytes > this.#recordBytesMax) this.#tooLarge(bytes)
    const { byteLength } = this.#writers[partition]!
    if (byteLength + bytes > this.#recordBytesMax + frameBytes) this.seal(partition)
  }

  /** The writer of a partition, for values that are written in place; call `written` after each record. */
  writer(partition: number): BatchWriter {
    return this.#writers[partition]!
  }

  written(partition: number): void {
    if (this.#writers[partition]!.byteLength >= this.#sealedBytesMin) this.seal(partition)
  }

  /** The time from which those of the partition's next batch are counted; only while it is empty. */
  startAt(partition: number, timestamp: number): void {
    this.#writers[partition]!.startAt(timestamp)
  }

  get hasRecords(): boolean {
    return this.#writers.some(writer => writer.count > 0)
  }

  isEmpty(partition: number): boolean {
    return this.#writers[partition]!.count === 0
  }

  seal(partition: number): void {
    const writer = this.#writers[partition]!
    if (writer.count === 0) return
    const bytes = writer.finish()
    this.#sealed.push({
      topic: this.topic,
      partition,
      bytes,
      release: () => this.#memory.giveWhole(bytes),
    })
  }

  sealAll(): void {
    for (let partition = 0; partition < this.partitions; partition++) this.seal(partition)
  }

  #tooLarge(bytes: number): never {
    throw new RecordTooLarge(
      `A record of ${bytes} bytes does not fit topic ${this.topic}, whose limit is ${this.#recordBytesMax} bytes`,
    )
  }
}
