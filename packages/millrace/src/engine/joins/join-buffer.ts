import type { KeyTable } from '../../state/key-table.ts'
import type { WindowStore } from '../../state/window-store.ts'

/** A record that waits for its partners. */
export interface Waiting {
  readonly t: number
  /** The watermark it was judged by when it came. */
  readonly w: number
  readonly v: unknown
  /** It has met one, or has gone out without any. */
  isDone: boolean
}

/** Which of the two inputs a record came in on. */
export type Side = 0 | 1

/** Where a waiting record lies. */
export interface Place {
  readonly table: KeyTable
  readonly row: number
}

/** Number of the row's chunk and side, in front of the key. */
export const placeBytes = 4
/** Where a row keeps the place of its list among the table's objects, and the number of the last chunk. */
const entriesAt = 0
const lastAt = 1
/** Records of a row: few enough for a changelog record, many enough for a look-up to be worth it. */
const chunkMax = 16

/**
 * The records of two streams by key and time. A table holds a stretch of event time; a key has rows there for each side, of a few
 * records each, so that a key with very many changes small rows only.
 */
export class JoinBuffer {
  readonly store: WindowStore
  readonly bucketMs: number
  #key = Buffer.alloc(256)
  #keyEnd = 0

  constructor(store: WindowStore, bucketMs: number) {
    this.store = store
    this.bucketMs = bucketMs
  }

  startOf(t: number): number {
    return Math.floor(t / this.bucketMs) * this.bucketMs
  }

  /** Calls `visit` with what a side has of a key from one time to another, both included. */
  find(
    side: Side,
    kb: Buffer,
    ks: number,
    ke: number,
    from: number,
    to: number,
    visit: (waiting: Waiting, table: KeyTable, row: number) => void,
  ): void {
    const { starts } = this.store
    // By number and not by walking: what is visited may change nothing here, but others may open stretches meanwhile.
    for (
      let start = Math.max(this.startOf(from), starts[0] ?? Infinity);
      start <= to;
      start += this.bucketMs
    ) {
      const table = this.store.openTable(start)
      if (table !== undefined) this.#findIn(table, side, kb, ks, ke, from, to, visit)
    }
  }

  #findIn(
    table: KeyTable,
    side: Side,
    kb: Buffer,
    ks: number,
    ke: number,
    from: number,
    to: number,
    visit: (waiting: Waiting, table: KeyTable, row: number) => void,
  ): void {
    this.#takeKey(kb, ks, ke)
    let row = this.#row(table, side, 0)
    if (row === 0) return
    const last = table.f64[row + lastAt]!
    for (let chunk = 0; ; ) {
      for (const waiting of entriesOf(table, row))
        if (waiting.t >= from && waiting.t <= to) visit(waiting, table, row)
      if (chunk === last) return
      this.#takeKey(kb, ks, ke)
      row = this.#row(table, side, ++chunk)
    }
  }

  add(side: Side, kb: Buffer, ks: number, ke: number, waiting: Waiting): Place {
    const table = this.store.tableFor(this.startOf(waiting.t))
    this.#takeKey(kb, ks, ke)
    const first = this.#upsert(table, side, 0)
    const last = table.f64[first + lastAt]!
    const row = last === 0 ? first : this.#row(table, side, last)
    const entries = entriesOf(table, row)
    if (entries.length < chunkMax) {
      entries.push(waiting)
      table.touch(row)
      return { table, row }
    }
    table.f64[first + lastAt] = last + 1
    table.touch(first)
    const next = this.#upsert(table, side, last + 1)
    entriesOf(table, next).push(waiting)
    table.touch(next)
    return { table, row: next }
  }

  /** Takes out what nothing may meet any more. */
  remove({ table, row }: Place, waiting: Waiting): void {
    const entries = entriesOf(table, row)
    entries.splice(entries.indexOf(waiting), 1)
    table.touch(row)
  }

  /** Everything of a side, for a restore. */
  *all(): Iterable<Place & { readonly side: Side; readonly chunk: number; readonly waiting: Waiting }> {
    for (const start of this.store.starts) {
      const table = this.store.openTable(start)!
      for (let row = table.firstRow(); row !== 0; row = table.nextRow(row)) {
        const place = table.keyBytes.readUInt32BE(table.keyStart(row))
        const side = (place & 1) as Side
        for (const waiting of entriesOf(table, row)) yield { table, row, side, chunk: place >>> 1, waiting }
      }
    }
  }

  #takeKey(kb: Buffer, ks: number, ke: number): void {
    this.#keyEnd = placeBytes + ke - ks
    if (this.#key.length < this.#keyEnd) this.#key = Buffer.alloc(2 * this.#keyEnd)
    kb.copy(this.#key, placeBytes, ks, ke)
  }

  #row(table: KeyTable, side: Side, chunk: number): number {
    this.#key.writeUInt32BE(2 * chunk + side, 0)
    return table.find(this.#key, 0, this.#keyEnd)
  }

  #upsert(table: KeyTable, side: Side, chunk: number): number {
    this.#key.writeUInt32BE(2 * chunk + side, 0)
    return table.upsert(this.#key, 0, this.#keyEnd)
  }
}

function entriesOf(table: KeyTable, row: number): Waiting[] {
  return table.objects[table.f64[row + entriesAt]!] as Waiting[]
}
