import { endOfInputHeader } from '../../engine/intake.ts'
import type { Log } from '../../log/log.ts'
import { encodeHeaders } from '../../record/headers.ts'
import { BatchWriter } from '../../record/writer.ts'
import { partitionOf } from '../../std/murmur2.ts'
import type { EncodedRecord } from './encode.ts'

/** A batch is appended when it has grown to this. */
const BATCH_BYTES = 1024 * 1024

/** Appends records to one topic, many in a batch; what `flush` resolved for is durable. */
export class Appender {
  readonly #log: Log
  readonly #topic: string
  readonly #writers: readonly BatchWriter[]
  /** Where records without a key go until the next append. */
  #turn = 0
  #bytes = 0
  #pending = 0
  /** Records that are durable. */
  written = 0

  constructor(log: Log, topic: string, partitions: number) {
    this.#log = log
    this.#topic = topic
    this.#writers = Array.from({ length: partitions }, () => new BatchWriter({ initialBytes: 16_384 }))
  }

  /** Takes a record; false asks for a `flush`. */
  add({ key, value, timestamp }: EncodedRecord): boolean {
    const { length } = this.#writers
    const partition = key === null ? this.#turn % length : partitionOf(key, 0, key.length, length)
    this.#writers[partition]!.append(timestamp, key, 0, key?.length ?? 0, value, 0, value.length)
    this.#pending++
    this.#bytes += value.length + (key?.length ?? 0)
    return this.#bytes < BATCH_BYTES
  }

  async flush(): Promise<void> {
    await this.#append(this.#pending)
  }

  /** Appends to every partition the record that says nothing more will come (SEMANTICS 3.5). */
  async end(nowMs: number): Promise<void> {
    const headers = encodeHeaders([{ key: endOfInputHeader, value: null }])
    for (const writer of this.#writers)
      writer.append(nowMs, null, 0, 0, null, 0, 0, headers, 0, headers.length)
    await this.#append(this.#pending)
  }

  async #append(records: number): Promise<void> {
    const batches = this.#writers.flatMap((writer, partition) =>
      writer.count === 0 ? [] : [{ topic: this.#topic, partition, bytes: writer.finish() }],
    )
    if (batches.length > 0) await this.#log.append(batches)
    this.written += records
    this.#pending = 0
    this.#bytes = 0
    this.#turn++
  }
}
