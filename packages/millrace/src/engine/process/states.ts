import type { StateSpec } from '../../plan/graph.ts'
import type { ListState, MapState, MapStateKey, ValueState } from '../../plan/process.ts'
import { deepFreeze } from '../../serde/freeze.ts'
import { type Cell, ListCells, MapCells } from '../../state/entries/cell.ts'
import type { Call } from './call.ts'
import type { Expiry } from './expiry.ts'

/** What the states of a step are made with. */
export interface StateSettings {
  readonly call: Call
  readonly spec: StateSpec
  readonly slot: number
  readonly expiry: Expiry | undefined
  /** Values are frozen, so that changing one in place throws (SEMANTICS 5.4). */
  readonly freeze: boolean
}

/** The handle of a state; its key is that of the call in work. */
export function stateOf(settings: StateSettings): ValueState<any> | ListState<any> | MapState<any, any> {
  switch (settings.spec.kind) {
    case 'value':
      return new KeyedValue(settings)
    case 'list':
      return new KeyedList(settings)
    case 'map':
      return new KeyedMap(settings)
  }
}

/** What the three have in common: values that may be over, and that must be storable. */
class KeyedState {
  protected readonly call: Call
  protected readonly slot: number
  readonly #settings: StateSettings

  constructor(settings: StateSettings) {
    this.call = settings.call
    this.slot = settings.slot
    this.#settings = settings
  }

  protected isThere(cell: Cell | undefined): cell is Cell {
    if (cell === undefined) return false
    const { expiry } = this.#settings
    return expiry === undefined || !expiry.isOver(cell, this.call.now)
  }

  protected get isKeptForEver(): boolean {
    return this.#settings.expiry === undefined
  }

  /** Throws for what cannot be stored. */
  protected checked(value: unknown): unknown {
    const type = typeof value
    if (type === 'undefined' || type === 'function' || type === 'symbol')
      throw new TypeError(
        `State "${this.#settings.spec.name}" was given ${value === undefined ? 'undefined; use delete()' : `a ${type}`}`,
      )
    if (!this.#settings.freeze) return value
    this.#checkJson(value)
    return deepFreeze(value)
  }

  #checkJson(value: unknown): void {
    const { encode, name } = this.#settings.spec
    try {
      JSON.stringify(encode === undefined ? value : encode(value))
    } catch (error) {
      throw new TypeError(
        `State "${name}" was given what JSON cannot hold: ${error}; give the state encode and decode`,
      )
    }
  }

  protected written(cell: Cell): void {
    this.#settings.expiry?.add(cell)
  }
}

class KeyedValue extends KeyedState implements ValueState<any> {
  get(): unknown {
    const cell = this.call.current.slots[this.slot] as Cell | undefined
    return this.isThere(cell) ? cell.value : undefined
  }

  set(value: unknown): void {
    const { current, changes, now } = this.call
    this.written(changes.setValue(current, this.slot, this.checked(value), now))
  }

  delete(): void {
    this.call.changes.removeValue(this.call.current, this.slot)
  }
}

class KeyedList extends KeyedState implements ListState<any> {
  /** The items that are not over yet. */
  get #cells(): readonly Cell[] {
    const held = this.call.current.slots[this.slot]
    if (!(held instanceof ListCells)) return []
    return this.isKeptForEver ? held.cells : held.cells.filter(cell => this.isThere(cell))
  }

  get length(): number {
    return this.#cells.length
  }

  at(index: number): unknown {
    return this.#cells.at(index)?.value
  }

  set(index: number, item: unknown): void {
    const cell = this.#cells.at(index)
    if (cell === undefined) throw new RangeError(`The list has ${this.length} items, none at ${index}`)
    this.call.changes.setItem(cell, this.checked(item), this.call.now)
    this.written(cell)
  }

  push(...items: readonly unknown[]): void {
    const { current, changes, now } = this.call
    for (const item of items) this.written(changes.pushItem(current, this.slot, this.checked(item), now))
  }

  shift(): unknown {
    return this.#takeOut(this.#cells[0])
  }

  pop(): unknown {
    return this.#takeOut(this.#cells.at(-1))
  }

  #takeOut(cell: Cell | undefined): unknown {
    if (cell === undefined) return undefined
    const { value } = cell
    const { current, changes } = this.call
    changes.removeItems(current, this.slot, current.list(this.slot).placeOf(cell.sub as number), 1)
    return value
  }

  clear(): void {
    const { current, changes } = this.call
    const held = current.slots[this.slot]
    if (held instanceof ListCells) changes.removeItems(current, this.slot, 0, held.cells.length)
  }

  *[Symbol.iterator](): IterableIterator<any> {
    for (const cell of [...this.#cells]) yield cell.value
  }
}

class KeyedMap extends KeyedState implements MapState<any, any> {
  #cell(key: MapStateKey): Cell | undefined {
    const held = this.call.current.slots[this.slot]
    const cell = held instanceof MapCells ? held.cells.get(checkedKey(key)) : undefined
    return this.isThere(cell) ? cell : undefined
  }

  get #cells(): Cell[] {
    const held = this.call.current.slots[this.slot]
    return held instanceof MapCells ? [...held.cells.values()].filter(cell => this.isThere(cell)) : []
  }

  get size(): number {
    const held = this.call.current.slots[this.slot]
    if (this.isKeptForEver) return held instanceof MapCells ? held.cells.size : 0
    return this.#cells.length
  }

  has(key: MapStateKey): boolean {
    return this.#cell(key) !== undefined
  }

  get(key: MapStateKey): unknown {
    return this.#cell(key)?.value
  }

  set(key: MapStateKey, value: unknown): void {
    const { current, changes, now } = this.call
    const sub = checkedKey(key)
    const stored = this.checked(value)
    // An entry that is over is another one than that which comes now, and has its place at the end.
    if (!this.isKeptForEver && this.#cell(sub) === undefined) changes.removeEntry(current, this.slot, sub)
    this.written(changes.setEntry(current, this.slot, sub, stored, now))
  }

  delete(key: MapStateKey): boolean {
    const wasThere = this.has(key)
    this.call.changes.removeEntry(this.call.current, this.slot, checkedKey(key))
    return wasThere
  }

  *keys(): IterableIterator<any> {
    for (const cell of this.#cells) yield cell.sub
  }

  *values(): IterableIterator<any> {
    for (const cell of this.#cells) yield cell.value
  }

  clear(): void {
    const { current, changes } = this.call
    for (const cell of [...current.cellsOf(this.slot)]) changes.removeEntry(current, this.slot, cell.sub!)
  }

  *[Symbol.iterator](): IterableIterator<[any, any]> {
    for (const cell of this.#cells) yield [cell.sub, cell.value]
  }
}

/** Keys are equal when their bytes are: a string that is no text has other bytes than it says. */
function checkedKey(key: MapStateKey): MapStateKey {
  switch (typeof key) {
    case 'string':
      return key.toWellFormed()
    case 'number':
      if (Number.isFinite(key)) return key
      break
    case 'bigint':
    case 'boolean':
      return key
  }
  throw new TypeError(
    `${String(key)} cannot be the key of a map state; use a string, number, bigint or boolean`,
  )
}
