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

  /** The row that holds `offset`, or the first one behind it. */
  holding(offset: number): BatchRow | undefined {
    const row = this.atOrBefore(offset)
    return row !== undefined && row.key + row.lastDelta >= offset ? row : this.#after(offset)
  }

  /** Rows in order from `key` on; the caller stops when it has enough. */
  from(key: number): Iterable<BatchRow> {
    const statement = this.#statement(`SELECT ${COLUMNS} FROM ${this.#table} WHERE key >= ?1 ORDER BY key`)
    return statement.iterate(key) as unknown as Iterable<BatchRow>
  }

  /** Key and stored bytes of the rows with first <= key <= last. */
  values(first: number, last: number): [key: number, value: Uint8Array][] {
    const sql = `SELECT key, value FROM ${this.#table} WHERE key BETWEEN ?1 AND ?2 ORDER BY key`
    const statement = this.#statement(sql)
    statement.setReturnArrays(true)
    return statement.all(first, last) as unknown as [number, Uint8Array][]
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
    return isReached(first) ? first : this.between(first, last, isReached).after
  }

  /** The same between a row for which it does not hold and a later one for which it does: both sides of the border. */
  between(
    low: BatchRow,
    high: BatchRow,
    isReached: (row: BatchRow) => boolean,
  ): { before: BatchRow; after: BatchRow } {
    let [before, after] = [low, high]
    for (;;) {
      let middle = this.atOrBefore(Math.floor((before.key + after.key) / 2))!
      if (middle.key === before.key) {
        middle = this.#after(before.key)!
        if (middle.key === after.key) return { before, after }
      }
      if (isReached(middle)) after = middle
      else before = middle
    }
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
