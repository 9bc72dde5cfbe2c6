/**
 * The value of a changelog record: what a row holds, independent of where it lies.
 *
 *   layout version (1 byte) │ key kind (1 byte) │ doubles, little-endian │ objects, one JSON array
 *
 * Rows written under an older layout are read by name: a column that is not in them keeps its initial
 * value, one that is gone is passed over.
 */
import { type ByteSink, stringifyInto } from '../serde/json/sink.ts'
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

/** The same for a state that lies in the memory beside its table, and of which the row has no more than where it begins. */
export interface MemoryCodec<S = any> {
  initial(): S
  /** Appends the state as JSON. */
  writeFrom(state: S, table: KeyTable, sink: ByteSink): void
  /** Reads what `writeFrom` of the column version `version` has written; the state `before` is not needed any more. */
  readInto(stored: unknown, version: number, table: KeyTable, before: S): S
}

/** What a store is made of besides its layout. */
export interface StoreDefinition {
  readonly layout: StoreLayout
  /** Initial values of all doubles, column after column. */
  readonly initial: readonly number[]
  /** One for each object, column after column. */
  readonly objects: readonly (ObjectCodec | MemoryCodec)[]
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
  readonly #sink: RowSink
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
    this.#sink = new RowSink(PREFIX_BYTES + 8 * doubles.length + 256)
    this.#view = this.#sink.view
  }

  /** Version of the layout that rows are written under. */
  get version(): number {
    return this.#layout.version
  }

  /** A row's value is the prefix and its first `doubles` columns. */
  get isNumeric(): boolean {
    return this.#objectPlaces.length === 0
  }

  get doubles(): number {
    return this.#doublePlaces.length
  }

  /** Length of the value of a row of numbers. */
  get numericBytes(): number {
    return PREFIX_BYTES + 8 * this.#doublePlaces.length
  }

  /** Holds the value that `encode` wrote, from 0 on. */
  get bytes(): Buffer {
    return this.#sink.buffer
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
    const { buffer, view } = this.#sink
    buffer[0] = this.#layout.version
    buffer[1] = keyKind
    let at = PREFIX_BYTES
    for (let i = 0; i < places.length; i++, at += 8) view.setFloat64(at, f64[row + places[i]!]!, true)
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
    const codecs = this.#definition.objects
    const sink = this.#sink
    sink.position = at
    this.#objectPlaces.forEach((place, i) => {
      writeByte(sink, i === 0 ? openBracket : comma)
      const codec = codecs[i]!
      const state = table.objects[table.f64[row + place]!]
      if ('encode' in codec) {
        // As in an array, where what JSON has no text for is null.
        if (!stringifyInto(sink, codec.encode(state))) stringifyInto(sink, null)
      } else codec.writeFrom(state, table, sink)
    })
    writeByte(sink, closeBracket)
    return sink.position
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
      const place = table.f64[row + to]!
      table.objects[place] =
        'decode' in codec
          ? codec.decode(states[from], version)
          : codec.readInto(states[from], version, table, table.objects[place])
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

const openBracket = 91
const closeBracket = 93
const comma = 44

function writeByte(sink: ByteSink, byte: number): void {
  sink.ensure(1)
  sink.buffer[sink.position++] = byte
}

/** What rows are written into, one after the other. */
class RowSink implements ByteSink {
  buffer: Buffer
  view: DataView
  position = 0

  constructor(bytes: number) {
    this.buffer = Buffer.alloc(bytes)
    this.view = new DataView(this.buffer.buffer, this.buffer.byteOffset)
  }

  ensure(bytes: number): void {
    const end = this.position + bytes
    if (end <= this.buffer.length) return
    const larger = Buffer.alloc(2 * end)
    this.buffer.copy(larger, 0, 0, this.position)
    this.buffer = larger
    this.view = new DataView(larger.buffer, larger.byteOffset)
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
