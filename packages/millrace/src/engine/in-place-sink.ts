import type { BatchWriter } from '../record/writer.ts'
import type { ByteSink } from '../serde/sink.ts'

/** Takes the value of the record that was begun last, and puts it where it belongs in the batch. */
export class InPlaceSink implements ByteSink {
  writer!: BatchWriter
  start = 0
  position = 0

  /** Begins a record; its value is what lies between `start` and `position`. */
  begin(
    writer: BatchWriter,
    timestamp: number,
    keyBytes: Uint8Array,
    keyStart: number,
    keyEnd: number,
  ): void {
    this.writer = writer
    this.start = writer.beginRecord(timestamp, keyStart < 0 ? null : keyBytes, keyStart, keyEnd, 0)
    this.position = this.start
  }

  get buffer(): Buffer {
    return this.writer.buffer
  }

  ensure(bytes: number): void {
    this.writer.ensure(this.position, bytes)
  }
}
