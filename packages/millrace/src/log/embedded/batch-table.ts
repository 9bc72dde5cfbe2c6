import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { PADDING_BYTES } from '../../record/layout.ts'
import { batchTable } from './layout.ts'

/** A row without its batch. */
export interface BatchRow {
  readonly key: number
  readonly lastDelta: number
  /** Largest record time, -1 when the records have none. */
  readonly timeMax: number
  readonly timePeak: number
  readonly bytesEnd: number
  readonly writtenAt: number
  readonly bytes: number
}

const COLUMNS = `key, last_delta AS lastDelta, time_max AS timeMax, time_peak AS timePeak, bytes_end AS bytesEnd,
  written_at AS writtenAt, length(value) - ${PADDING_BYTES} AS bytes`

/** Reads the rows of one partition. */
export class BatchReader {
  readonly #table: string
  readonly #db: DatabaseSync
  readonly #prepared = new Map<string, StatementSync>()

  constructor(db: DatabaseSync, partitionId: number) {
    this.#db = db
    this.#table = batchTable(partitionId)
  }

  last(): BatchRow | undefined {
    return this.#row(`SELECT ${COLUMNS} FROM ${this.#table} ORDER BY key DESC LIMIT 1`)
  }

  first(): BatchRow | undefined {
    return this.#row(`SELECT ${COLUMNS} FROM ${this.#table} ORDER BY key LIMIT 1`)
  }

  /** The row with the largest key that is not after `offset`. */
  atOrBefore(offset: number): BatchRow | undefined {
    return this.#row(
      `SELECT ${COLUMNS} FROM ${this.#table} WHERE key <= ?1 ORDER BY key DESC LIMIT 1`,
      offset,
    )
  }

  /** Rows in order from `key` on; the caller stops when it has enough. */
  from(key: number): Iterable<BatchRow> {
    const statement = this.#statement(`SELECT ${COLUMNS} FROM ${this.#table} WHERE key >= ?1 ORDER BY key`)
    return statement.iterate(key) as unknown as Iterable<BatchRow>
  }

  /** The stored bytes of the rows with first <= key <= last. */
  values(first: number, last: number): { key: number; value: Uint8Array }[] {
    const sql = `SELECT key, value FROM ${this.#table} WHERE key BETWEEN ?1 AND ?2 ORDER BY key`
    return this.#statement(sql).all(first, last) as { key: number; value: Uint8Array }[]
  }

  /** Bytes of all batches, counted one by one. */
  countBytes(): number {
    const sql = `SELECT coalesce(sum(length(value) - ${PADDING_BYTES}), 0) AS bytes FROM ${this.#table}`
    return (this.#statement(sql).get() as { bytes: number }).bytes
  }

  /**
   * The first row for which `isReached` holds, by halving the offsets; `isReached` must stay true once it is
   * (as for sums and peaks).
   */
  search(isReached: (row: BatchRow) => boolean): BatchRow | undefined {
    const first = this.first()
    const last = this.last()
    if (first === undefined || last === undefined || !isReached(last)) return undefined
    if (isReached(first)) return first
    let low: BatchRow = first
    let high: BatchRow = last
    while (low.key < high.key) {
      const middle: BatchRow = this.atOrBefore(Math.floor((low.key + high.key) / 2))!
      if (middle.key === low.key) {
        const next: BatchRow = this.#after(low.key)!
        if (isReached(next)) return next
        low = next
      } else if (isReached(middle)) high = middle
      else low = middle
    }
    return high
  }

  #after(key: number): BatchRow | undefined {
    return this.#row(`SELECT ${COLUMNS} FROM ${this.#table} WHERE key > ?1 ORDER BY key LIMIT 1`, key)
  }

  #row(sql: string, ...parameters: number[]): BatchRow | undefined {
    return this.#statement(sql).get(...parameters) as BatchRow | undefined
  }

  #statement(sql: string): StatementSync {
    let statement = this.#prepared.get(sql)
    if (statement === undefined) {
      statement = this.#db.prepare(sql)
      this.#prepared.set(sql, statement)
    }
    return statement
  }
}
