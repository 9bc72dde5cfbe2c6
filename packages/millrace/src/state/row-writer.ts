import { varintSize, writeVarint } from '../record/varint.ts'
import type { ChangeSink } from './changelog.ts'
import { isEscaped } from './changelog-key.ts'
import { type KeyTable, OVERHEAD_UNITS } from './key-table.ts'
import type { RowCodec } from './row-codec.ts'

/** Of a record: length, attributes, time, offset, lengths of key and value, and number of headers, at their widest. */
const FRAME_BYTES_MAX = 5 + 1 + 1 + 5 + 5 + 5 + 1
/** A key is copied in words and may be written over by so much until its value follows. */
const WORD_BYTES = 4
/** So much room is asked for at a time, as a rule. */
const ROOM_BYTES = 16_384
const NO_PREFIX = Buffer.alloc(0)

/**
 * Writes the changed rows of tables as changelog records. Live rows of numbers alone go straight from the table into the batch; all
 * others are put together beside it first.
 */
export class RowWriter {
  readonly #codec: RowCodec
  #key = Buffer.alloc(256)

  constructor(codec: RowCodec) {
    this.#codec = codec
  }

  /**
   * Writes every dirty row of the table, which is left as it is. `prefix` stands before each key; without one, keys that might be taken
   * for reserved ones are escaped.
   */
  write(
    sink: ChangeSink,
    table: KeyTable,
    keyKind: number,
    timestamp: number,
    prefix: Uint8Array = NO_PREFIX,
  ): void {
    const count = table.dirtyCount
    const isNumeric = this.#codec.isNumeric && sink.room !== undefined
    for (let n = 0; n < count; ) {
      if (isNumeric)
        n = this.#writeNumeric(sink as Required<ChangeSink>, table, n, keyKind, timestamp, prefix)
      if (n < count) this.#writeApart(sink, table, table.dirtyRow(n++), keyKind, timestamp, prefix)
    }
  }

  /** Writes the dirty rows from the `n`-th on, and gives the number of the first one that is not to be written so. */
  #writeNumeric(
    sink: Required<ChangeSink>,
    table: KeyTable,
    n: number,
    keyKind: number,
    timestamp: number,
    prefix: Uint8Array,
  ): number {
    const { f64, i32, keyBytes, columns, dirtyCount } = table
    const { doubles, version } = this.#codec
    const prefixBytes = prefix.length
    const valueBytes = this.#codec.numericBytes
    const aroundKey = 1 + 1 + prefixBytes + varintSize(valueBytes) + valueBytes + 1
    const rowBytesMax = FRAME_BYTES_MAX + WORD_BYTES + prefixBytes + valueBytes
    while (n < dirtyCount) {
      const first = rowBytesMax + i32[2 * (table.dirtyRow(n) + columns)]!
      const batch = sink.room(timestamp, Math.max(first, ROOM_BYTES)) ?? sink.room(timestamp, first)
      if (batch === undefined) return n
      const { buffer: b, view, roomEnd, nextOffsetDelta } = batch
      const from = n
      let at = batch.position
      let isApart = false
      for (; n < dirtyCount; n++) {
        const row = table.dirtyRow(n)
        let word = 2 * (row + columns)
        const keyLength = i32[word]!
        isApart =
          keyLength < 0 || (prefixBytes === 0 && keyBytes[8 * (row + columns + OVERHEAD_UNITS)] === 0xff)
        if (isApart || at + rowBytesMax + keyLength > roomEnd) break
        const offsetDelta = nextOffsetDelta + n - from
        const recordKeyBytes = prefixBytes + keyLength
        const bodyBytes = aroundKey + varintSize(offsetDelta) + varintSize(recordKeyBytes) + keyLength
        at = writeVarint(b, at, bodyBytes)
        b[at++] = 0
        b[at++] = 0
        at = writeVarint(b, at, offsetDelta)
        at = writeVarint(b, at, recordKeyBytes)
        for (let i = 0; i < prefixBytes; i++) b[at++] = prefix[i]!
        word += 2 * OVERHEAD_UNITS
        for (let i = 0; i < keyLength; i += WORD_BYTES) view.setInt32(at + i, i32[word++]!, true)
        at = writeVarint(b, at + keyLength, valueBytes)
        b[at++] = version
        b[at++] = keyKind
        for (let i = 0; i < doubles; i++, at += 8) view.setFloat64(at, f64[row + i]!, true)
        b[at++] = 0
      }
      if (n > from) batch.addRecords(timestamp, n - from, at)
      if (isApart) return n
    }
    return n
  }

  #writeApart(
    sink: ChangeSink,
    table: KeyTable,
    row: number,
    keyKind: number,
    timestamp: number,
    prefix: Uint8Array,
  ): void {
    const keyEnd = this.#setKey(table, row, prefix)
    if (table.isLive(row)) {
      const valueEnd = this.#codec.encode(table, row, keyKind)
      sink.append(timestamp, this.#key, 0, keyEnd, this.#codec.bytes, 0, valueEnd)
    } else sink.append(timestamp, this.#key, 0, keyEnd, null, 0, 0)
  }

  #setKey(table: KeyTable, row: number, prefix: Uint8Array): number {
    const { keyBytes } = table
    const start = table.keyStart(row)
    const end = table.keyEnd(row)
    const isMarked = prefix.length === 0 && isEscaped(keyBytes, start, end)
    const before = isMarked ? 1 : prefix.length
    const length = before + end - start
    if (this.#key.length < length) this.#key = Buffer.alloc(2 * length)
    if (isMarked) this.#key[0] = 0xff
    else this.#key.set(prefix)
    keyBytes.copy(this.#key, before, start, end)
    return length
  }
}
