import { type BufferPool, POOLED_BYTES_MIN } from '../std/buffer-pool.ts'
import type { Codec } from './compression.ts'
import { RangeCopier } from './copy.ts'
import { RecordTooLargeError } from './errors.ts'
import { AT, PADDING_BYTES } from './layout.ts'
import { type FinishOptions, seal } from './seal.ts'
import { varintSize, varlongSize, writeVarint, writeVarlong } from './varint.ts'

export interface WriterOptions {
  /** Size of the first buffer. Default 64 KiB. */
  readonly initialBytes?: number
  /** The largest batch (before compression). Default: no limit. */
  readonly maxBytes?: number
  readonly compression?: Codec
  /** Where buffers come from; whoever is done with a finished batch may give it back there. Default: new memory. */
  readonly pool?: BufferPool | undefined
}

/** Length, attributes, time, offset and two length varints of a record at their widest. */
const RECORD_OVERHEAD_MAX = 5 + 1 + 8 + 5 + 5 + 5 + 5

/**
 * Builds record batches in a buffer of its own, which `finish` gives away.
 *
 * A record is either appended from ranges of existing bytes (`append`), or its value is written straight
 * into `buffer` between `beginRecord` and `endRecord`.
 */
export class BatchWriter {
  /** Where `beginRecord` leaves room for the value; replaced whenever it has to grow. */
  buffer: Buffer
  /** Records in the batch. */
  count = 0

  /** Size of the next buffer: that of the last batch and a little more, so that a steady writer never grows one. */
  #nextBytes: number
  readonly #maxBytes: number
  readonly #keys = new RangeCopier()
  readonly #values = new RangeCopier()
  readonly #codec: Codec | undefined
  readonly #pool: BufferPool | undefined
  /** A view of all of `buffer`. */
  #view: DataView
  /** Next free byte; 0 while there is no buffer. */
  #at = 0
  #offsetDelta = 0
  #baseTimestamp = -1
  /** `startAt` set the base timestamp of the batch that has no record yet. */
  #hasBase = false
  #maxTimestamp = -1
  #pending: {
    start: number
    timestamp: number
    key: number
    value: number
    lengthBytes: number
    valueLengthBytes: number
  }

  constructor(options: WriterOptions = {}) {
    this.#nextBytes = Math.max(options.initialBytes ?? 65_536, 256)
    this.#maxBytes = options.maxBytes ?? Number.POSITIVE_INFINITY
    this.#codec = options.compression
    this.#pool = options.pool
    this.buffer = NO_BUFFER
    this.#view = viewOf(NO_BUFFER)
    this.#pending = { start: -1, timestamp: 0, key: 0, value: 0, lengthBytes: 1, valueLengthBytes: 1 }
  }

  /** Size of the batch as it stands (before compression). */
  get byteLength(): number {
    return this.#at === 0 ? AT.records : this.#at
  }

  /** Offset delta that the next record gets. */
  get nextOffsetDelta(): number {
    return this.#offsetDelta
  }

  /**
   * Times of the next batch are stored as differences to `timestamp`, instead of to its first record's: worth it
   * where that one is far from the others. Only before the first record.
   */
  startAt(timestamp: number): void {
    if (this.count > 0) return
    this.#baseTimestamp = timestamp
    this.#hasBase = true
  }

  /** Leaves a gap of `count` offsets, as compaction does. */
  skipOffsets(count: number): void {
    this.#offsetDelta += count
  }

  /**
   * Adds a record; a null `keyBytes` or `valueBytes` is a null key or value, null `headers` are none
   * (otherwise the raw header section with its count). Returns false, having added nothing, when the batch
   * has records and would pass `maxBytes`: finish it and append again. Throws `RecordTooLargeError` when
   * the record does not even fit alone.
   */
  append(
    timestamp: number,
    keyBytes: Uint8Array | null,
    keyStart: number,
    keyEnd: number,
    valueBytes: Uint8Array | null,
    valueStart: number,
    valueEnd: number,
    headers: Uint8Array | null = null,
    headersStart = 0,
    headersEnd = 0,
  ): boolean {
    const keyLength = keyBytes === null ? -1 : keyEnd - keyStart
    const valueLength = valueBytes === null ? -1 : valueEnd - valueStart
    const timeDelta = this.count === 0 && !this.#hasBase ? 0 : timestamp - this.#baseTimestamp
    const bodyLength =
      1 +
      varlongSize(timeDelta) +
      varintSize(this.#offsetDelta) +
      varintSize(keyLength) +
      (keyLength > 0 ? keyLength : 0) +
      varintSize(valueLength) +
      (valueLength > 0 ? valueLength : 0) +
      (headers === null ? 1 : headersEnd - headersStart)
    const recordLength = varintSize(bodyLength) + bodyLength
    if (this.byteLength + recordLength > this.#maxBytes && !this.#fits(recordLength)) return false
    this.#reserve(recordLength)
    const b = this.buffer
    let at = writeVarint(b, this.#at, bodyLength)
    b[at++] = 0
    at = writeVarlong(b, at, timeDelta)
    at = writeVarint(b, at, this.#offsetDelta)
    at = writeVarint(b, at, keyLength)
    if (keyLength > 0) {
      this.#keys.copy(keyBytes!, keyStart, keyEnd, b, this.#view, at)
      at += keyLength
    }
    at = writeVarint(b, at, valueLength)
    if (valueLength > 0) {
      this.#values.copy(valueBytes!, valueStart, valueEnd, b, this.#view, at)
      at += valueLength
    }
    if (headers === null) b[at++] = 0
    else {
      this.#values.copy(headers, headersStart, headersEnd, b, this.#view, at)
      at += headersEnd - headersStart
    }
    this.#added(timestamp, at)
    return true
  }

  /**
   * Begins a record whose value the caller writes into `buffer` from the returned position on; at least
   * `valueBytesMax` bytes may be written there. `endRecord` adds the record, another `beginRecord` drops it.
   */
  beginRecord(
    timestamp: number,
    keyBytes: Uint8Array | null,
    keyStart: number,
    keyEnd: number,
    valueBytesMax: number,
  ): number {
    const keyLength = keyBytes === null ? -1 : keyEnd - keyStart
    const keySpace = keyLength > 0 ? keyLength : 0
    this.#reserve(RECORD_OVERHEAD_MAX + keySpace + valueBytesMax)
    const pending = this.#pending
    const b = this.buffer
    // The length varints come before the value, so their width is guessed to be the previous record's:
    // right for nearly every record, and a wrong guess costs one move of the value.
    let at = this.#at + pending.lengthBytes
    pending.start = this.#at
    pending.timestamp = timestamp
    b[at++] = 0
    at = writeVarlong(b, at, this.count === 0 && !this.#hasBase ? 0 : timestamp - this.#baseTimestamp)
    at = writeVarint(b, at, this.#offsetDelta)
    at = writeVarint(b, at, keyLength)
    if (keySpace > 0) this.#keys.copy(keyBytes!, keyStart, keyEnd, b, this.#view, at)
    pending.key = at + keySpace
    pending.value = pending.key + pending.valueLengthBytes
    return pending.value
  }

  /**
   * Makes room for `bytes` more behind position `at` of the value being written; `buffer` may be another
   * one afterwards, with the same bytes at the same positions.
   */
  ensure(at: number, bytes: number): void {
    if (at + bytes + RECORD_OVERHEAD_MAX + PADDING_BYTES > this.buffer.length)
      this.#grow(at, bytes + RECORD_OVERHEAD_MAX)
  }

  /**
   * Makes room for records of `timestamp` that the caller writes whole, from `position` on up to `roomEnd` at most; `addRecords` adds them.
   * False where the batch cannot take `bytes` more, or has the times of its records at other distances than 0.
   */
  makeRoom(timestamp: number, bytes: number): boolean {
    if (this.byteLength + bytes > this.#maxBytes) return false
    if (this.count === 0 && !this.#hasBase) this.startAt(timestamp)
    if (this.#baseTimestamp !== timestamp) return false
    this.#reserve(bytes)
    return true
  }

  /** Where the next record begins, once there is room for one. */
  get position(): number {
    return this.#at
  }

  /** Up to where records may be written. */
  get roomEnd(): number {
    return Math.min(this.buffer.length - PADDING_BYTES, this.#maxBytes)
  }

  /** A view of all of `buffer`. */
  get view(): DataView {
    return this.#view
  }

  /** Adds `count` records that end before `end`, written whole with the offset deltas from `nextOffsetDelta` on and time deltas of 0. */
  addRecords(timestamp: number, count: number, end: number): void {
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    this.count += count
    this.#offsetDelta += count
    this.#at = end
  }

  /** Adds the record begun last, its value ending before `valueEnd`; returns and throws as `append` does. */
  endRecord(valueEnd: number, headers: Uint8Array | null = null, headersStart = 0, headersEnd = 0): boolean {
    const pending = this.#pending
    const valueLength = valueEnd - pending.value
    const valueLengthBytes = varintSize(valueLength)
    const headersLength = headers === null ? 1 : headersEnd - headersStart
    const bodyStart = pending.start + pending.lengthBytes
    const bodyLength = pending.key - bodyStart + valueLengthBytes + valueLength + headersLength
    const lengthBytes = varintSize(bodyLength)
    const recordLength = lengthBytes + bodyLength
    const { start } = pending
    pending.start = -1
    if (this.byteLength + recordLength > this.#maxBytes && !this.#fits(recordLength)) return false
    this.ensure(valueEnd, headersLength)
    const b = this.buffer
    const lengthShift = lengthBytes - pending.lengthBytes
    const valueShift = lengthShift + valueLengthBytes - pending.valueLengthBytes
    // What moves forward goes last part first, what moves back first part first: neither runs over the other.
    if (lengthShift < 0) b.copyWithin(bodyStart + lengthShift, bodyStart, pending.key)
    if (valueShift !== 0) b.copyWithin(pending.value + valueShift, pending.value, valueEnd)
    if (lengthShift > 0) b.copyWithin(bodyStart + lengthShift, bodyStart, pending.key)
    writeVarint(b, start, bodyLength)
    writeVarint(b, pending.key + lengthShift, valueLength)
    pending.lengthBytes = lengthBytes
    pending.valueLengthBytes = valueLengthBytes
    let at = valueEnd + valueShift
    if (headers === null) b[at++] = 0
    else {
      this.#values.copy(headers, headersStart, headersEnd, b, this.#view, at)
      at += headersLength
    }
    this.#added(pending.timestamp, at)
    return true
  }

  /**
   * Seals the batch and gives it away: it lies in memory of its own with at least 64 readable bytes behind
   * its end, and the writer is empty again. A batch without records is legal only with a gap of offsets.
   */
  finish(options: FinishOptions = {}): Uint8Array {
    if (this.#offsetDelta === 0)
      throw new RangeError('A batch without records and offsets cannot be finished')
    this.#reserve(0)
    const end = this.#at
    const batch =
      this.#codec === undefined || this.count === 0 ? this.#give(end) : this.#compressed(end, this.#codec)
    const codecId = this.#codec === undefined || this.count === 0 ? 0 : this.#codec.id
    seal(batch, codecId, this.count, this.#offsetDelta, this.#baseTimestamp, this.#maxTimestamp, options)
    this.#keys.clear()
    this.#values.clear()
    this.count = 0
    this.#offsetDelta = 0
    this.#baseTimestamp = -1
    this.#hasBase = false
    this.#maxTimestamp = -1
    return batch
  }

  /** Drops every record, so that the next batch starts afresh. */
  clear(): void {
    if (this.#at !== 0) this.#at = AT.records
    this.count = 0
    this.#offsetDelta = 0
    this.#baseTimestamp = -1
    this.#hasBase = false
    this.#maxTimestamp = -1
  }

  /** Hands the buffer over, or a copy of its used part when most of it is empty. */
  #give(end: number): Uint8Array {
    const b = this.buffer
    const pool = this.#pool
    const isMostlyEmpty = (end + PADDING_BYTES) * 2 < b.length
    const given = isMostlyEmpty ? this.#take(end + PADDING_BYTES) : b
    if (isMostlyEmpty) b.copy(given, 0, 0, end)
    given.fill(0, end, end + PADDING_BYTES)
    if (isMostlyEmpty && pool === undefined) this.#at = AT.records
    else {
      if (isMostlyEmpty) pool?.give(b)
      this.#nextBytes = Math.max(256, Math.min(end + (end >> 2), this.#maxBytes + PADDING_BYTES))
      this.#useBuffer(NO_BUFFER)
      this.#at = 0
    }
    return given.subarray(0, end)
  }

  #compressed(end: number, codec: Codec): Uint8Array {
    const block = codec.compress(this.buffer.subarray(AT.records, end))
    const batch = Buffer.alloc(AT.records + block.length + PADDING_BYTES)
    batch.set(block, AT.records)
    this.#at = AT.records
    return batch.subarray(0, AT.records + block.length)
  }

  #added(timestamp: number, end: number): void {
    if (this.count === 0 && !this.#hasBase) this.#baseTimestamp = timestamp
    if (timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    this.count++
    this.#offsetDelta++
    this.#at = end
  }

  /** Only called when the batch would pass its limit: false asks for another batch, an exception says none can hold it. */
  #fits(recordLength: number): boolean {
    // In a batch of its own the offset delta may be a few bytes shorter; the difference never matters near a limit.
    if (this.count === 0) throw new RecordTooLargeError(AT.records + recordLength, this.#maxBytes)
    return false
  }

  #reserve(bytes: number): void {
    if (this.#at === 0) {
      this.#useBuffer(this.#take(Math.max(this.#nextBytes, AT.records + bytes + PADDING_BYTES)))
      this.#at = AT.records
    } else if (this.#at + bytes + PADDING_BYTES > this.buffer.length) this.#grow(this.#at, bytes)
  }

  /** Moves to a larger buffer, keeping the bytes before `used`. */
  #grow(used: number, bytes: number): void {
    const before = this.buffer
    const larger = this.#take(Math.max(before.length * 2, used + bytes + PADDING_BYTES))
    before.copy(larger, 0, 0, used)
    this.#useBuffer(larger)
    this.#pool?.give(before)
  }

  #take(bytes: number): Buffer {
    const pool = bytes < POOLED_BYTES_MIN ? undefined : this.#pool
    return pool?.take(bytes) ?? Buffer.allocUnsafeSlow(bytes)
  }

  #useBuffer(buffer: Buffer): void {
    this.buffer = buffer
    this.#view = viewOf(buffer)
  }
}

const NO_BUFFER = Buffer.alloc(0)

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
