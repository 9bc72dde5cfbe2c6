/**
 * A store of sessions: any number of rows per key, none of which touch.
 *
 *   keys   key bytes ──► the key's newest session
 *   table  [start, int64] key bytes ──► columns │ start, older, newer, due, stored
 *
 * The sessions of a key hang together from the newest to the oldest, so that a record that comes in order finds its session at
 * once. A heap knows which session ends first; a session that goes on keeps its place there until it comes to the top.
 */
import { invariant } from '../std/assert.ts'
import type { ChangeRecord, ChangeSink } from './changelog.ts'
import { closeKey, keyForm, readStart, WINDOW_START_BYTES, writeStart } from './changelog-key.ts'
import { DueHeap } from './due-heap.ts'
import { KeyTable } from './key-table.ts'
import type { StoreLayout } from './layout.ts'
import { RowCodec, type StoreDefinition } from './row-codec.ts'
import type { Store } from './store.ts'
import { StoreHeader } from './store-header.ts'

export interface SessionStoreOptions {
  readonly gapMs: number
  /** How many doubles a row has of its own. */
  readonly width: number
  /** The row's double with the time of the session's last record. */
  readonly lastAt: number
}

/** The doubles of a row that are no part of the store, behind its own. */
const extraDoubles = 5

export class SessionStore implements Store {
  readonly table: KeyTable
  /** Every session that a record before this time could have joined may be gone. */
  closedBelow = Number.NEGATIVE_INFINITY
  /** What `probe` found: the session that the record continues or lies in, 0 for none. */
  before = 0
  /** The later session that the record joins, 0 for none. */
  after = 0
  readonly lastAt: number
  /** The row's double with its start. */
  readonly startAt: number
  readonly #olderAt: number
  readonly #newerAt: number
  /** The row's double with its time in the heap: an entry with another time is out of date. */
  readonly #dueAt: number
  /** The row's double that says whether the changelog has the row. */
  readonly #storedAt: number
  readonly #gapMs: number
  readonly #keys: KeyTable
  readonly #heap = new DueHeap()
  readonly #codec: RowCodec
  readonly #header: StoreHeader
  #closeIsDue = false
  #key = Buffer.alloc(256)

  constructor(definition: StoreDefinition, { gapMs, width, lastAt }: SessionStoreOptions) {
    this.#codec = new RowCodec(definition)
    this.#header = new StoreHeader(definition.layout, this.#codec, () => [this.table])
    this.table = this.#codec.newTable(extraDoubles)
    this.#keys = new KeyTable({ columns: 1, initial: Float64Array.of(0), seed: definition.nextSeed() })
    this.#gapMs = gapMs
    this.lastAt = lastAt
    this.startAt = width
    this.#olderAt = width + 1
    this.#newerAt = width + 2
    this.#dueAt = width + 3
    this.#storedAt = width + 4
  }

  get layout(): StoreLayout {
    return this.#header.layout
  }

  get keyKind(): number {
    return this.#header.keyKind
  }

  get dirtyCount(): number {
    return this.table.dirtyCount
  }

  /** Open sessions. */
  get size(): number {
    return this.table.size
  }

  get byteLength(): number {
    return this.table.byteLength + this.#keys.byteLength + this.#heap.byteLength
  }

  /** The next `writeChanges` has something to write. */
  get hasChanges(): boolean {
    return this.table.dirtyCount > 0 || this.#closeIsDue
  }

  /** True when a key of that kind may enter; the first one decides (SEMANTICS 5.1). */
  acceptKeyKind(kind: number): boolean {
    return this.#header.acceptKeyKind(kind)
  }

  startOf(row: number): number {
    return this.table.f64[row + this.startAt]!
  }

  /** The time of the session's last record. */
  lastOf(row: number): number {
    return this.table.f64[row + this.lastAt]!
  }

  /** Where the key that a row belongs to begins in `table.keyBytes`; it ends with the row's. */
  keyStart(row: number): number {
    return this.table.keyStart(row) + WINDOW_START_BYTES
  }

  /** The key's newest session, 0 for none. */
  newest(key: Buffer, start: number, end: number): number {
    const row = this.#keys.find(key, start, end)
    return row === 0 ? 0 : this.#keys.f64[row]!
  }

  /** The session before this one, 0 for none. */
  older(row: number): number {
    return this.table.f64[row + this.#olderAt]!
  }

  /** The session behind this one, 0 for none. */
  newer(row: number): number {
    return this.table.f64[row + this.#newerAt]!
  }

  /** Finds the sessions that a record at `t` joins: `before` and `after`. */
  probe(key: Buffer, start: number, end: number, t: number): void {
    const { f64 } = this.table
    let after = 0
    let before = this.newest(key, start, end)
    while (before !== 0 && f64[before + this.startAt]! > t) {
      after = before
      before = f64[before + this.#olderAt]!
    }
    this.before = before !== 0 && t <= f64[before + this.lastAt]! + this.#gapMs ? before : 0
    this.after = after !== 0 && t >= f64[after + this.startAt]! - this.#gapMs ? after : 0
  }

  /** Opens a session of one record, which joins no other one. */
  open(key: Buffer, start: number, end: number, t: number): number {
    const row = this.#newRow(key, start, end, t)
    this.#setLast(row, t)
    this.#link(row)
    this.table.touch(row)
    return row
  }

  /** Makes the session's start an earlier one; the row becomes another, which is given. */
  restart(row: number, start: number): number {
    const { table } = this
    const keyStart = this.keyStart(row)
    const moved = this.#newRow(table.keyBytes, keyStart, table.keyEnd(row), start)
    this.#codec.copyRow(table, row, moved)
    this.#setLast(moved, this.lastOf(row))
    const { f64 } = table
    const older = f64[row + this.#olderAt]!
    const newer = f64[row + this.#newerAt]!
    f64[moved + this.#olderAt] = older
    f64[moved + this.#newerAt] = newer
    if (older !== 0) f64[older + this.#newerAt] = moved
    if (newer !== 0) f64[newer + this.#olderAt] = moved
    else this.#keys.f64[this.#keys.find(table.keyBytes, keyStart, table.keyEnd(row))] = moved
    this.#forget(row)
    table.touch(moved)
    return moved
  }

  /** The time of the session's last record is now a later one. */
  extend(row: number, last: number): void {
    this.table.f64[row + this.lastAt] = last
  }

  /** Takes a session out: it has gone out, or is part of another one by now. Its key can be read until the next write. */
  remove(row: number): void {
    this.#unlink(row)
    this.#forget(row)
  }

  #unlink(row: number): void {
    const { f64 } = this.table
    const older = f64[row + this.#olderAt]!
    const newer = f64[row + this.#newerAt]!
    if (older !== 0) f64[older + this.#newerAt] = newer
    if (newer !== 0) f64[newer + this.#olderAt] = older
    else this.#setNewest(row, older)
  }

  /** Takes out a session that has closed. */
  close(row: number): void {
    this.closeBelow(this.lastOf(row) + this.#gapMs + 1)
    this.remove(row)
  }

  /** A record before this time comes too late. */
  closeBelow(bound: number): void {
    if (bound <= this.closedBelow) return
    this.closedBelow = bound
    this.#closeIsDue = true
  }

  /** An empty table for rows like those of this store, with as many doubles more. */
  newTable(): KeyTable {
    return this.#codec.newTable(extraDoubles)
  }

  /** The session whose last record is the earliest, 0 when none is open. */
  earliest(): number {
    const heap = this.#heap
    const { f64 } = this.table
    while (heap.length > 0) {
      const { row, time } = heap
      if (f64[row + this.#dueAt] !== time) heap.pop()
      else if (f64[row + this.lastAt]! > time) {
        const last = f64[row + this.lastAt]!
        f64[row + this.#dueAt] = last
        heap.postpone(last)
      } else return row
    }
    return 0
  }

  /** The row that `earliest` has given is not given again before `enterQueue`. */
  leaveQueue(): void {
    this.table.f64[this.#heap.row + this.#dueAt] = Number.NaN
    this.#heap.pop()
  }

  /** A row is among those of which `earliest` gives one, by its last time. */
  enterQueue(row: number): void {
    const { f64 } = this.table
    if (Number.isNaN(f64[row + this.#dueAt]!)) this.#setLast(row, f64[row + this.lastAt]!)
  }

  /** Appends the rows changed since the last call, at wall time, and begins a new epoch. Gives the number of records. */
  writeChanges(sink: ChangeSink, wallTimeMs: number): number {
    const { table } = this
    const count = table.dirtyCount
    if (count === 0 && !this.#closeIsDue) return 0
    let written = 0
    if (this.#header.isDue) this.#header.write(sink, wallTimeMs)
    for (let n = 0; n < count; n++) {
      const row = table.dirtyRow(n)
      const isLive = table.isLive(row)
      // What came and went between two writes is nobody's business.
      if (!isLive && table.f64[row + this.#storedAt] === 0) continue
      written++
      const keyStart = table.keyStart(row)
      const keyEnd = table.keyEnd(row)
      if (isLive) {
        table.f64[row + this.#storedAt] = 1
        const valueEnd = this.#codec.encode(table, row, this.keyKind)
        sink.append(wallTimeMs, table.keyBytes, keyStart, keyEnd, this.#codec.bytes, 0, valueEnd)
      } else sink.append(wallTimeMs, table.keyBytes, keyStart, keyEnd, null, 0, 0)
    }
    table.clearDirty()
    if (this.#closeIsDue) this.#writeClose(sink, wallTimeMs)
    return Math.max(1, written)
  }

  /** Takes over one changelog record while restoring. Throws `LayoutChangedError` when its rows are of no use. */
  apply(record: ChangeRecord, nowMs: number): void {
    const { buffer, keyStart, keyEnd } = record
    const form = keyForm(true, buffer, keyStart, keyEnd)
    if (form === 'header') {
      this.#header.apply(record, nowMs)
      for (const held of this.#header.takeHeld()) this.apply(held, nowMs)
    } else if (this.#header.holdsBack(record, form === 'row')) return
    else if (form === 'row') this.#applyRow(record)
    else this.closedBelow = Math.max(this.closedBelow, readStart(buffer, record.valueStart))
  }

  /** Ends a restore; throws `LayoutChangedError` when the stored columns do not fit. */
  finishRestore(): void {
    this.#header.finish()
  }

  #applyRow(record: ChangeRecord): void {
    const { table } = this
    const { buffer, keyStart, keyEnd } = record
    if (record.valueStart >= 0) {
      const { size } = table
      const row = table.upsert(buffer, keyStart, keyEnd)
      this.#header.keyKind = this.#codec.decode(buffer, record.valueStart, record.valueEnd, table, row)
      // At once: to link a million rows at the end of the restore would hold up everything else.
      if (table.size > size) this.#addStored(row, readStart(buffer, keyStart))
      return
    }
    const row = table.find(buffer, keyStart, keyEnd)
    if (row === 0) return
    this.#unlink(row)
    table.f64[row + this.#dueAt] = Number.NaN
    table.discard(row)
  }

  #addStored(row: number, start: number): void {
    const { f64 } = this.table
    f64[row + this.startAt] = start
    f64[row + this.#storedAt] = 1
    this.#setLast(row, this.lastOf(row))
    this.#link(row)
  }

  /** A row that nothing leads to yet. The key may lie in the table itself. */
  #newRow(key: Buffer, start: number, end: number, sessionStart: number): number {
    const length = WINDOW_START_BYTES + end - start
    if (this.#key.length < length) this.#key = Buffer.alloc(2 * length)
    writeStart(this.#key, 0, sessionStart)
    key.copy(this.#key, WINDOW_START_BYTES, start, end)
    invariant(this.table.find(this.#key, 0, length) === 0, `Two sessions of a key start at ${sessionStart}`)
    const row = this.table.upsert(this.#key, 0, length)
    this.table.f64[row + this.startAt] = sessionStart
    return row
  }

  #setLast(row: number, last: number): void {
    const { f64 } = this.table
    f64[row + this.lastAt] = last
    f64[row + this.#dueAt] = last
    this.#heap.push(last, row)
  }

  /** Puts a row at its place among the sessions of its key. */
  #link(row: number): void {
    const { table } = this
    const { f64 } = table
    const keys = this.#keys
    const entry = keys.upsert(table.keyBytes, this.keyStart(row), table.keyEnd(row))
    let newer = 0
    let older = keys.f64[entry]!
    while (older !== 0 && f64[older + this.startAt]! > f64[row + this.startAt]!) {
      newer = older
      older = f64[older + this.#olderAt]!
    }
    f64[row + this.#olderAt] = older
    f64[row + this.#newerAt] = newer
    if (older !== 0) f64[older + this.#newerAt] = row
    if (newer !== 0) f64[newer + this.#olderAt] = row
    else keys.f64[entry] = row
  }

  /** Makes `older` the newest session of the row's key. */
  #setNewest(row: number, older: number): void {
    const keys = this.#keys
    const entry = keys.find(this.table.keyBytes, this.keyStart(row), this.table.keyEnd(row))
    if (older === 0) keys.discard(entry)
    else keys.f64[entry] = older
  }

  #forget(row: number): void {
    this.table.f64[row + this.#dueAt] = Number.NaN
    this.table.remove(row)
  }

  #writeClose(sink: ChangeSink, wallTimeMs: number): void {
    const bound = Buffer.alloc(WINDOW_START_BYTES)
    writeStart(bound, 0, this.closedBelow)
    sink.append(wallTimeMs, closeKey, 0, closeKey.length, bound, 0, WINDOW_START_BYTES)
    this.#closeIsDue = false
  }
}
