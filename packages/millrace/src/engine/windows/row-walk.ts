import type { KeyTable } from '../../state/key-table.ts'

/** Gives one row after the other, 0 at the end; rows given before may be removed meanwhile. */
export interface RowWalk {
  next(): number
}

/** The rows as they lie in memory. */
export class MemoryWalk implements RowWalk {
  readonly #table: KeyTable
  #row = -1
  constructor(table: KeyTable) {
    this.#table = table
  }
  next(): number {
    this.#row = this.#row === -1 ? this.#table.firstRow() : this.#table.nextRow(this.#row)
    return this.#row
  }
}

/** The rows by their keys' bytes. */
export class SortedWalk implements RowWalk {
  readonly #rows: number[] = []
  #at = 0
  constructor(table: KeyTable) {
    for (let row = table.firstRow(); row !== 0; row = table.nextRow(row)) this.#rows.push(row)
    const bytes = table.keyBytes
    this.#rows.sort((a, b) =>
      bytes.compare(bytes, table.keyStart(b), table.keyEnd(b), table.keyStart(a), table.keyEnd(a)),
    )
  }
  next(): number {
    return this.#rows[this.#at++] ?? 0
  }
}

/** The rows of a walk whose keys another table lacks. */
export class WalkWithout implements RowWalk {
  readonly #walk: RowWalk
  readonly #table: KeyTable
  readonly #without: KeyTable
  constructor(walk: RowWalk, table: KeyTable, without: KeyTable) {
    this.#walk = walk
    this.#table = table
    this.#without = without
  }
  next(): number {
    for (;;) {
      const row = this.#walk.next()
      if (row === 0) return 0
      const table = this.#table
      if (this.#without.find(table.keyBytes, table.keyStart(row), table.keyEnd(row)) === 0) return row
    }
  }
}
