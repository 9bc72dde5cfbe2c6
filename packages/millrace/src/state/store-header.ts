/**
 * What a store's changelog says about the store as a whole: under which layouts its rows were written and
 * of which kind its keys are. One reserved record per layout version.
 */
import { invariant } from '../std/assert.ts'
import type { ChangeRecord, ChangeSink } from './changelog.ts'
import { headerKey } from './changelog-key.ts'
import type { KeyTable } from './key-table.ts'
import { adoptLayout, checkRows, LayoutChangedError, type StoreLayout } from './layout.ts'

/** Reads the rows of a store, whatever layout of it they were written under. */
export interface LayoutReader {
  /** Rows are written under `layout` from now on, and those of the `storedLayouts` are read; `tables` hold what is there. */
  use(layout: StoreLayout, storedLayouts: Iterable<StoreLayout>, tables: Iterable<KeyTable>): void
  /** Whether rows of that layout version can be read. */
  reads(version: number): boolean
}

interface StoredHeader {
  readonly layout: StoreLayout
  readonly keyKind: number
}

export class StoreHeader {
  /** The layout rows are written under: the wanted one, or what it became on meeting a stored one. */
  layout: StoreLayout
  /** Kind of the keys (SEMANTICS 5.1), 0 until the first key. */
  keyKind = 0
  /** Whether the next write must carry the header. */
  isDue = true
  readonly #wanted: StoreLayout
  readonly #codec: LayoutReader
  readonly #tables: () => Iterable<KeyTable>
  readonly #stored = new Map<number, StoreLayout>()
  readonly #held: ChangeRecord[] = []
  #refusal: LayoutChangedError | undefined

  /** `tables` gives the store's tables of the moment. */
  constructor(wanted: StoreLayout, codec: LayoutReader, tables: () => Iterable<KeyTable>) {
    this.#tables = tables
    this.layout = wanted
    this.#wanted = wanted
    this.#codec = codec
  }

  /** True when keys of that kind may come: the first key of a store decides. */
  acceptKeyKind(kind: number): boolean {
    if (this.keyKind === 0) {
      this.keyKind = kind
      this.isDue = true
    }
    return this.keyKind === kind
  }

  /** Appends the header of the running layout, or, before older records are trimmed, of every one. */
  write(sink: ChangeSink, wallTimeMs: number, which: 'running' | 'all' = 'running'): void {
    this.#stored.set(this.layout.version, this.layout)
    for (const layout of which === 'all' ? this.#stored.values() : [this.layout]) {
      const key = headerKey(layout.version)
      const value = Buffer.from(JSON.stringify({ layout, keyKind: this.keyKind } satisfies StoredHeader))
      sink.append(wallTimeMs, key, 0, key.length, value, 0, value.length)
    }
    this.isDue = false
  }

  /** Takes over a stored header. Throws `LayoutChangedError` when the rows are of no use to this code. */
  apply(record: ChangeRecord, nowMs: number): void {
    const text = record.buffer.toString('utf8', record.valueStart, record.valueEnd)
    const { layout, keyKind } = JSON.parse(text) as StoredHeader
    checkRows(layout, this.#wanted)
    this.#stored.set(layout.version, layout)
    if (keyKind !== 0) this.keyKind = keyKind
    if (layout.version === Math.max(...this.#stored.keys())) this.#adopt(layout, nowMs)
    this.#codec.use(this.layout, this.#stored.values(), this.#tables())
  }

  /**
   * Keeps a record back that comes before the header it needs (a header written again stands behind rows
   * that it describes), and everything behind such a record.
   */
  holdsBack(record: ChangeRecord, isRow: boolean): boolean {
    const isReadable = !isRow || record.valueStart < 0 || this.#codec.reads(record.buffer[record.valueStart]!)
    if (isReadable && this.#held.length === 0) return false
    this.#held.push(copyOf(record))
    return true
  }

  /** The records kept back, to be applied again after a header came. */
  takeHeld(): ChangeRecord[] {
    return this.#held.splice(0)
  }

  /** Only the newest columns must fit: those before were taken over by the code that wrote the newest. */
  #adopt(stored: StoreLayout, nowMs: number): void {
    this.#refusal = undefined
    try {
      this.layout = adoptLayout(stored, this.#wanted, nowMs)
      this.isDue = this.layout !== stored
    } catch (error) {
      if (!(error instanceof LayoutChangedError)) throw error
      this.#refusal = error
    }
  }

  /** Ends a restore. Throws `LayoutChangedError` when the newest stored columns do not fit the wanted ones. */
  finish(): void {
    if (this.#refusal !== undefined) throw this.#refusal
    invariant(
      this.#held.length === 0,
      `The changelog of step "${this.#wanted.step}" lacks the header of some rows`,
    )
  }
}

function copyOf({ buffer, keyStart, keyEnd, valueStart, valueEnd, offset }: ChangeRecord): ChangeRecord {
  const end = valueStart < 0 ? keyEnd : valueEnd
  const shift = (at: number) => (at < 0 ? -1 : at - keyStart)
  return {
    buffer: Buffer.from(buffer.subarray(keyStart, end)),
    keyStart: 0,
    keyEnd: shift(keyEnd),
    valueStart: shift(valueStart),
    valueEnd: shift(valueEnd),
    offset,
  }
}
