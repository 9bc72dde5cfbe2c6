/**
 * Knows from which changelog offset on a window store can be restored, and moves rows that hold it back.
 *
 * Per window it keeps the first offset that wrote a row of it: older than the oldest row needed, so always
 * safe. A window that stands in the way is written again slice by slice; when the last slice is in the log,
 * its first offset is that of the first slice, for a row written meanwhile lies behind that anyway.
 */
import type { KeyTable } from './key-table.ts'

/** What the ledger keeps per open window. */
export interface TrimWindow {
  readonly table: KeyTable
  firstOffset: number
  rewrite: Rewrite | undefined
}

interface Rewrite {
  /** Next row to mark, 0 when all are. */
  row: number
  /** Where the first slice lies; `Infinity` until its write is acknowledged. */
  offset: number
  isBegun: boolean
  isWritten: boolean
}

interface Write {
  readonly windows: readonly { window: TrimWindow; begins: boolean; ends: boolean }[]
  readonly header: 'none' | 'running' | 'all'
}

export class TrimLedger {
  /** The next write must carry all headers. */
  headersDue = false
  #headerOffset = Number.POSITIVE_INFINITY
  readonly #unacknowledged: Write[] = []

  /** Notes what a write contained. */
  written(windows: readonly TrimWindow[], hasHeader: boolean): void {
    this.#unacknowledged.push({
      windows: windows.map(window => ({ window, begins: begins(window), ends: ends(window) })),
      header: this.headersDue ? 'all' : hasHeader ? 'running' : 'none',
    })
    this.headersDue = false
  }

  acknowledge(baseOffset: number): void {
    const write = this.#unacknowledged.shift()
    if (write === undefined) throw new Error('An acknowledgement without a write')
    if (write.header === 'all') this.#headerOffset = baseOffset
    else if (write.header === 'running') this.headerRead(baseOffset)
    for (const { window, begins, ends } of write.windows) {
      window.firstOffset = Math.min(window.firstOffset, baseOffset)
      if (begins) window.rewrite!.offset = baseOffset
      if (!ends) continue
      window.firstOffset = window.rewrite!.offset
      window.rewrite = undefined
    }
  }

  headerRead(offset: number): void {
    this.#headerOffset = Math.min(this.#headerOffset, offset)
  }

  rowRead(window: TrimWindow, offset: number): void {
    if (offset < window.firstOffset) window.firstOffset = offset
  }

  trimOffset(windows: Iterable<TrimWindow>): number {
    let first = this.#headerOffset
    for (const { firstOffset } of windows) first = Math.min(first, firstOffset)
    return first === Number.POSITIVE_INFINITY ? 0 : first
  }

  rewriteOlderThan(windows: Iterable<TrimWindow>, offset: number, rowsMax: number): number {
    if (this.#headerOffset < offset && !this.#unacknowledged.some(({ header }) => header === 'all'))
      this.headersDue = true
    let marked = 0
    for (const window of windows) {
      if (window.firstOffset >= offset || marked >= rowsMax) continue
      if (window.table.size === 0 && window.table.dirtyCount === 0) {
        window.firstOffset = Number.POSITIVE_INFINITY
        continue
      }
      window.rewrite ??= {
        row: window.table.firstRow(),
        offset: Number.POSITIVE_INFINITY,
        isBegun: false,
        isWritten: false,
      }
      marked += markRows(window.table, window.rewrite, rowsMax - marked)
    }
    return marked
  }
}

function markRows(table: KeyTable, rewrite: Rewrite, rowsMax: number): number {
  let marked = 0
  for (; rewrite.row !== 0 && marked < rowsMax; marked++) {
    if (table.isLive(rewrite.row)) table.touch(rewrite.row)
    rewrite.row = table.nextRow(rewrite.row)
  }
  return marked
}

function begins({ rewrite }: TrimWindow): boolean {
  if (rewrite === undefined || rewrite.isBegun) return false
  rewrite.isBegun = true
  return true
}

function ends({ rewrite }: TrimWindow): boolean {
  if (rewrite === undefined || rewrite.row !== 0 || rewrite.isWritten) return false
  rewrite.isWritten = true
  return true
}
