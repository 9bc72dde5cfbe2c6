import { checkBatch, isPadded, padded } from './batch.ts'
import { builtInCodecs, type Codec, codecById } from './compression.ts'
import { CorruptBatchError, UnsupportedCodecError } from './errors.ts'
import { checkHeaders } from './headers.ts'
import { AT, ATTRIBUTE, PADDING_BYTES, readInt32, readInt64 } from './layout.ts'
import { VarintReader } from './varint.ts'

export interface CursorOptions {
  readonly codecs?: readonly Codec[]
  /** A compressed batch that unpacks to more is refused. Default 128 MiB. */
  readonly maxDecompressedBytes?: number
}

/** The smallest record: seven one-byte fields. */
const RECORD_BYTES_MIN = 7
const NO_BYTES = Buffer.alloc(PADDING_BYTES)

/**
 * Walks the records of one batch after the other without allocating per record.
 *
 * `open` a batch, then read the fields after each `next()` that returned true. Ranges point into
 * `buffer`, which has at least 64 readable bytes behind the last record; they are valid until the next
 * `open`, the fields until the next `next()`. A start of -1 means null.
 */
export class RecordCursor {
  /** What the ranges point into: the batch itself, or its unpacked records. */
  buffer: Buffer = NO_BYTES
  baseOffset = 0
  lastOffset = -1
  recordCount = 0
  /** Largest record time, -1 when the records have none. */
  maxTimestamp = -1
  attributes = 0
  /** A transaction marker; its records are not for users. */
  isControl = false
  isTransactional = false
  producerId = -1
  producerEpoch = -1
  baseSequence = -1

  offset = -1
  /** Record time in ms since the epoch, -1 when it has none. */
  timestamp = -1
  keyStart = -1
  keyEnd = -1
  valueStart = -1
  valueEnd = -1
  /** The raw header section, its count included, ready to be handed to a writer. */
  headersStart = 0
  headersEnd = 0
  headerCount = 0

  readonly #codecs: readonly Codec[]
  readonly #maxDecompressedBytes: number
  readonly #slow = new VarintReader(NO_BYTES, 0, 0)
  #at = 0
  #end = 0
  #left = 0
  #baseTimestamp = 0
  #appendTime = false
  #offsetDelta = -1
  #lastOffsetDelta = -1

  constructor(options: CursorOptions = {}) {
    this.#codecs = options.codecs ?? builtInCodecs
    this.#maxDecompressedBytes = options.maxDecompressedBytes ?? 128 * 1024 * 1024
  }

  /**
   * Starts at the first record of `batch`, exactly one whole batch, after checking its length, magic, CRC
   * and counts. Throws `CorruptBatchError`, or `UnsupportedCodecError` for a codec that is not here.
   */
  open(batch: Uint8Array): void {
    this.#left = 0
    checkBatch(batch)
    const attributes = (batch[AT.attributes]! << 8) | batch[AT.attributes + 1]!
    this.attributes = attributes
    this.isControl = (attributes & ATTRIBUTE.control) !== 0
    this.isTransactional = (attributes & ATTRIBUTE.transactional) !== 0
    this.baseOffset = readInt64(batch, AT.baseOffset)
    this.recordCount = readInt32(batch, AT.recordCount)
    this.maxTimestamp = readInt64(batch, AT.maxTimestamp)
    this.producerId = readInt64(batch, AT.producerId)
    this.producerEpoch = readInt32(batch, AT.producerEpoch) >> 16
    this.baseSequence = readInt32(batch, AT.baseSequence)
    this.#baseTimestamp = readInt64(batch, AT.baseTimestamp)
    this.#appendTime = (attributes & ATTRIBUTE.logAppendTime) !== 0
    this.#offsetDelta = -1
    this.#lastOffsetDelta = readInt32(batch, AT.lastOffsetDelta)
    this.lastOffset = this.baseOffset + this.#lastOffsetDelta
    this.#openRecords(batch, attributes & ATTRIBUTE.codecMask)
    if (this.#end - this.#at < this.recordCount * RECORD_BYTES_MIN) {
      throw new CorruptBatchError(
        `${this.recordCount} records in ${this.#end - this.#at} bytes`,
        AT.recordCount,
      )
    }
    if (this.recordCount === 0 && this.#at !== this.#end)
      throw new CorruptBatchError('bytes, but no records', this.#at)
    this.#left = this.recordCount
  }

  #openRecords(batch: Uint8Array, codecId: number): void {
    const block = codecId === 0 || this.recordCount === 0 ? batch : this.#unpack(batch, codecId)
    const whole = isPadded(block) ? block : padded(block)
    this.buffer = Buffer.from(whole.buffer as ArrayBuffer, whole.byteOffset, whole.byteLength + PADDING_BYTES)
    this.#at = block === batch ? AT.records : 0
    this.#end = this.recordCount === 0 && codecId !== 0 ? this.#at : block.length
  }

  #unpack(batch: Uint8Array, codecId: number): Uint8Array {
    try {
      return codecById(codecId, this.#codecs).decompress(
        batch.subarray(AT.records),
        this.#maxDecompressedBytes,
      )
    } catch (cause) {
      if (cause instanceof UnsupportedCodecError) throw cause
      throw new CorruptBatchError(
        `its records do not unpack: ${(cause as Error).message}; at most ${this.#maxDecompressedBytes} bytes are taken`,
        AT.records,
        { cause },
      )
    }
  }

  /** Where the next record begins, for `rewind`. */
  get mark(): number {
    return this.#at
  }

  /** Records of the open batch that `next` has not given yet. */
  get left(): number {
    return this.#left
  }

  /** Goes back to a `mark` of the open batch at which `left` records were left; fields stay as they are until `next()`. */
  rewind(mark: number, left: number): void {
    this.#at = mark
    this.#left = left
    // Its order was checked on the way there.
    this.#offsetDelta = -1
  }

  /** Moves to the next record; false after the last. Throws `CorruptBatchError` when the record makes no sense. */
  next(): boolean {
    if (this.#left === 0) return false
    const b = this.buffer
    const limit = this.#end
    // Each field is one or two bytes in nearly every record: those are read in place, longer ones by the slow reader.
    // Reading past a field's end is harmless (64 bytes of padding); every length is checked before it is used.
    let p = this.#at
    let byte = b[p]!
    let z = byte & 0x7f
    if (byte < 0x80) p++
    else if (b[p + 1]! < 0x80) {
      z |= b[p + 1]! << 7
      p += 2
    } else {
      z = this.#slowZigzag(p)
      p = this.#slow.at
    }
    const length = (z >>> 1) ^ -(z & 1)
    const end = p + length
    if (length < RECORD_BYTES_MIN - 1 || end > limit) this.#fail(`a record of ${length} bytes`, this.#at)
    p++ // record attributes: unused

    byte = b[p]!
    let timeDelta: number
    if (byte < 0x80) {
      timeDelta = (byte >>> 1) ^ -(byte & 1)
      p++
    } else if (b[p + 1]! < 0x80) {
      z = (byte & 0x7f) | (b[p + 1]! << 7)
      timeDelta = (z >>> 1) ^ -(z & 1)
      p += 2
    } else if (b[p + 2]! < 0x80) {
      z = (byte & 0x7f) | ((b[p + 1]! & 0x7f) << 7) | (b[p + 2]! << 14)
      timeDelta = (z >>> 1) ^ -(z & 1)
      p += 3
    } else {
      timeDelta = this.#slowVarlong(p)
      p = this.#slow.at
    }

    byte = b[p]!
    z = byte & 0x7f
    if (byte < 0x80) p++
    else if (b[p + 1]! < 0x80) {
      z |= b[p + 1]! << 7
      p += 2
    } else {
      z = this.#slowZigzag(p)
      p = this.#slow.at
    }
    const offsetDelta = (z >>> 1) ^ -(z & 1)
    if (offsetDelta <= this.#offsetDelta || offsetDelta > this.#lastOffsetDelta) {
      this.#fail(`offset delta ${offsetDelta} after ${this.#offsetDelta}`, p)
    }

    byte = b[p]!
    z = byte & 0x7f
    if (byte < 0x80) p++
    else if (b[p + 1]! < 0x80) {
      z |= b[p + 1]! << 7
      p += 2
    } else {
      z = this.#slowZigzag(p)
      p = this.#slow.at
    }
    let size = (z >>> 1) ^ -(z & 1)
    if (size < 0) {
      if (size !== -1) this.#fail(`a key of ${size} bytes`, p)
      this.keyStart = -1
      this.keyEnd = -1
    } else {
      if (size > end - p) this.#fail(`a key of ${size} bytes`, p)
      this.keyStart = p
      p += size
      this.keyEnd = p
    }

    byte = b[p]!
    z = byte & 0x7f
    if (byte < 0x80) p++
    else if (b[p + 1]! < 0x80) {
      z |= b[p + 1]! << 7
      p += 2
    } else {
      z = this.#slowZigzag(p)
      p = this.#slow.at
    }
    size = (z >>> 1) ^ -(z & 1)
    if (size < 0) {
      if (size !== -1) this.#fail(`a value of ${size} bytes`, p)
      this.valueStart = -1
      this.valueEnd = -1
    } else {
      if (size > end - p) this.#fail(`a value of ${size} bytes`, p)
      this.valueStart = p
      p += size
      this.valueEnd = p
    }

    this.headersStart = p
    this.headersEnd = end
    // A count of zero is a single zero byte that ends the record.
    if (p + 1 === end && b[p] === 0) this.headerCount = 0
    else this.headerCount = checkHeaders(b, p, end)

    this.offset = this.baseOffset + offsetDelta
    this.timestamp = this.#appendTime ? this.maxTimestamp : this.#baseTimestamp + timeDelta
    this.#offsetDelta = offsetDelta
    this.#at = end
    if (--this.#left === 0 && end !== limit) this.#fail(`${limit - end} bytes behind the last record`, end)
    return true
  }

  #slowZigzag(at: number): number {
    const value = this.#slowRead(at, false)
    return (value << 1) ^ (value >> 31)
  }

  #slowVarlong(at: number): number {
    return this.#slowRead(at, true)
  }

  #slowRead(at: number, long: boolean): number {
    const slow = this.#slow
    slow.bytes = this.buffer
    slow.at = at
    slow.end = this.#end
    try {
      return long ? slow.varlong() : slow.varint()
    } catch (cause) {
      this.#left = 0
      throw new CorruptBatchError((cause as Error).message, at, { cause })
    }
  }

  #fail(what: string, at: number): never {
    const record = this.recordCount - this.#left + 1
    this.#left = 0
    throw new CorruptBatchError(`${what} in record ${record} of ${this.recordCount}`, at)
  }
}
