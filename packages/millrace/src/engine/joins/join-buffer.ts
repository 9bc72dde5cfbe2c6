import { RangeCopier } from '../../record/copy.ts'
import type { KeyTable } from '../../state/key-table.ts'
import type { WindowStore } from '../../state/window-store.ts'
import { StretchFilter } from './stretch-filter.ts'
import { WaitingMemory } from './waiting-memory.ts'

/** Which of the two inputs a record came in on. */
export type Side = 0 | 1

/** Where a waiting record lies. */
export interface Place {
  readonly table: KeyTable
  readonly row: number
  /** In the memory beside the table. */
  readonly entry: number
}

/** Takes what is found. An object and no function, which would have to be made for each record. */
export interface Visitor {
  visit(table: KeyTable, row: number, memory: WaitingMemory, entry: number): void
}

/** Number of the row's chunk and side, in front of the key. */
export const placeBytes = 4
/** Where a row keeps the place of its first entry among the table's objects, and the number of the last chunk. */
const entriesAt = 0
const lastAt = 1
/** Records of a row: few enough for a changelog record, many enough for a look-up to be worth it. */
const chunkMax = 16

/** The records that wait in the rows of a table. */
export function memoryOf(table: KeyTable): WaitingMemory {
  table.beside ??= new WaitingMemory()
  return table.beside as WaitingMemory
}

/**
 * The records of two streams by key and time. A table holds a stretch of event time; a key has rows there for each side, of a few
 * records each, so that a key with very many changes small rows only.
 */
export class JoinBuffer {
  readonly store: WindowStore
  readonly bucketMs: number
  readonly #copier = new RangeCopier()
  /** By the hash of a side and a key: of the first row that these have in a table. */
  readonly #filter: StretchFilter
  #key = Buffer.alloc(256)
  #keyEnd = 0

  constructor(store: WindowStore, bucketMs: number) {
    this.store = store
    this.bucketMs = bucketMs
    this.#filter = new StretchFilter(bucketMs)
  }

  startOf(t: number): number {
    return Math.floor(t / this.bucketMs) * this.bucketMs
  }

  /** Shows what a side has of a key from one time to another, both included, stretch by stretch, and within one in the order they came. */
  find(side: Side, kb: Buffer, ks: number, ke: number, from: number, to: number, visitor: Visitor): void {
    const earliest = this.store.earliestStart
    if (earliest === undefined) return
    this.#takeKey(kb, ks, ke)
    this.#choose(side, 0)
    // The tables of a store share one hash.
    const hash = this.store.openTable(earliest)!.hash(this.#key, 0, this.#keyEnd)
    const stretches = this.#filter.of(hash)
    if (stretches === 0) return
    // By number and not by walking: what is visited may change nothing here, but others may open stretches meanwhile.
    for (let start = Math.max(this.startOf(from), earliest); start <= to; start += this.bucketMs) {
      if (!this.#filter.isIn(stretches, start)) continue
      const table = this.store.openTable(start)
      if (table === undefined) continue
      const row = table.findHashed(this.#key, 0, this.#keyEnd, hash)
      if (row === 0) continue
      this.#visit(table, row, from, to, visitor)
      const last = table.f64[row + lastAt]!
      if (last > 0) this.#findChunks(table, side, last, from, to, visitor)
    }
  }

  #findChunks(table: KeyTable, side: Side, last: number, from: number, to: number, visitor: Visitor): void {
    for (let chunk = 1; chunk <= last; chunk++) {
      this.#choose(side, chunk)
      this.#visit(table, table.find(this.#key, 0, this.#keyEnd), from, to, visitor)
    }
    this.#choose(side, 0)
  }

  #visit(table: KeyTable, row: number, from: number, to: number, visitor: Visitor): void {
    const memory = memoryOf(table)
    for (let entry = firstOf(table, row); entry !== 0; entry = memory.nextOf(entry)) {
      const t = memory.timeOf(entry)
      if (t >= from && t <= to) visitor.visit(table, row, memory, entry)
    }
  }

  /** Keeps a record whose value is the JSON text `[start, end)` of `text`. */
  addText(
    side: Side,
    kb: Buffer,
    ks: number,
    ke: number,
    t: number,
    w: number,
    isDone: boolean,
    text: Buffer,
    start: number,
    end: number,
  ): Place {
    const stretch = this.startOf(t)
    const table = this.store.tableFor(stretch)
    const entry = memoryOf(table).addText(t, w, isDone, text, start, end, this.#copier)
    return this.#add(table, stretch, side, kb, ks, ke, entry)
  }

  addValue(
    side: Side,
    kb: Buffer,
    ks: number,
    ke: number,
    t: number,
    w: number,
    isDone: boolean,
    value: unknown,
  ): Place {
    const stretch = this.startOf(t)
    const table = this.store.tableFor(stretch)
    const entry = memoryOf(table).addValue(t, w, isDone, value)
    return this.#add(table, stretch, side, kb, ks, ke, entry)
  }

  #add(
    table: KeyTable,
    stretch: number,
    side: Side,
    kb: Buffer,
    ks: number,
    ke: number,
    entry: number,
  ): Place {
    this.#takeKey(kb, ks, ke)
    this.#choose(side, 0)
    const hash = table.hash(this.#key, 0, this.#keyEnd)
    this.#filter.add(hash, stretch)
    const first = table.upsertHashed(this.#key, 0, this.#keyEnd, hash)
    const last = table.f64[first + lastAt]!
    const row = last === 0 ? first : this.#upsert(table, side, last)
    if (append(table, row, entry)) {
      table.touch(row)
      return { table, row, entry }
    }
    table.f64[first + lastAt] = last + 1
    table.touch(first)
    const next = this.#upsert(table, side, last + 1)
    append(table, next, entry)
    table.touch(next)
    return { table, row: next, entry }
  }

  /** Lets go of the earliest stretch. */
  drop(start: number): void {
    this.store.drop(start)
    this.#filter.drop(start, this.store.starts)
  }

  /** After a restore of the store: what it holds is found. */
  restored(): void {
    for (const start of this.store.starts) {
      const table = this.store.openTable(start)!
      for (let row = table.firstRow(); row !== 0; row = table.nextRow(row))
        this.#filter.add(table.hash(table.keyBytes, table.keyStart(row), table.keyEnd(row)), start)
    }
  }

  /** Takes out what nothing may meet any more. */
  remove({ table, row, entry }: Place): void {
    const memory = memoryOf(table)
    const first = firstOf(table, row)
    const next = memory.nextOf(entry)
    if (first === entry) table.objects[table.f64[row + entriesAt]!] = next
    else {
      let before = first
      while (memory.nextOf(before) !== entry) before = memory.nextOf(before)
      memory.link(before, next)
    }
    memory.forget(entry)
    table.touch(row)
  }

  /** Everything, for a restore. */
  *all(): Iterable<Place & { readonly side: Side; readonly chunk: number }> {
    for (const start of this.store.starts) {
      const table = this.store.openTable(start)!
      const memory = memoryOf(table)
      for (let row = table.firstRow(); row !== 0; row = table.nextRow(row)) {
        const place = table.keyBytes.readUInt32BE(table.keyStart(row))
        const side = (place & 1) as Side
        for (let entry = firstOf(table, row); entry !== 0; entry = memory.nextOf(entry))
          yield { table, row, side, chunk: place >>> 1, entry }
      }
    }
  }

  #takeKey(kb: Buffer, ks: number, ke: number): void {
    const end = placeBytes + ke - ks
    if (this.#key.length < end) this.#key = Buffer.alloc(2 * end)
    const key = this.#key
    for (let at = placeBytes; at < end; at++, ks++) key[at] = kb[ks]!
    this.#keyEnd = end
  }

  #choose(side: Side, chunk: number): void {
    const place = 2 * chunk + side
    const key = this.#key
    key[0] = place >>> 24
    key[1] = place >>> 16
    key[2] = place >>> 8
    key[3] = place
  }

  #upsert(table: KeyTable, side: Side, chunk: number): number {
    this.#choose(side, chunk)
    return table.upsert(this.#key, 0, this.#keyEnd)
  }
}

function firstOf(table: KeyTable, row: number): number {
  return table.objects[table.f64[row + entriesAt]!] as number
}

/** Puts an entry behind those of a row; false when that has enough of them. */
function append(table: KeyTable, row: number, entry: number): boolean {
  const first = firstOf(table, row)
  if (first === 0) {
    table.objects[table.f64[row + entriesAt]!] = entry
    return true
  }
  const memory = memoryOf(table)
  let last = first
  let count = 1
  for (let next = memory.nextOf(first); next !== 0; next = memory.nextOf(next)) {
    last = next
    count++
  }
  if (count >= chunkMax) return false
  memory.link(last, entry)
  return true
}
