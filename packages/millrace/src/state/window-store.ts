import { invariant } from '../std/assert.ts'
import { isBroken } from '../std/broken-rules.ts'
import type { ChangeRecord, ChangeSink } from './changelog.ts'
import { closeKey, keyForm, readStart, WINDOW_START_BYTES, writeStart } from './changelog-key.ts'
import type { KeyTable } from './key-table.ts'
import type { StoreLayout } from './layout.ts'
import { RowCodec, type StoreDefinition } from './row-codec.ts'
import { RowWriter } from './row-writer.ts'
import type { Store } from './store.ts'
import { StoreHeader } from './store-header.ts'
import { TrimLedger, type TrimWindow } from './trim-ledger.ts'

interface OpenWindow extends TrimWindow {
  readonly start: number
}

/** Tables kept for later windows; more only hold memory. */
const POOL_MAX = 2
const ignoresCloseMarkers = isBroken('2.6')

/** A store of one table per open window, known by its start. Windows close from the earliest on. */
export class WindowStore implements Store {
  /** Windows that start before this are gone for good. */
  closedBelow = Number.NEGATIVE_INFINITY
  readonly #windows = new Map<number, OpenWindow>()
  /** Those of the open windows from `#earliest` on, ascending: taking off the first of very many must not move the others. */
  readonly #starts: number[] = []
  #earliest = 0
  /** Starts of windows with dirty rows: of very many open windows a commit must not look at each. */
  readonly #touched = new Set<number>()
  readonly #pool: KeyTable[] = []
  readonly #codec: RowCodec
  readonly #header: StoreHeader
  readonly #ledger = new TrimLedger()
  #closeIsDue = false
  #lastStart = Number.NaN
  #lastTable: KeyTable | undefined
  readonly #rows: RowWriter
  readonly #startBytes = Buffer.alloc(WINDOW_START_BYTES)

  constructor(definition: StoreDefinition) {
    this.#codec = new RowCodec(definition)
    this.#rows = new RowWriter(this.#codec)
    const tables = () => [...this.#windows.values()].map(({ table }) => table)
    this.#header = new StoreHeader(definition.layout, this.#codec, tables)
  }

  get layout(): StoreLayout {
    return this.#header.layout
  }

  get keyKind(): number {
    return this.#header.keyKind
  }

  get dirtyCount(): number {
    let count = 0
    for (const start of this.#touched) count += this.#windows.get(start)!.table.dirtyCount
    return count
  }

  /** Rows of all open windows. */
  get size(): number {
    let rows = 0
    for (const { table } of this.#windows.values()) rows += table.size
    return rows
  }

  get byteLength(): number {
    let bytes = 0
    for (const { table } of this.#windows.values()) bytes += table.byteLength
    for (const table of this.#pool) bytes += table.byteLength
    return bytes
  }

  /** Starts of the open windows, ascending. Closing a window leaves the answer of no use. */
  get starts(): readonly number[] {
    this.#leaveOutClosed()
    return this.#starts
  }

  /** The earliest open start, `undefined` when no window is open. */
  get earliestStart(): number | undefined {
    return this.#starts[this.#earliest]
  }

  /** The next `writeChanges` has something to write. */
  get hasChanges(): boolean {
    return this.#closeIsDue || this.#touched.size > 0
  }

  /** True when a key of that kind may enter; the first one decides (SEMANTICS 5.1). */
  acceptKeyKind(kind: number): boolean {
    return this.#header.acceptKeyKind(kind)
  }

  /** The table of the window, opened if need be. A window that was closed must not be asked for again. */
  tableFor(start: number): KeyTable {
    if (start === this.#lastStart) return this.#lastTable!
    const table = this.#windows.get(start)?.table ?? this.#open(start)
    this.#lastStart = start
    this.#lastTable = table
    return table
  }

  /** The table of an open window. */
  openTable(start: number): KeyTable | undefined {
    return this.#windows.get(start)?.table
  }

  /** Closes the earliest window: its rows are gone, and the next write says so with one record. */
  drop(start: number): void {
    invariant(start === this.earliestStart, `Window ${start} closes before ${this.earliestStart}`)
    this.closeBelow(start + 1)
  }

  /** Closes everything that starts before `bound`: the rows are gone, and the next write says so with one record. */
  closeBelow(bound: number): void {
    this.#dropBelow(bound)
    this.#closeIsDue = true
  }

  /** An empty table for rows of this store and so many doubles more that are no part of it. */
  newTable(extraDoubles?: number): KeyTable {
    return this.#codec.newTable(extraDoubles)
  }

  /**
   * Appends the rows changed since the last call and the close marker, at wall time, and begins a new epoch.
   * Gives the number of rows and markers; unless it is 0, `acknowledge` must follow when they are in the log.
   */
  writeChanges(sink: ChangeSink, wallTimeMs: number): number {
    const headers = this.#ledger.headersDue
    // What stands before the headers is about to be trimmed, the last close marker too.
    if (headers && Number.isFinite(this.closedBelow)) this.#closeIsDue = true
    const count = this.dirtyCount + (this.#closeIsDue ? 1 : 0)
    if (count === 0 && !headers) return 0
    const writesHeader = this.#header.isDue || headers
    if (writesHeader) this.#header.write(sink, wallTimeMs, headers ? 'all' : 'running')
    const written = this.#touchedWindows()
    for (const window of written) this.#writeWindow(window, sink, wallTimeMs)
    this.#touched.clear()
    if (this.#closeIsDue) this.#writeClose(sink, wallTimeMs)
    this.#ledger.written(written, writesHeader)
    return Math.max(1, count)
  }

  /** The oldest write not yet acknowledged is in the log, its first record at `baseOffset`. */
  acknowledge(baseOffset: number): void {
    this.#ledger.acknowledge(baseOffset)
  }

  /** Changelog records before this offset are needed by no open row; 0 while that is not known. */
  trimOffset(): number {
    return this.#ledger.trimOffset(this.#windows.values())
  }

  /**
   * Marks rows that stand before `offset` in the changelog as changed, at most `rowsMax` of them, so that
   * the next write moves them on. Call it between writes until it gives 0; `trimOffset` follows by itself.
   */
  rewriteOlderThan(offset: number, rowsMax: number): number {
    return this.#ledger.rewriteOlderThan(this.#windows.values(), offset, rowsMax)
  }

  /** Takes over one changelog record while restoring. Throws `LayoutChangedError` when its rows are of no use. */
  apply(record: ChangeRecord, nowMs: number): void {
    const form = keyForm(true, record.buffer, record.keyStart, record.keyEnd)
    if (form === 'header') {
      this.#header.apply(record, nowMs)
      this.#ledger.headerRead(record.offset)
      for (const held of this.#header.takeHeld()) this.apply(held, nowMs)
    } else if (this.#header.holdsBack(record, form === 'row')) return
    else if (form === 'row') this.#applyRow(record)
    else if (!ignoresCloseMarkers) this.#dropBelow(readStart(record.buffer, record.valueStart))
  }

  /** Ends a restore; throws `LayoutChangedError` when the stored columns do not fit. */
  finishRestore(): void {
    this.#header.finish()
    for (const start of [...this.starts]) {
      if (this.#windows.get(start)!.table.size === 0) this.#forget(start)
    }
  }

  #applyRow(record: ChangeRecord): void {
    const { buffer, keyEnd } = record
    const start = readStart(buffer, record.keyStart)
    if (start < this.closedBelow) return
    const keyStart = record.keyStart + WINDOW_START_BYTES
    if (record.valueStart >= 0) {
      const table = this.tableFor(start)
      const row = table.upsert(buffer, keyStart, keyEnd)
      this.#header.keyKind = this.#codec.decode(buffer, record.valueStart, record.valueEnd, table, row)
      this.#ledger.rowRead(this.#windows.get(start)!, record.offset)
      return
    }
    const table = this.openTable(start)
    const row = table?.find(buffer, keyStart, keyEnd) ?? 0
    if (row !== 0) table!.discard(row)
  }

  #open(start: number): KeyTable {
    invariant(
      start >= this.closedBelow,
      `Window ${start} was closed: everything below ${this.closedBelow} is`,
    )
    const table = this.#pool.pop() ?? this.#codec.newTable()
    table.onFirstTouch = () => this.#touched.add(start)
    this.#windows.set(start, { start, table, firstOffset: Number.POSITIVE_INFINITY, rewrite: undefined })
    let at = this.#starts.length
    while (at > this.#earliest && this.#starts[at - 1]! > start) at--
    this.#starts.splice(at, 0, start)
    return table
  }

  #dropBelow(bound: number): void {
    for (let start = this.earliestStart; start !== undefined && start < bound; start = this.earliestStart)
      this.#forget(start)
    this.closedBelow = Math.max(this.closedBelow, bound)
  }

  #forget(start: number): void {
    const { table } = this.#windows.get(start)!
    this.#windows.delete(start)
    this.#touched.delete(start)
    table.onFirstTouch = undefined
    if (start !== this.earliestStart) this.#starts.splice(this.#starts.indexOf(start), 1)
    else if (2 * ++this.#earliest > this.#starts.length) this.#leaveOutClosed()
    this.#lastStart = Number.NaN
    this.#lastTable = undefined
    if (this.#pool.length >= POOL_MAX) return
    table.clear()
    this.#pool.push(table)
  }

  #leaveOutClosed(): void {
    if (this.#earliest > 0) this.#starts.splice(0, this.#earliest)
    this.#earliest = 0
  }

  #touchedWindows(): OpenWindow[] {
    const starts = Float64Array.from(this.#touched).sort()
    return Array.from(starts, start => this.#windows.get(start)!)
  }

  #writeWindow({ start, table }: OpenWindow, sink: ChangeSink, wallTimeMs: number): void {
    writeStart(this.#startBytes, 0, start)
    this.#rows.write(sink, table, this.keyKind, wallTimeMs, this.#startBytes)
    table.clearDirty()
  }

  #writeClose(sink: ChangeSink, wallTimeMs: number): void {
    const bound = Buffer.alloc(WINDOW_START_BYTES)
    writeStart(bound, 0, this.closedBelow)
    sink.append(wallTimeMs, closeKey, 0, closeKey.length, bound, 0, WINDOW_START_BYTES)
    this.#closeIsDue = false
  }
}
