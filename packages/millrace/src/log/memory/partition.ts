import { batchInfo, padded, setBaseOffset } from '../../record/batch.ts'
import { RecordCursor } from '../../record/cursor.ts'
import { agesFrom } from '../age.ts'
import { compactBatch, type NewestOffsets, noteNewest } from '../compaction.ts'

interface Entry {
  readonly bytes: Uint8Array
  readonly baseOffset: number
  readonly lastOffset: number
  readonly maxTimestamp: number
  readonly appendedAt: number
}

/** What a partition holds, as plain data. Its batches are never written to again, so that copies share them. */
export interface PartitionContents {
  readonly earliest: number
  readonly latest: number
  readonly entries: readonly Entry[]
}

/** The batches of one partition, in memory. */
export class MemoryPartition {
  /** First offset that can be read. */
  earliest = 0
  /** The offset the next record gets. */
  latest = 0
  byteLength = 0
  #entries: Entry[] = []

  static from({ earliest, latest, entries }: PartitionContents): MemoryPartition {
    const partition = new MemoryPartition()
    partition.earliest = earliest
    partition.latest = latest
    partition.#entries = entries.map(entry => ({ ...entry, bytes: padded(entry.bytes) }))
    partition.byteLength = entries.reduce((sum, { bytes }) => sum + bytes.length, 0)
    return partition
  }

  get contents(): PartitionContents {
    return { earliest: this.earliest, latest: this.latest, entries: [...this.#entries] }
  }

  /** Takes the batch over and gives it the next offsets; returns its base offset. */
  append(bytes: Uint8Array, appendedAt: number): number {
    const batch = padded(bytes)
    const baseOffset = this.latest
    setBaseOffset(batch, baseOffset)
    const { lastOffset, maxTimestamp } = batchInfo(batch)
    this.#entries.push({ bytes: batch, baseOffset, lastOffset, maxTimestamp, appendedAt })
    this.byteLength += batch.length
    this.latest = lastOffset + 1
    return baseOffset
  }

  /** Whole batches from the one that holds `offset` on; the first is given whatever its size. */
  read(offset: number, maxBytes: number): Uint8Array[] {
    const batches: Uint8Array[] = []
    let bytes = 0
    for (let i = this.#indexOf(offset); i < this.#entries.length; i++) {
      const batch = this.#entries[i]!.bytes
      bytes += batch.length
      if (batches.length > 0 && bytes > maxBytes) break
      batches.push(batch)
    }
    return batches
  }

  offsetForTime(timestamp: number): number {
    const cursor = new RecordCursor()
    for (const entry of this.#entries) {
      if (entry.maxTimestamp < timestamp) continue
      cursor.open(entry.bytes)
      while (cursor.next())
        if (cursor.timestamp >= timestamp && cursor.offset >= this.earliest) return cursor.offset
    }
    return this.latest
  }

  /** Makes `offset` the first one that can be read, if it is not behind it already. */
  trim(offset: number): void {
    this.earliest = Math.max(this.earliest, Math.min(offset, this.latest))
    this.#drop(this.#indexOf(this.earliest))
  }

  /** Drops the oldest batches up to the first whose age counts from `oldestMs` or later. */
  dropOlder(oldestMs: number): void {
    const kept = this.#entries.findIndex(
      ({ maxTimestamp, appendedAt }) => agesFrom(maxTimestamp, appendedAt) >= oldestMs,
    )
    this.#dropHead(kept < 0 ? this.#entries.length : kept)
  }

  /** Drops the oldest batches until `maxBytes` are left; the newest batch always stays. */
  dropLarger(maxBytes: number): void {
    let bytes = this.byteLength
    let count = 0
    while (bytes > maxBytes && count < this.#entries.length - 1) bytes -= this.#entries[count++]!.bytes.length
    this.#dropHead(count)
  }

  /** Keeps the newest record of each key; tombstones appended before `tombstonesBeforeMs` go, too. */
  compact(tombstonesBeforeMs: number): void {
    const newest: NewestOffsets = new Map()
    for (const entry of this.#entries) noteNewest(newest, entry.bytes)
    this.#entries = this.#entries.flatMap(entry => {
      const bytes = compactBatch(newest, entry.bytes, entry.appendedAt < tombstonesBeforeMs)
      return bytes === undefined ? [] : [bytes === entry.bytes ? entry : { ...entry, bytes }]
    })
    this.byteLength = this.#entries.reduce((sum, entry) => sum + entry.bytes.length, 0)
  }

  #dropHead(count: number): void {
    if (count === 0) return
    this.earliest = Math.max(this.earliest, this.#entries[count - 1]!.lastOffset + 1)
    this.#drop(count)
  }

  #drop(count: number): void {
    for (const entry of this.#entries.splice(0, count)) this.byteLength -= entry.bytes.length
  }

  /** Index of the first batch that ends at or after `offset`. */
  #indexOf(offset: number): number {
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#entries[middle]!.lastOffset < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}
