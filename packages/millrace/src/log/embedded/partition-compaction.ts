import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { PADDING_BYTES } from '../../record/layout.ts'
import { compactBatch, type NewestOffsets, noteNewest } from '../compaction.ts'
import type { BatchReader, BatchRow } from './batch-table.ts'
import { batchTable } from './layout.ts'

/** What becomes of one batch: other bytes, or nothing. */
export interface Replacement {
  readonly key: number
  /** The sum kept beside it; not exact any more, but growing. */
  readonly bytesEnd: number
  readonly batch: Uint8Array | undefined
}

/** Where compaction stands in a partition. */
export interface CleanState {
  /** Everything before it has been compacted at least once. */
  readonly offset: number
  /** Changes with every rewrite, so that two processes do not mix theirs. */
  readonly version: number
}

/** Rewrites the batches of one partition. */
export class PartitionCompaction {
  readonly #batches: BatchReader
  readonly #partitionId: number
  readonly #state: StatementSync
  readonly #setState: StatementSync
  readonly #replace: StatementSync
  readonly #remove: StatementSync

  constructor(db: DatabaseSync, partitionId: number, batches: BatchReader) {
    const table = batchTable(partitionId)
    this.#batches = batches
    this.#partitionId = partitionId
    this.#state = db.prepare(
      'SELECT clean_offset AS offset, clean_version AS version FROM partitions WHERE id = ?1',
    )
    this.#setState = db.prepare('UPDATE partitions SET clean_offset = ?2, clean_version = ?3 WHERE id = ?1')
    this.#replace = db.prepare(`UPDATE ${table} SET value = ?2, bytes_end = ?3 WHERE key = ?1`)
    this.#remove = db.prepare(`DELETE FROM ${table} WHERE key = ?1`)
  }

  state(): CleanState {
    return this.#state.get(this.#partitionId) as unknown as CleanState
  }

  /** Bytes of the batches that have not been compacted yet. */
  dirtyBytes(): number {
    const last = this.#batches.last()
    const cleaned = this.#batches.atOrBefore(this.state().offset - 1)
    return last === undefined ? 0 : last.bytesEnd - (cleaned?.bytesEnd ?? 0)
  }

  /** First pass: the newest offset of each key; gives way after each batch. */
  *note(newest: NewestOffsets): Generator<undefined> {
    for (const key of this.#keys()) {
      const batch = this.#batch(key)
      if (batch !== undefined) noteNewest(newest, batch)
      yield undefined
    }
  }

  /** Second pass: what to change; gives way after each batch. */
  *replacements(newest: NewestOffsets, tombstonesBeforeMs: number): Generator<Replacement | undefined> {
    const keys = this.#keys()
    // A batch that is written anew counts what is left; one that stays keeps its larger sum, so that sums only grow.
    let bytesEnd = 0
    for (const [i, key] of keys.entries()) {
      const row = this.#batches.atOrBefore(key)
      const batch = row?.key === key ? this.#batch(key) : undefined
      if (batch === undefined) continue
      const compacted = compactBatch(newest, batch, row!.writtenAt < tombstonesBeforeMs)
      // The last batch tells the partition's next offset, so it stays even when all its records go.
      const isKept = compacted === batch || (compacted === undefined && i === keys.length - 1)
      bytesEnd = isKept ? row!.bytesEnd : bytesEnd + (compacted?.length ?? 0)
      yield isKept ? undefined : { key, bytesEnd, batch: compacted }
    }
  }

  /** Brings replacements in, inside a write transaction; false, changing nothing, when another process did so meanwhile. */
  apply(expected: CleanState, next: CleanState, replacements: readonly Replacement[]): boolean {
    if (this.state().version !== expected.version) return false
    for (const { key, bytesEnd, batch } of replacements) {
      if (batch === undefined) this.#remove.run(key)
      else
        this.#replace.run(
          key,
          new Uint8Array(batch.buffer, batch.byteOffset, batch.length + PADDING_BYTES),
          bytesEnd,
        )
    }
    this.#setState.run(this.#partitionId, next.offset, next.version)
    return true
  }

  /** No statement stays open while others run. */
  #keys(): number[] {
    return Array.from(this.#batches.from(0), (row: BatchRow) => row.key)
  }

  #batch(key: number): Uint8Array | undefined {
    const value = this.#batches.values(key, key)[0]?.[1]
    return value?.subarray(0, value.length - PADDING_BYTES)
  }
}
