/** What entries of one place hold: a single one, a row of them in order, those of a map, or the timers of a clock. */
export type SlotKind = 'value' | 'list' | 'map' | 'event-timer' | 'wall-timer'

/** A place of every key's state. The name is empty for timers. */
export interface Slot {
  readonly name: string
  readonly kind: SlotKind
}

/** What an entry of a map is found by; of a list its number, of timers their tag. */
export type SubKey = string | number | bigint | boolean

/** One entry of a key's state, which is one record of the changelog. */
export class Cell {
  readonly owner: KeyEntries
  readonly slot: number
  /** Undefined for a single value. */
  readonly sub: SubKey | undefined
  /** Undefined: the entry is gone. Of a timer, the time it is due at. */
  value: unknown
  /** Event time of the last write. */
  time = Number.NEGATIVE_INFINITY
  /** Place among the entries of its map: they are given in the order they came. */
  order = 0
  /** Its change waits for the next cut. */
  isDirty = false
  /** Where a queue will meet it next; NaN when it is in none. */
  queuedAt = Number.NaN

  constructor(owner: KeyEntries, slot: number, sub: SubKey | undefined) {
    this.owner = owner
    this.slot = slot
    this.sub = sub
  }
}

/** The items of a list, in order. */
export class ListCells {
  readonly cells: Cell[] = []
  /** Number of the next item; numbers are never used again while the list has items. */
  next = 0

  get isEmpty(): boolean {
    return this.cells.length === 0
  }

  /** Where the item of a number lies, or would lie. */
  placeOf(number: number): number {
    let [from, to] = [0, this.cells.length]
    while (from < to) {
      const middle = (from + to) >>> 1
      if ((this.cells[middle]!.sub as number) < number) from = middle + 1
      else to = middle
    }
    return from
  }
}

/** The entries of a map in the order they came. */
export class MapCells {
  readonly cells = new Map<SubKey, Cell>()
  next = 0

  get isEmpty(): boolean {
    return this.cells.size === 0
  }

  /** Puts the entries into their order again after one came back, or after a restore. */
  sort(): void {
    const sorted = [...this.cells].sort(([, a], [, b]) => a.order - b.order)
    this.cells.clear()
    for (const [sub, cell] of sorted) this.cells.set(sub, cell)
  }
}

/** Everything that is kept under one key. */
export class KeyEntries {
  /** Its row in the store's table, where the key's bytes lie. */
  row = 0
  /** By place. */
  readonly slots: (Cell | ListCells | MapCells | undefined)[]
  /** It may be empty at the next cut. */
  isTouched = false

  constructor(slots: number) {
    this.slots = new Array(slots).fill(undefined)
  }

  get isEmpty(): boolean {
    return this.slots.every(held => held === undefined || (!(held instanceof Cell) && held.isEmpty))
  }

  value(slot: number): Cell | undefined {
    return this.slots[slot] as Cell | undefined
  }

  list(slot: number): ListCells {
    this.slots[slot] ??= new ListCells()
    return this.slots[slot] as ListCells
  }

  map(slot: number): MapCells {
    this.slots[slot] ??= new MapCells()
    return this.slots[slot] as MapCells
  }

  /** Every entry of a place. */
  *cellsOf(slot: number): Iterable<Cell> {
    const held = this.slots[slot]
    if (held instanceof Cell) yield held
    else if (held !== undefined) yield* held.cells.values()
  }
}
