import type { KeyTable } from '../../state/key-table.ts'
import type { WindowStore } from '../../state/window-store.ts'
import { invariant } from '../../std/assert.ts'
import type { Column } from '../aggregates/column.ts'
import type { StepPlan } from '../step-plan.ts'
import type { Panes } from './panes.ts'

/**
 * The rows of one window, made of the slots that it holds and carried on to the next one: what has become complete is added,
 * what has passed is taken away. Nothing of it is stored; after a restore it is added up again.
 */
export class PaneTotals {
  readonly table: KeyTable
  readonly #plan: StepPlan
  readonly #panes: Panes
  readonly #store: WindowStore
  /** The row's double that counts the slots in it. */
  readonly #partsAt: number
  /** Number of the window whose rows these are. */
  #window = Number.NaN

  constructor(plan: StepPlan, panes: Panes, store: WindowStore) {
    this.#plan = plan
    this.#panes = panes
    this.#store = store
    this.table = store.newTable(1)
    this.#partsAt = plan.width
  }

  /** Makes the rows those of a window, none of whose slots will be changed any more. */
  moveTo(window: number): void {
    if (this.#window === window) return
    if (Number.isNaN(this.#window)) this.table.clear()
    const since = Number.isNaN(this.#window) ? Number.NEGATIVE_INFINITY : this.#window
    for (const slot of this.#store.starts) {
      if (this.#panes.isGoneSlot(slot)) continue
      const first = this.#panes.firstWindowOf(slot)
      if (first > since && first <= window) this.#add(this.#store.openTable(slot)!)
    }
    this.#window = window
  }

  /** Takes away what no later window holds: the slots of the pane that the window begins with. */
  leave(window: number): void {
    invariant(this.#window === window, `The rows of window ${this.#window} are not those of ${window}`)
    const passing = (slot: number) => this.#panes.paneOf(slot) <= window && !this.#panes.isGoneSlot(slot)
    for (const slot of this.#store.starts) if (passing(slot)) this.#takeAway(this.#store.openTable(slot)!)
  }

  /** Adds up what an open window has of a key so far; 0 when that is nothing. The table is the caller's. */
  addUp(window: number, key: Buffer, keyStart: number, keyEnd: number, into: KeyTable): number {
    let row = 0
    for (const slot of this.#store.starts) {
      if (!this.#counts(slot, window)) continue
      const from = this.#store.openTable(slot)!
      const found = from.find(key, keyStart, keyEnd)
      if (found === 0) continue
      row = into.upsert(key, keyStart, keyEnd)
      for (const [i, column] of this.#plan.columns.entries())
        column.merge!(into, row + this.#plan.offsets[i]!, from, found + this.#plan.offsets[i]!)
    }
    return row
  }

  #counts(slot: number, window: number): boolean {
    const panes = this.#panes
    return !panes.isGoneSlot(slot) && panes.firstWindowOf(slot) <= window && window <= panes.paneOf(slot)
  }

  #add(from: KeyTable): void {
    const { columns, offsets } = this.#plan
    for (let found = from.firstRow(); found !== 0; found = from.nextRow(found)) {
      const row = this.table.upsert(from.keyBytes, from.keyStart(found), from.keyEnd(found))
      this.table.f64[row + this.#partsAt]!++
      for (let i = 0; i < columns.length; i++)
        columns[i]!.merge!(this.table, row + offsets[i]!, from, found + offsets[i]!)
    }
  }

  #takeAway(from: KeyTable): void {
    const { columns, offsets } = this.#plan
    const { table } = this
    for (let found = from.firstRow(); found !== 0; found = from.nextRow(found)) {
      const row = table.find(from.keyBytes, from.keyStart(found), from.keyEnd(found))
      invariant(row !== 0, 'A row of a pane that passes is in no window')
      if (--table.f64[row + this.#partsAt]! === 0) {
        table.discard(row)
        continue
      }
      for (let i = 0; i < columns.length; i++) {
        const column = columns[i]!
        const isTaken = column.subtract?.(table, row + offsets[i]!, from, found + offsets[i]!) ?? false
        if (!isTaken) this.#addAnew(column, i, row, from)
      }
    }
  }

  /** What cannot be taken away is added up again from the slots that stay. */
  #addAnew(column: Column, i: number, row: number, passing: KeyTable): void {
    const { table } = this
    const at = row + this.#plan.offsets[i]!
    if (column.object === undefined) table.f64.set(column.initial, at)
    else table.objects[table.f64[at]!] = column.object.initial()
    for (const slot of this.#store.starts) {
      if (!this.#counts(slot, this.#window)) continue
      if (this.#panes.paneOf(slot) <= this.#window) continue
      const from = this.#store.openTable(slot)!
      invariant(from !== passing, 'A pane that passes stays')
      const found = from.find(table.keyBytes, table.keyStart(row), table.keyEnd(row))
      if (found !== 0) column.merge!(table, at, from, found + this.#plan.offsets[i]!)
    }
  }
}
