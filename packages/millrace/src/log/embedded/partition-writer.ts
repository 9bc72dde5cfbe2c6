import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { setBaseOffset } from '../../record/batch.ts'
import { AT, PADDING_BYTES, readInt32, readInt64 } from '../../record/layout.ts'
import { BatchReader } from './batch-table.ts'
import { batchTable } from './layout.ts'

/** The right edge of a partition. */
interface Edge {
  nextOffset: number
  timePeak: number
  bytesEnd: number
}

/** Puts batches into one partition; used inside write transactions only. */
export class PartitionWriter {
  readonly batches: BatchReader
  /** Bytes appended through this connection since the cleaner looked last. */
  bytesSinceClean = 0
  readonly #insert: StatementSync
  readonly #remove: StatementSync
  readonly #start: StatementSync
  readonly #setStart: StatementSync
  readonly #id: number
  #edge: Edge | undefined

  constructor(db: DatabaseSync, partitionId: number) {
    const table = batchTable(partitionId)
    this.#id = partitionId
    this.batches = new BatchReader(db, partitionId)
    this.#insert = db.prepare(`INSERT INTO ${table} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`)
    this.#remove = db.prepare(`DELETE FROM ${table} WHERE key < ?1`)
    this.#start = db.prepare('SELECT start_offset AS value FROM partitions WHERE id = ?1')
    this.#setStart = db.prepare('UPDATE partitions SET start_offset = ?2 WHERE id = ?1')
  }

  /** Forgets what it knows, because another connection wrote or a transaction was rolled back. */
  forget(): void {
    this.#edge = undefined
  }

  /** Stores the batch at the next offset, which it returns. The 64 bytes behind `batch` are stored, too. */
  append(batch: Uint8Array, writtenAt: number): number {
    const edge = this.edge()
    const key = edge.nextOffset
    const lastDelta = readInt32(batch, AT.lastOffsetDelta)
    const timeMax = readInt64(batch, AT.maxTimestamp)
    const timePeak = Math.max(edge.timePeak, timeMax)
    const bytesEnd = edge.bytesEnd + batch.length
    setBaseOffset(batch, key)
    const stored = new Uint8Array(batch.buffer, batch.byteOffset, batch.length + PADDING_BYTES)
    this.#insert.run(key, lastDelta, timeMax, timePeak, bytesEnd, writtenAt, stored)
    this.#edge = { nextOffset: key + lastDelta + 1, timePeak, bytesEnd }
    this.bytesSinceClean += batch.length
    return key
  }

  edge(): Edge {
    if (this.#edge === undefined) {
      const last = this.batches.last()
      const nextOffset = last === undefined ? this.startOffset() : last.key + last.lastDelta + 1
      this.#edge = { nextOffset, timePeak: last?.timePeak ?? -1, bytesEnd: last?.bytesEnd ?? 0 }
    }
    return this.#edge
  }

  /** The first offset that may be read. */
  startOffset(): number {
    return (this.#start.get(this.#id) as { value: number }).value
  }

  /** Makes `offset` the first one that may be read unless it is already behind, and drops the batches that end before it. */
  trim(offset: number): void {
    const target = Math.min(offset, this.edge().nextOffset)
    if (target <= this.startOffset()) return
    this.#setStart.run(this.#id, target)
    const holding = this.batches.atOrBefore(target)
    if (holding === undefined) return
    const keepsHolding = holding.key + holding.lastDelta >= target
    this.#remove.run(keepsHolding ? holding.key : holding.key + 1)
    // The last batch tells the next offset; without it the start offset does, which is the same now.
    this.#edge = undefined
  }
}
