import type { ChangeRecord, ChangeSink } from './changelog.ts'
import { isEscaped, keyForm } from './changelog-key.ts'
import type { KeyTable } from './key-table.ts'
import type { StoreLayout } from './layout.ts'
import { RowCodec, type StoreDefinition } from './row-codec.ts'
import { RowWriter } from './row-writer.ts'
import type { Store } from './store.ts'
import { StoreHeader } from './store-header.ts'

/** A store of one row per key. */
export class TableStore implements Store {
  readonly table: KeyTable
  readonly #codec: RowCodec
  readonly #header: StoreHeader
  readonly #rows: RowWriter

  constructor(definition: StoreDefinition) {
    this.#codec = new RowCodec(definition)
    this.#rows = new RowWriter(this.#codec)
    this.#header = new StoreHeader(definition.layout, this.#codec, () => [this.table])
    this.table = this.#codec.newTable()
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

  get size(): number {
    return this.table.size
  }

  get byteLength(): number {
    return this.table.byteLength
  }

  /** An empty table for rows like those of this store. */
  newTable(): KeyTable {
    return this.#codec.newTable()
  }

  /** The next `writeChanges` has something to write. */
  get hasChanges(): boolean {
    return this.table.dirtyCount > 0
  }

  /** True when a key of that kind may enter; the first one decides (SEMANTICS 5.1). */
  acceptKeyKind(kind: number): boolean {
    return this.#header.acceptKeyKind(kind)
  }

  /** Appends every row changed since the last call, at wall time, and begins a new epoch. Gives the number of records. */
  writeChanges(sink: ChangeSink, wallTimeMs: number): number {
    const { table } = this
    const count = table.dirtyCount
    if (count === 0) return 0
    if (this.#header.isDue) this.#header.write(sink, wallTimeMs)
    this.#rows.write(sink, table, this.keyKind, wallTimeMs)
    table.clearDirty()
    return count
  }

  /** Takes over one changelog record while restoring. Throws `LayoutChangedError` when its rows are of no use. */
  apply(record: ChangeRecord, nowMs: number): void {
    const { buffer, keyEnd } = record
    const form = keyForm(false, buffer, record.keyStart, keyEnd)
    if (form === 'header') {
      this.#header.apply(record, nowMs)
      for (const held of this.#header.takeHeld()) this.apply(held, nowMs)
      return
    }
    if (this.#header.holdsBack(record, form === 'row')) return
    const keyStart = record.keyStart + (isEscaped(buffer, record.keyStart, keyEnd) ? 1 : 0)
    if (record.valueStart >= 0) {
      const row = this.table.upsert(buffer, keyStart, keyEnd)
      this.#header.keyKind = this.#codec.decode(buffer, record.valueStart, record.valueEnd, this.table, row)
      return
    }
    const row = this.table.find(buffer, keyStart, keyEnd)
    if (row !== 0) this.table.discard(row)
  }

  /** Ends a restore; throws `LayoutChangedError` when the stored columns do not fit. */
  finishRestore(): void {
    this.#header.finish()
  }
}
