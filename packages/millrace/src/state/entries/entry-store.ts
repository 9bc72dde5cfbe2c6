import { KeyBuffer } from '../../serde/sink.ts'
import type { ChangeRecord, ChangeSink } from '../changelog.ts'
import { keyForm } from '../changelog-key.ts'
import { KeyTable } from '../key-table.ts'
import { placesText, type StoreLayout } from '../layout.ts'
import type { ObjectCodec } from '../row-codec.ts'
import type { Store } from '../store.ts'
import { type LayoutReader, StoreHeader } from '../store-header.ts'
import { Cell, KeyEntries, ListCells, MapCells, type Slot } from './cell.ts'
import { EntryChanges } from './changes.ts'
import { type EntryPlace, entryPlace, readSubKey, slotPrefix, writeEntryKey } from './entry-key.ts'

/** What a store of entries is made of: one column of the layout, and one codec, for each place but those of timers. */
export interface EntryStoreDefinition {
  readonly layout: StoreLayout
  /** By place: the columns of the layout in order, then those of timers. */
  readonly slots: readonly Slot[]
  readonly codecs: readonly Pick<ObjectCodec, 'encode' | 'decode'>[]
  readonly nextSeed: () => number
}

/** Layout version, key kind, time, order: what stands in front of an entry's JSON. */
const PREFIX_BYTES = 18

/**
 * A store of named values, lists, maps and timers under each key. A record of its changelog is one entry, so that a
 * change of a long list or a large map costs what changed.
 */
export class EntryStore implements Store, LayoutReader {
  readonly slots: readonly Slot[]
  readonly changes = new EntryChanges()
  readonly #definition: EntryStoreDefinition
  /** The keys, and behind each what lies under it. */
  readonly table: KeyTable
  readonly #header: StoreHeader
  readonly #prefixes: readonly Uint8Array[]
  /** By version of a stored layout, the versions of its columns' states that are still the running ones. */
  readonly #readable = new Map<number, ReadonlyMap<string, number>>()
  readonly #key = new KeyBuffer()
  /** Maps to be put in order at the end of a restore. */
  readonly #unsorted = new Set<MapCells>()
  #layout: StoreLayout
  #value = Buffer.alloc(256)

  constructor(definition: EntryStoreDefinition) {
    this.#definition = definition
    this.slots = definition.slots
    this.#prefixes = definition.slots.map(slotPrefix)
    this.#layout = definition.layout
    this.#header = new StoreHeader(definition.layout, this, () => [])
    const count = definition.slots.length
    this.table = new KeyTable({
      columns: 1,
      initial: Float64Array.of(0),
      seed: definition.nextSeed(),
      objects: [{ column: 0, initial: () => new KeyEntries(count) }],
    })
  }

  get layout(): StoreLayout {
    return this.#header.layout
  }

  get keyKind(): number {
    return this.#header.keyKind
  }

  /** Keys with something under them. */
  get size(): number {
    return this.table.size
  }

  get byteLength(): number {
    return this.table.byteLength
  }

  get hasChanges(): boolean {
    return this.changes.dirty.length > 0
  }

  acceptKeyKind(kind: number): boolean {
    return this.#header.acceptKeyKind(kind)
  }

  /** What lies under a key, to be changed through `changes`. */
  entriesOf(bytes: Buffer, start: number, end: number): KeyEntries {
    const row = this.table.upsert(bytes, start, end)
    const entries = this.#at(row)
    if (entries.row !== row) {
      entries.row = row
      this.changes.touch(entries)
    }
    return entries
  }

  /** The same for a look from outside; undefined where there is nothing. */
  find(bytes: Uint8Array, start: number, end: number): KeyEntries | undefined {
    const row = this.table.find(bytes, start, end)
    return row === 0 ? undefined : this.#at(row)
  }

  /** The memory that keys lie in; a new key may replace it. */
  get keyBytes(): Buffer {
    return this.table.keyBytes
  }

  keyStart({ row }: KeyEntries): number {
    return this.table.keyStart(row)
  }

  keyEnd({ row }: KeyEntries): number {
    return this.table.keyEnd(row)
  }

  /** Every key's entries, in no particular order. */
  *all(): Iterable<KeyEntries> {
    for (let row = this.table.firstRow(); row !== 0; row = this.table.nextRow(row)) yield this.#at(row)
  }

  writeChanges(sink: ChangeSink, wallTimeMs: number): number {
    const { dirty, touched } = this.changes
    if (dirty.length > 0 && this.#header.isDue) this.#header.write(sink, wallTimeMs)
    for (const cell of dirty) this.#write(sink, wallTimeMs, cell)
    const count = dirty.length
    dirty.length = 0
    for (const entries of touched) {
      entries.isTouched = false
      if (entries.isEmpty) this.table.discard(entries.row)
    }
    touched.length = 0
    return count
  }

  #write(sink: ChangeSink, wallTimeMs: number, cell: Cell): void {
    const { owner, slot, sub } = cell
    const key = this.#key
    const { kind } = this.slots[slot]!
    const start = this.keyStart(owner)
    writeEntryKey(key, kind, this.#prefixes[slot]!, this.keyBytes, start, this.keyEnd(owner), sub)
    cell.isDirty = false
    if (cell.value === undefined) return sink.append(wallTimeMs, key.buffer, 0, key.position, null, 0, 0)
    const end = this.#encode(cell)
    sink.append(wallTimeMs, key.buffer, 0, key.position, this.#value, 0, end)
  }

  #encode({ slot, value, time, order }: Cell): number {
    const codec = this.#definition.codecs[slot]
    const text = this.#textOf(slot, codec === undefined ? value : codec.encode(value))
    const lengthMax = PREFIX_BYTES + text.length * 3
    if (this.#value.length < lengthMax) this.#value = Buffer.alloc(2 * lengthMax)
    const bytes = this.#value
    bytes[0] = this.layout.version
    bytes[1] = this.keyKind
    bytes.writeDoubleLE(time, 2)
    bytes.writeDoubleLE(order, 10)
    return PREFIX_BYTES + bytes.write(text, PREFIX_BYTES)
  }

  #textOf(slot: number, value: unknown): string {
    try {
      const text = JSON.stringify(value) as string | undefined
      if (text !== undefined) return text
    } catch (error) {
      throw this.#notJson(slot, String(error))
    }
    throw this.#notJson(slot, `it is a ${typeof value}`)
  }

  #notJson(slot: number, why: string): Error {
    const { step } = this.layout
    return new Error(
      `State "${this.slots[slot]!.name}" of step "${step}" holds what JSON cannot (${why}): give the state encode and decode`,
    )
  }

  apply(record: ChangeRecord, nowMs: number): void {
    const { buffer, keyStart, keyEnd, valueStart } = record
    const form = keyForm(false, buffer, keyStart, keyEnd)
    if (form === 'header') {
      this.#header.apply(record, nowMs)
      for (const held of this.#header.takeHeld()) this.apply(held, nowMs)
      return
    }
    if (this.#header.holdsBack(record, form === 'row')) return
    const place = entryPlace(buffer, keyStart)
    const slot = this.slots.findIndex(({ name, kind }) => name === place.name && kind === place.kind)
    if (slot < 0) return
    if (valueStart < 0) this.#remove(record, place, slot)
    else this.#read(record, place, slot)
  }

  #remove({ buffer, keyEnd }: ChangeRecord, place: EntryPlace, slot: number): void {
    const entries = this.find(buffer, place.keyStart, place.keyEnd)
    if (entries === undefined) return
    const cell = cellAt(entries, slot, readSubKey(place, buffer, keyEnd))
    if (cell !== undefined) this.#discard(cell)
  }

  #discard(cell: Cell): void {
    const { owner, slot } = cell
    const held = owner.slots[slot]!
    if (held instanceof Cell) owner.slots[slot] = undefined
    else if (held instanceof MapCells) held.cells.delete(cell.sub!)
    else held.cells.splice(held.placeOf(cell.sub as number), 1)
    cell.value = undefined
    if (owner.isEmpty) this.table.discard(owner.row)
  }

  #read({ buffer, keyEnd, valueStart, valueEnd }: ChangeRecord, place: EntryPlace, slot: number): void {
    const version = this.#versionOf(buffer[valueStart]!, place)
    if (version === undefined) return
    this.#header.keyKind = buffer[valueStart + 1]!
    const stored: unknown = JSON.parse(buffer.toString('utf8', valueStart + PREFIX_BYTES, valueEnd))
    const row = this.table.upsert(buffer, place.keyStart, place.keyEnd)
    const entries = this.#at(row)
    entries.row = row
    const cell = cellFor(entries, slot, place, readSubKey(place, buffer, keyEnd))
    const codec = this.#definition.codecs[slot]
    cell.value = codec === undefined ? stored : codec.decode(stored, version)
    cell.time = buffer.readDoubleLE(valueStart + 2)
    cell.order = buffer.readDoubleLE(valueStart + 10)
    const held = entries.slots[slot]
    if (held instanceof ListCells) held.next = Math.max(held.next, (cell.sub as number) + 1)
    else if (held instanceof MapCells) {
      // A map that was changed last at an entry in its middle has that entry last in the changelog.
      if (cell.order < held.next) this.#unsorted.add(held)
      held.next = Math.max(held.next, cell.order + 1)
    }
  }

  /** The version an entry's state was written with; undefined where it is another state than the running one. */
  #versionOf(layoutVersion: number, { kind, name }: EntryPlace): number | undefined {
    const isTimer = kind === 'event-timer' || kind === 'wall-timer'
    return isTimer ? 1 : this.#readable.get(layoutVersion)!.get(name)
  }

  finishRestore(): void {
    this.#header.finish()
    for (const map of this.#unsorted) map.sort()
    this.#unsorted.clear()
  }

  reads(version: number): boolean {
    return this.#readable.has(version)
  }

  /** Entries of a state that was dropped and added again, or means something else now, are forgotten. */
  use(layout: StoreLayout, storedLayouts: Iterable<StoreLayout>): void {
    const renewed = layout.columns.filter(column => !isSameState(column, this.#layout))
    this.#layout = layout
    for (const entries of renewed.length === 0 ? [] : [...this.all()]) {
      for (const { name } of renewed) {
        const slot = this.slots.findIndex(each => each.name === name)
        for (const cell of [...entries.cellsOf(slot)]) this.#discard(cell)
      }
    }
    this.#readable.clear()
    for (const stored of storedLayouts) {
      const same = stored.columns.filter(column => isSameState(column, layout))
      this.#readable.set(stored.version, new Map(same.map(({ name, version }) => [name, version])))
    }
  }

  #at(row: number): KeyEntries {
    return this.table.objects[this.table.f64[row]!] as KeyEntries
  }
}

function isSameState(column: StoreLayout['columns'][number], layout: StoreLayout): boolean {
  const now = layout.columns.find(({ name }) => name === column.name)
  return now !== undefined && now.since === column.since && placesText(now) === placesText(column)
}

function cellAt(entries: KeyEntries, slot: number, sub: Cell['sub']): Cell | undefined {
  const held = entries.slots[slot]
  if (held === undefined || held instanceof Cell) return held
  if (held instanceof MapCells) return held.cells.get(sub!)
  const cell = held.cells[held.placeOf(sub as number)]
  return cell?.sub === sub ? cell : undefined
}

function cellFor(entries: KeyEntries, slot: number, { kind }: EntryPlace, sub: Cell['sub']): Cell {
  const known = cellAt(entries, slot, sub)
  if (known !== undefined) return known
  const cell = new Cell(entries, slot, sub)
  if (kind === 'value') entries.slots[slot] = cell
  else if (kind === 'list') {
    const list = entries.list(slot)
    list.cells.splice(list.placeOf(sub as number), 0, cell)
  } else entries.map(slot).cells.set(sub!, cell)
  return cell
}
