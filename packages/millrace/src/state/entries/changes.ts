import { Cell, type KeyEntries, MapCells, type SubKey } from './cell.ts'

/**
 * The changes of entries: each is remembered for the next cut, and until the call that made it is through it can be
 * taken back.
 */
export class EntryChanges {
  /** Changed since the last cut, in order of the first change. */
  readonly dirty: Cell[] = []
  /** Keys that may have nothing left. */
  readonly touched: KeyEntries[] = []
  readonly #undo: (() => void)[] = []

  /** The call is through: its changes stay. */
  keep(): void {
    this.#undo.length = 0
  }

  /** The call failed: everything is as it was before it. */
  takeBack(): void {
    while (this.#undo.length > 0) this.#undo.pop()!()
  }

  /** A key was looked at that may have nothing under it. */
  touch(entries: KeyEntries): void {
    if (entries.isTouched) return
    entries.isTouched = true
    this.touched.push(entries)
  }

  /** Writes the single value of a place. */
  setValue(entries: KeyEntries, slot: number, value: unknown, time: number): Cell {
    const known = entries.value(slot)
    if (known !== undefined) return this.#assign(known, value, time)
    const cell = new Cell(entries, slot, undefined)
    entries.slots[slot] = cell
    this.#undo.push(() => {
      entries.slots[slot] = undefined
      this.#forget(cell)
    })
    return this.#begin(cell, value, time)
  }

  removeValue(entries: KeyEntries, slot: number): void {
    const cell = entries.value(slot)
    if (cell === undefined) return
    const { value } = cell
    entries.slots[slot] = undefined
    this.#undo.push(() => {
      entries.slots[slot] = cell
      cell.value = value
    })
    this.#end(cell)
  }

  /** Writes an entry of a map; one that is there keeps its place. */
  setEntry(entries: KeyEntries, slot: number, sub: SubKey, value: unknown, time: number): Cell {
    const map = entries.map(slot)
    const known = map.cells.get(sub)
    if (known !== undefined) return this.#assign(known, value, time)
    const cell = new Cell(entries, slot, sub)
    cell.order = map.next++
    map.cells.set(sub, cell)
    this.#undo.push(() => {
      map.cells.delete(sub)
      this.#forget(cell)
    })
    return this.#begin(cell, value, time)
  }

  removeEntry(entries: KeyEntries, slot: number, sub: SubKey): boolean {
    const map = entries.slots[slot]
    const cell = map instanceof MapCells ? map.cells.get(sub) : undefined
    if (cell === undefined) return false
    const { value } = cell
    entries.map(slot).cells.delete(sub)
    this.#undo.push(() => {
      entries.map(slot).cells.set(sub, cell)
      entries.map(slot).sort()
      cell.value = value
    })
    this.#end(cell)
    return true
  }

  /** Appends an item to a list. */
  pushItem(entries: KeyEntries, slot: number, value: unknown, time: number): Cell {
    const list = entries.list(slot)
    const cell = new Cell(entries, slot, list.next++)
    list.cells.push(cell)
    this.#undo.push(() => {
      list.cells.pop()
      list.next--
      this.#forget(cell)
    })
    return this.#begin(cell, value, time)
  }

  setItem(cell: Cell, value: unknown, time: number): void {
    this.#assign(cell, value, time)
  }

  /** Takes `count` items from `at` on out of a list. */
  removeItems(entries: KeyEntries, slot: number, at: number, count: number): void {
    const list = entries.list(slot)
    const removed = list.cells.splice(at, count)
    const values = removed.map(({ value }) => value)
    this.#undo.push(() => {
      list.cells.splice(at, 0, ...removed)
      for (const [i, cell] of removed.entries()) cell.value = values[i]
    })
    for (const cell of removed) this.#end(cell)
  }

  /** Takes an entry out for good: nothing brings it back. */
  drop(cell: Cell): void {
    const { owner, slot } = cell
    const held = owner.slots[slot]
    if (held instanceof Cell) owner.slots[slot] = undefined
    else if (held instanceof MapCells) held.cells.delete(cell.sub!)
    else if (held !== undefined) held.cells.splice(held.placeOf(cell.sub as number), 1)
    this.#end(cell)
  }

  #assign(cell: Cell, value: unknown, time: number): Cell {
    const { value: before, time: timeBefore, order } = cell
    this.#undo.push(() => {
      cell.value = before
      cell.time = timeBefore
      cell.order = order
    })
    return this.#begin(cell, value, time)
  }

  #begin(cell: Cell, value: unknown, time: number): Cell {
    cell.value = value
    if (time > cell.time) cell.time = time
    return this.#note(cell)
  }

  /** An entry that never was: its end must not be written behind the entry that is at its place again. */
  #forget(cell: Cell): void {
    cell.value = undefined
    cell.isDirty = false
    this.dirty.splice(this.dirty.lastIndexOf(cell), 1)
  }

  #end(cell: Cell): void {
    cell.value = undefined
    this.#note(cell)
  }

  #note(cell: Cell): Cell {
    if (cell.isDirty) return cell
    cell.isDirty = true
    this.dirty.push(cell)
    this.touch(cell.owner)
    return cell
  }
}
