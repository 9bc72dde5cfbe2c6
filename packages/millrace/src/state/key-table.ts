/**
 * Rows of doubles found by the bytes of a key.
 *
 * Everything of a row lies together in one arena, so a look-up touches one cache line of the index and one
 * or two of the row:
 *
 *   row ──► columns (f64 each) │ key length (i32, negative: dead) │ epoch (i32) │ key bytes, zeros to 8
 *
 * A row is known by the index of its first column in `f64`; rows count 8-byte units and stay where they are
 * until removed. A removed row's place goes to a later row of exactly its size, so nothing is ever compacted.
 */
import { GrowableMemory } from './growable-memory.ts'
import { HashIndex } from './hash-index.ts'
import { KeyHash, tailWord } from './key-hash.ts'
import { RowList } from './row-list.ts'

export interface KeyTableOptions {
  readonly columns: number
  /** Column values of a new row; object columns are filled from `objects` instead. */
  readonly initial: Float64Array
  /**
   * Seeds the hash against chosen keys; stored nowhere. Tables in great numbers share one hash, as each holds on to the bytes it
   * has seen last.
   */
  readonly seed: number | KeyHash
  /** The columns that hold an index into `KeyTable.objects`, with what makes the object of a new row. */
  readonly objects?: readonly ObjectColumn[]
}

export interface ObjectColumn {
  readonly column: number
  initial(): unknown
}

/** More that belongs to the rows of a table, and goes with them. */
export interface MemoryBeside {
  readonly byteLength: number
  clear(): void
}

const noPlaces: readonly number[] = []
const FIRST_ROW = 1
const ARENA_BYTES = 512
/** What lies between the columns of a row and its key. */
export const OVERHEAD_UNITS = 1

export class KeyTable {
  /**
   * The whole arena as doubles. Growth replaces it, so read it after the upsert: `f64[table.upsert(…)] = x`
   * evaluates `f64` first and may write into the old one.
   */
  f64: Float64Array
  /** The whole arena as words. Growth replaces it. */
  i32: Int32Array
  /** The whole arena as bytes, for the key ranges. Growth replaces it. */
  keyBytes: Buffer
  /** What object columns point to; place 0 is never used. */
  readonly objects: unknown[] = [undefined]
  /** Memory of whoever fills the table, emptied with it. */
  beside: MemoryBeside | undefined
  /** Called when a row becomes dirty while none is. */
  onFirstTouch: (() => void) | undefined
  /** Live rows. */
  size = 0
  readonly columns: number
  readonly #initial: Float64Array
  readonly #objectColumns: readonly ObjectColumn[]
  readonly #memory = new GrowableMemory(ARENA_BYTES)
  readonly #index = new HashIndex()
  readonly #keyHash: KeyHash
  /** Units in use from the start of the arena: where the next row goes. */
  #used = FIRST_ROW
  readonly #newObjectOf = (column: ObjectColumn) => this.newObject(column.initial())
  #epoch = 1
  readonly #dirty = new RowList()
  #dirtyDead = 0
  /** Dead rows by their size in units, linked through the epoch word. */
  readonly #free = new Map<number, number>()
  readonly #freeObjects: number[] = []

  constructor(options: KeyTableOptions) {
    this.columns = options.columns
    this.#initial = options.initial
    this.#objectColumns = options.objects ?? []
    this.#keyHash = typeof options.seed === 'number' ? new KeyHash(options.seed) : options.seed
    this.f64 = new Float64Array(this.#memory.buffer)
    this.i32 = new Int32Array(this.#memory.buffer)
    this.keyBytes = Buffer.from(this.#memory.buffer)
  }

  /** Bytes held, used or not; objects are not counted. */
  get byteLength(): number {
    return (
      this.f64.byteLength + this.#index.byteLength + this.#dirty.byteLength + (this.beside?.byteLength ?? 0)
    )
  }

  hash(bytes: Uint8Array, start: number, end: number): number {
    return this.#keyHash.hash(bytes, start, end)
  }

  /** The row of the key, made with the initial values if there is none. */
  upsert(bytes: Uint8Array, start: number, end: number): number {
    return this.upsertHashed(bytes, start, end, this.#keyHash.hash(bytes, start, end))
  }

  /** `upsert` with the key's `hash` already computed. */
  upsertHashed(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const index = this.#index
    const { slots, mask } = index
    const base = index.directory[hash >>> index.shift]!
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const row = slots[base + 2 * at]!
      if (row === 0) return this.#insert(bytes, start, end, hash)
      if (slots[base + 2 * at + 1] === hash && this.#keyIs(row, bytes, start, end)) return row
    }
  }

  /** The row of the key, 0 when it has none. */
  find(bytes: Uint8Array, start: number, end: number): number {
    return this.findHashed(bytes, start, end, this.#keyHash.hash(bytes, start, end))
  }

  /** `find` with the key's `hash` already computed. */
  findHashed(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const index = this.#index
    const { slots, mask } = index
    const base = index.directory[hash >>> index.shift]!
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const row = slots[base + 2 * at]!
      if (row === 0) return 0
      if (slots[base + 2 * at + 1] === hash && this.#keyIs(row, bytes, start, end)) return row
    }
  }

  /** Hashes `count` keys of one buffer, the first phase of a batch. */
  hashAll(bytes: Uint8Array, starts: Int32Array, ends: Int32Array, count: number, hashes: Int32Array): void {
    const keyHash = this.#keyHash
    for (let i = 0; i < count; i++) hashes[i] = keyHash.hash(bytes, starts[i]!, ends[i]!)
  }

  /**
   * Brings slots and rows of `count` hashes into the cache, the second phase: the misses overlap instead of
   * queuing up behind one another. `rows` is scratch; keep the answer somewhere or V8 drops the work.
   */
  prefetch(hashes: Int32Array, count: number, rows: Int32Array): number {
    const { slots, directory, shift, mask } = this.#index
    const i32 = this.i32
    const lengthWord = 2 * this.columns
    for (let i = 0; i < count; i++) {
      const hash = hashes[i]!
      rows[i] = slots[directory[hash >>> shift]! + ((hash & mask) << 1)]!
    }
    let seen = 0
    for (let i = 0; i < count; i++) seen ^= i32[2 * rows[i]! + lengthWord]!
    return seen
  }

  /** Makes room for `rows` further rows with `keyBytes` in all, so that `f64` stays the same while they come. */
  reserve(rows: number, keyBytes: number): void {
    this.#ensure(this.#used + rows * (this.columns + OVERHEAD_UNITS + 1) + (keyBytes >>> 3))
  }

  /** Marks a row as changed since `clearDirty`. */
  touch(row: number): void {
    const epochWord = 2 * (row + this.columns) + 1
    if (this.i32[epochWord] === this.#epoch) return
    this.i32[epochWord] = this.#epoch
    if (this.#dirty.length === 0) this.onFirstTouch?.()
    this.#dirty.push(row)
  }

  isDirty(row: number): boolean {
    return this.i32[2 * (row + this.columns) + 1] === this.#epoch
  }

  get dirtyCount(): number {
    return this.#dirty.length
  }

  /** The `n`-th dirty row, in the order of the first touch. It may be dead: then its key was removed. */
  dirtyRow(n: number): number {
    return this.#dirty.at(n)
  }

  /** Begins a new epoch: no row is dirty, and removed ones may be used again. */
  clearDirty(): void {
    if (this.#dirtyDead > 0) {
      for (let n = 0; n < this.#dirty.length; n++) {
        const row = this.#dirty.at(n)
        if (!this.isLive(row)) this.#release(row)
      }
    }
    this.#dirtyDead = 0
    this.#dirty.clear()
    this.#epoch++
  }

  isLive(row: number): boolean {
    return this.i32[2 * (row + this.columns)]! >= 0
  }

  /** Where the key of a row begins in `keyBytes`. */
  keyStart(row: number): number {
    return 8 * (row + this.columns + OVERHEAD_UNITS)
  }

  keyEnd(row: number): number {
    return this.keyStart(row) + this.#keyLength(row)
  }

  /** Removes a live row and marks it dirty: key and columns can be read until `clearDirty`. */
  remove(row: number): void {
    this.touch(row)
    this.#unlink(row)
    this.#dirtyDead++
  }

  /** Removes a live row without a trace for the changelog. */
  discard(row: number): void {
    this.#unlink(row)
    if (this.isDirty(row)) this.#dirtyDead++
    else this.#release(row)
  }

  /** The first live row, 0 for none. Rows added while somebody walks may or may not be met. */
  firstRow(): number {
    return this.#liveFrom(FIRST_ROW)
  }

  /** The live row behind `row` in memory order, 0 at the end; `row` itself may have been removed meanwhile. */
  nextRow(row: number): number {
    return this.#liveFrom(row + this.#unitsFor(this.#keyLength(row)))
  }

  /** Puts a value into `objects` and gives its place, to be kept in an object column. */
  newObject(value: unknown): number {
    const place = this.#freeObjects.pop() ?? this.objects.length
    this.objects[place] = value
    return place
  }

  /** Empties the table for reuse. It keeps its memory and the seed. */
  clear(): void {
    this.beside?.clear()
    this.#index.clear()
    this.#dirty.clear()
    this.#free.clear()
    this.#keyHash.release()
    this.#freeObjects.length = 0
    this.objects.length = 1
    this.#dirtyDead = 0
    this.#epoch++
    this.#used = FIRST_ROW
    this.size = 0
  }

  #keyIs(row: number, bytes: Uint8Array, start: number, end: number): boolean {
    const i32 = this.i32
    const lengthWord = 2 * (row + this.columns)
    const length = end - start
    if (i32[lengthWord] !== length) return false
    if (length === 0) return true
    const view = this.#keyHash.view(bytes)
    let word = lengthWord + 2
    let at = start
    for (const last = end - 4; at < last; at += 4) {
      if (i32[word++] !== view.getInt32(at, true)) return false
    }
    return i32[word] === tailWord(view, bytes, start, end)
  }

  #insert(bytes: Uint8Array, start: number, end: number, hash: number): number {
    const objectColumns = this.#objectColumns
    const places = objectColumns.length === 0 ? noPlaces : objectColumns.map(this.#newObjectOf)
    const row = this.#place(this.#unitsFor(end - start))
    const { f64 } = this
    const initial = this.#initial
    for (let i = 0; i < initial.length; i++) f64[row + i] = initial[i]!
    for (let i = 0; i < places.length; i++) f64[row + objectColumns[i]!.column] = places[i]!
    this.#writeKey(row, bytes, start, end)
    this.#index.insert(hash, row)
    this.size++
    return row
  }

  /** A free place of that many units. */
  #place(units: number): number {
    const free = this.#free.get(units)
    if (free !== undefined && free !== 0) {
      this.#free.set(units, this.i32[2 * (free + this.columns) + 1]!)
      return free
    }
    const row = this.#used
    this.#ensure(row + units)
    this.#used = row + units
    return row
  }

  #writeKey(row: number, bytes: Uint8Array, start: number, end: number): void {
    const i32 = this.i32
    const lengthWord = 2 * (row + this.columns)
    i32[lengthWord] = end - start
    i32[lengthWord + 1] = 0
    if (end === start) return
    const view = this.#keyHash.view(bytes)
    let word = lengthWord + 2
    let at = start
    for (const last = end - 4; at < last; at += 4) i32[word++] = view.getInt32(at, true)
    i32[word++] = tailWord(view, bytes, start, end)
    if ((word & 1) === 1) i32[word] = 0
  }

  #unlink(row: number): void {
    const start = this.keyStart(row)
    const hash = this.#keyHash.hash(this.keyBytes, start, this.keyEnd(row))
    if (!this.#index.remove(hash, row)) throw new Error(`Row ${row} is not live: it was removed before`)
    const lengthWord = 2 * (row + this.columns)
    this.i32[lengthWord] = ~this.i32[lengthWord]!
    this.size--
  }

  /** Gives the place and the objects of a dead row to later rows. */
  #release(row: number): void {
    for (const { column } of this.#objectColumns) {
      const place = this.f64[row + column]!
      this.objects[place] = undefined
      this.#freeObjects.push(place)
    }
    const units = this.#unitsFor(this.#keyLength(row))
    this.i32[2 * (row + this.columns) + 1] = this.#free.get(units) ?? 0
    this.#free.set(units, row)
  }

  /** The key's length, of a dead row too. */
  #keyLength(row: number): number {
    const length = this.i32[2 * (row + this.columns)]!
    return length < 0 ? ~length : length
  }

  #unitsFor(keyLength: number): number {
    return this.columns + OVERHEAD_UNITS + ((keyLength + 7) >>> 3)
  }

  #liveFrom(row: number): number {
    while (row < this.#used) {
      const length = this.i32[2 * (row + this.columns)]!
      if (length >= 0) return row
      row += this.#unitsFor(~length)
    }
    return 0
  }

  #ensure(units: number): void {
    if (!this.#memory.ensure(units * 8)) return
    this.f64 = new Float64Array(this.#memory.buffer, 0, this.#memory.buffer.byteLength >>> 3)
    this.i32 = new Int32Array(this.#memory.buffer)
    this.keyBytes = Buffer.from(this.#memory.buffer)
  }
}
