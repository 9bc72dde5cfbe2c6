/**
 * The value of a changelog record: what a row holds, independent of where it lies.
 *
 *   layout version (1 byte) │ key kind (1 byte) │ doubles, little-endian │ objects, one JSON array
 *
 * Rows written under an older layout are read by name: a column that is not in them keeps its initial
 * value, one that is gone is passed over.
 */
import { invariant } from '../std/assert.ts'
import { KeyHash } from './key-hash.ts'
import { KeyTable, type ObjectColumn } from './key-table.ts'
import { type LayoutColumn, placesText, type StoreLayout } from './layout.ts'

/** How a state that is not made of numbers is made and stored. */
export interface ObjectCodec<S = unknown> {
  initial(): S
  /** Gives something `JSON.stringify` keeps whole. */
  encode(state: S): unknown
  /** Reads what `encode` of the column version `version` gave. */
  decode(stored: unknown, version: number): S
}

/** What a store is made of besides its layout. */
export interface StoreDefinition {
  readonly layout: StoreLayout
  /** Initial values of all doubles, column after column. */
  readonly initial: readonly number[]
  /** One for each object, column after column. */
  readonly objects: readonly ObjectCodec[]
  /** Gives a hash seed: the tables of a store share one. */
  readonly nextSeed: () => number
}

const PREFIX_BYTES = 2

/** Where a stored row's parts go: pairs of a place in the stored value and a place in the row. */
interface Mapping {
  readonly storedDoubles: number
  readonly doubles: readonly (readonly [from: number, to: number])[]
  readonly objects: readonly (readonly [from: number, to: number, version: number])[]
}

export class RowCodec {
  /** Holds the value that `encode` wrote, from 0 on. */
  bytes: Buffer
  #layout: StoreLayout
  readonly #definition: StoreDefinition
  readonly #initial: Float64Array
  /** Places in a row, in the order of the stored value. */
  readonly #doublePlaces: readonly number[]
  readonly #objectPlaces: readonly number[]
  readonly #objectColumns: readonly ObjectColumn[]
  readonly #keyHash: KeyHash
  readonly #mappings = new Map<number, Mapping>()
  #source: Buffer | undefined
  #view: DataView
  #target: DataView

  constructor(definition: StoreDefinition) {
    this.#definition = definition
    this.#layout = definition.layout
    const { doubles, objects } = placesOf(definition.layout)
    this.#doublePlaces = doubles
    this.#objectPlaces = objects
    this.#objectColumns = objects.map((column, i) => {
      const codec = definition.objects[i]!
      return { column, initial: () => codec.initial() }
    })
    this.#keyHash = new KeyHash(definition.nextSeed())
    this.#initial = new Float64Array(doubles.length + objects.length)
    doubles.forEach((place, i) => {
      this.#initial[place] = definition.initial[i] ?? 0
    })
    this.bytes = Buffer.alloc(PREFIX_BYTES + 8 * doubles.length + 256)
    this.#target = new DataView(this.bytes.buffer, this.bytes.byteOffset)
    this.#view = this.#target
  }

  /** `extraDoubles` stand behind a row's own and begin with 0. */
  newTable(extraDoubles = 0): KeyTable {
    return new KeyTable({
      columns: this.#initial.length + extraDoubles,
      initial:
        extraDoubles === 0
          ? this.#initial
          : Float64Array.of(...this.#initial, ...new Array<number>(extraDoubles).fill(0)),
      seed: this.#keyHash,
      objects: this.#objectColumns,
    })
  }

  /**
   * Writes rows under `layout` from now on, and reads those of the `storedLayouts`. Rows already in `tables` begin anew in the columns that turn out to be other ones than those of their name before.
   */
  use(layout: StoreLayout, storedLayouts: Iterable<StoreLayout>, tables: Iterable<KeyTable>): void {
    const renewed = layout.columns.filter(column => !isSameState(column, this.#layout))
    this.#layout = layout
    for (const table of renewed.length === 0 ? [] : tables) {
      for (const { name } of renewed) this.#beginAnew(table, name)
    }
    this.#mappings.clear()
    for (const stored of storedLayouts) this.#mappings.set(stored.version, mappingOf(stored, layout))
  }

  /** Whether rows of that layout version can be read. */
  reads(version: number): boolean {
    return this.#mappings.has(version)
  }

  /** Gives what a row holds to a new row of the same table. The first one is then good for nothing but its key. */
  copyRow(table: KeyTable, from: number, to: number): void {
    const { f64, objects } = table
    for (const place of this.#doublePlaces) f64[to + place] = f64[from + place]!
    for (const place of this.#objectPlaces) objects[f64[to + place]!] = objects[f64[from + place]!]
  }

  /** Writes a row's value into `bytes` and gives its end. */
  encode(table: KeyTable, row: number, keyKind: number): number {
    const places = this.#doublePlaces
    const { f64 } = table
    this.bytes[0] = this.#layout.version
    this.bytes[1] = keyKind
    let at = PREFIX_BYTES
    for (let i = 0; i < places.length; i++, at += 8) this.#target.setFloat64(at, f64[row + places[i]!]!, true)
    return this.#objectPlaces.length === 0 ? at : this.#encodeObjects(table, row, at)
  }

  /** Sets a row of the table to the value `[start, end)` of `bytes`; gives the key kind. */
  decode(bytes: Buffer, start: number, end: number, table: KeyTable, row: number): number {
    const mapping = this.#mappings.get(bytes[start]!)
    invariant(
      mapping !== undefined,
      `Step "${this.#layout.step}" has rows of a layout it has not seen: ${bytes[start]}`,
    )
    const view = this.#viewOf(bytes)
    const { f64 } = table
    for (const [from, to] of mapping.doubles) f64[row + to] = view.getFloat64(start + from, true)
    if (mapping.objects.length > 0) this.#decodeObjects(mapping, bytes, start, end, table, row)
    return bytes[start + 1]!
  }

  #beginAnew(table: KeyTable, name: string): void {
    const first = firstPlaceOf(this.#layout, name)!
    const { doubles, objects } = this.#layout.columns.find(column => column.name === name)!
    for (let row = table.firstRow(); row !== 0; row = table.nextRow(row)) {
      for (let place = first; place < first + doubles; place++) table.f64[row + place] = this.#initial[place]!
      for (let place = first + doubles; place < first + doubles + objects; place++) {
        table.objects[table.f64[row + place]!] =
          this.#definition.objects[this.#objectPlaces.indexOf(place)]!.initial()
      }
    }
  }

  #encodeObjects(table: KeyTable, row: number, at: number): number {
    const states = this.#objectPlaces.map((place, i) =>
      this.#definition.objects[i]!.encode(table.objects[table.f64[row + place]!]),
    )
    const text = JSON.stringify(states)
    if (this.bytes.length < at + text.length * 3) {
      const larger = Buffer.alloc(2 * (at + text.length * 3))
      this.bytes.copy(larger, 0, 0, at)
      this.bytes = larger
      this.#target = new DataView(larger.buffer, larger.byteOffset)
    }
    return at + this.bytes.write(text, at)
  }

  #decodeObjects(
    mapping: Mapping,
    bytes: Buffer,
    start: number,
    end: number,
    table: KeyTable,
    row: number,
  ): void {
    const states: unknown[] = JSON.parse(
      bytes.toString('utf8', start + PREFIX_BYTES + 8 * mapping.storedDoubles, end),
    )
    for (const [from, to, version] of mapping.objects) {
      const codec = this.#definition.objects[this.#objectPlaces.indexOf(to)]!
      table.objects[table.f64[row + to]!] = codec.decode(states[from], version)
    }
  }

  #viewOf(bytes: Buffer): DataView {
    if (bytes !== this.#source) {
      this.#source = bytes
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    return this.#view
  }
}

/** A row holds, column after column, first its doubles and then the places of its objects. */
function placesOf(layout: StoreLayout): { doubles: number[]; objects: number[] } {
  const doubles: number[] = []
  const objects: number[] = []
  let place = 0
  for (const column of layout.columns) {
    for (let i = 0; i < column.doubles; i++) doubles.push(place++)
    for (let i = 0; i < column.objects; i++) objects.push(place++)
  }
  return { doubles, objects }
}

function mappingOf(stored: StoreLayout, running: StoreLayout): Mapping {
  const doubles: [number, number][] = []
  const objects: [number, number, number][] = []
  let storedDoubles = 0
  let storedObjects = 0
  for (const column of stored.columns) {
    const to = firstPlaceOf(running, column.name)
    if (to !== undefined && isSameState(column, running)) {
      for (let i = 0; i < column.doubles; i++) doubles.push([PREFIX_BYTES + 8 * (storedDoubles + i), to + i])
      for (let i = 0; i < column.objects; i++)
        objects.push([storedObjects + i, to + column.doubles + i, column.version])
    }
    storedDoubles += column.doubles
    storedObjects += column.objects
  }
  return { storedDoubles, doubles, objects }
}

/** A column that was dropped and added again, or means something else now, begins anew. */
function isSameState(stored: LayoutColumn, running: StoreLayout): boolean {
  const now = running.columns.find(column => column.name === stored.name)!
  return now.since === stored.since && placesText(now) === placesText(stored)
}

function firstPlaceOf(layout: StoreLayout, name: string): number | undefined {
  let place = 0
  for (const column of layout.columns) {
    if (column.name === name) return place
    place += column.doubles + column.objects
  }
  return undefined
}
