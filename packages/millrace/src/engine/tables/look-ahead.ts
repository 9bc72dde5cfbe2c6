import type { RecordCursor } from '../../record/cursor.ts'
import type { KeyTable } from '../../state/key-table.ts'
import type { PickedRows } from './picked-rows.ts'
import { valueAt } from './table-step.ts'

/** Records looked ahead at once: enough for their cache misses to overlap, few enough to stay in the cache. */
const recordsMax = 128

/**
 * Brings what the next records of a batch are joined with into the cache: of each the place in the index, the row, and the text of the row. One needs
 * the one before it, so a record alone would wait for memory four times; those of many records are fetched at once. Nothing is decided by it.
 */
export class LookAhead {
  readonly #starts = new Int32Array(recordsMax)
  readonly #ends = new Int32Array(recordsMax)
  readonly #hashes = new Int32Array(recordsMax)
  readonly #rows = new Int32Array(recordsMax)
  /** Of what was read; without it V8 would drop the work. */
  seen = 0

  /** Looks at the records behind the one that a cursor stands at, and gives the mark up to which that was done. */
  at(cursor: RecordCursor, table: KeyTable, picked: PickedRows): number {
    const { left, mark, offset } = cursor
    const count = this.#collect(cursor, Math.min(left, recordsMax))
    const end = cursor.mark
    cursor.rewind(mark, left)
    cursor.offset = offset
    table.hashAll(cursor.buffer, this.#starts, this.#ends, count, this.#hashes)
    this.seen ^= table.prefetch(this.#hashes, count, this.#rows)
    const { f64 } = table
    for (let i = 0; i < count; i++) this.#rows[i] = f64[this.#rows[i]! + valueAt]!
    this.seen ^= picked.prefetch(this.#rows, count)
    return Math.max(end, mark + 1)
  }

  /** The keys of the next records, up to one that cannot be read. */
  #collect(cursor: RecordCursor, most: number): number {
    let count = 0
    try {
      for (let i = 0; i < most && cursor.next(); i++) {
        if (cursor.keyStart < 0) continue
        this.#starts[count] = cursor.keyStart
        this.#ends[count++] = cursor.keyEnd
      }
    } catch {
      // The loop comes to it in its turn, and says so then.
    }
    return count
  }
}
