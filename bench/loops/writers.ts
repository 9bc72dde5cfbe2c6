import { InPlaceSink } from '../../packages/millrace/src/engine/in-place-sink.ts'
import type { OutgoingBatch } from '../../packages/millrace/src/log/log.ts'
import { BatchWriter } from '../../packages/millrace/src/record/writer.ts'
import type { ByteSink } from '../../packages/millrace/src/serde/sink.ts'
import { partitionOf } from '../../packages/millrace/src/std/murmur2.ts'
import { partitions } from '../data/input.ts'

const batchBytes = 192 * 1024

/** The batches a loop is writing to one topic. */
export class Writers {
  readonly #topic: string
  readonly #sealed: OutgoingBatch[]
  readonly #inPlace = new InPlaceSink()
  #partition = 0
  readonly #writers = Array.from(
    { length: partitions },
    () => new BatchWriter({ initialBytes: batchBytes + 16_384 }),
  )

  constructor(topic: string, sealed: OutgoingBatch[]) {
    this.#topic = topic
    this.#sealed = sealed
  }

  /** Appends to the partition of the key. */
  keyed(time: number, kb: Uint8Array, ks: number, ke: number, vb: Uint8Array, vs: number, ve: number): void {
    this.append(partitionOf(kb, ks, ke, partitions), time, kb, ks, ke, vb, vs, ve)
  }

  /** Begins a record in the partition of the key; its value is appended to the sink, and `end` adds the record. */
  begin(time: number, kb: Uint8Array, ks: number, ke: number): ByteSink {
    this.#partition = partitionOf(kb, ks, ke, partitions)
    this.#inPlace.begin(this.#writers[this.#partition]!, time, kb, ks, ke)
    return this.#inPlace
  }

  end(): void {
    const writer = this.#writers[this.#partition]!
    writer.endRecord(this.#inPlace.position)
    if (writer.byteLength >= batchBytes) this.#seal(this.#partition)
  }

  append(
    partition: number,
    time: number,
    kb: Uint8Array,
    ks: number,
    ke: number,
    vb: Uint8Array,
    vs: number,
    ve: number,
  ): void {
    const writer = this.#writers[partition]!
    writer.append(time, kb, ks, ke, vb, vs, ve)
    if (writer.byteLength >= batchBytes) this.#seal(partition)
  }

  seal(): void {
    this.#writers.forEach((writer, partition) => {
      if (writer.count > 0) this.#seal(partition)
    })
  }

  #seal(partition: number): void {
    this.#sealed.push({ topic: this.#topic, partition, bytes: this.#writers[partition]!.finish() })
  }
}
