/** How stores write their changes and read them back, whatever log or file lies behind. */
import { RecordTooLargeError } from '../record/errors.ts'
import { BatchWriter } from '../record/writer.ts'
import type { BufferPool } from '../std/buffer-pool.ts'

/** Takes the changelog records of one store. */
export interface ChangeSink {
  /** Ranges are copied; a null value is a tombstone. */
  append(
    timestamp: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array | null,
    valueStart: number,
    valueEnd: number,
  ): void
  /**
   * A batch with room for `bytes` of whole records of that time (`BatchWriter.makeRoom`); undefined where no batch has. A sink without this
   * takes all records by `append`.
   */
  room?(timestamp: number, bytes: number): BatchWriter | undefined
}

/** A record read back: a `RecordCursor` that stands on it is one. */
export interface ChangeRecord {
  readonly buffer: Buffer
  readonly keyStart: number
  readonly keyEnd: number
  /** -1 for a tombstone. */
  readonly valueStart: number
  readonly valueEnd: number
  readonly offset: number
}

/** What a store keeps for one key does not fit a record of its changelog. */
export class RowTooLargeError extends RecordTooLargeError {
  /** The key of the changelog record. */
  readonly key: Buffer
  constructor(cause: RecordTooLargeError, key: Uint8Array) {
    super(cause.bytes, cause.maxBytes)
    this.key = Buffer.from(key)
  }
}

const batchBytesMax = 1_000_000

/** Collects the changelog records of one store into batches, commit after commit: of at most 1 MB, or of a single record that is larger. */
export class ChangelogBatches implements ChangeSink {
  readonly #recordBytesMax: number
  readonly #pool: BufferPool | undefined
  readonly #writer: BatchWriter
  readonly #batches: Uint8Array[] = []

  /** `recordBytesMax`: of the topic. Batches lie in memory of the pool. */
  constructor(recordBytesMax = batchBytesMax, pool?: BufferPool) {
    this.#recordBytesMax = recordBytesMax
    this.#pool = pool
    this.#writer = new BatchWriter({ maxBytes: Math.min(batchBytesMax, recordBytesMax), pool })
  }

  append(
    timestamp: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    value: Uint8Array | null,
    valueStart: number,
    valueEnd: number,
  ): void {
    try {
      if (this.#writer.append(timestamp, key, keyStart, keyEnd, value, valueStart, valueEnd)) return
      this.#batches.push(this.#writer.finish())
      this.#writer.append(timestamp, key, keyStart, keyEnd, value, valueStart, valueEnd)
    } catch (error) {
      if (!(error instanceof RecordTooLargeError)) throw error
      this.#appendAlone(
        timestamp,
        key.subarray(keyStart, keyEnd),
        value?.subarray(valueStart, valueEnd) ?? null,
      )
    }
  }

  room(timestamp: number, bytes: number): BatchWriter | undefined {
    const writer = this.#writer
    if (writer.makeRoom(timestamp, bytes)) return writer
    if (writer.count > 0) this.#batches.push(writer.finish())
    return writer.makeRoom(timestamp, bytes) ? writer : undefined
  }

  /** The writer is empty then: a record is too large only for a batch of its own. */
  #appendAlone(timestamp: number, key: Uint8Array, value: Uint8Array | null): void {
    const writer = new BatchWriter({ maxBytes: this.#recordBytesMax, pool: this.#pool })
    try {
      writer.append(timestamp, key, 0, key.length, value, 0, value?.length ?? 0)
    } catch (error) {
      throw error instanceof RecordTooLargeError ? new RowTooLargeError(error, key) : error
    }
    this.#batches.push(writer.finish())
  }

  /** Gives the batches away, in order, and begins anew. `append` throws `RowTooLargeError` for a row too large for any. */
  finish(): Uint8Array[] {
    if (this.#writer.count > 0) this.#batches.push(this.#writer.finish())
    return this.#batches.splice(0)
  }
}
