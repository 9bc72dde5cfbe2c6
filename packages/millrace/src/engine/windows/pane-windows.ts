import type { KeyTable } from '../../state/key-table.ts'
import type { WindowStore } from '../../state/window-store.ts'
import type { FoundRow } from '../emitting-step.ts'
import type { StepPlan } from '../step-plan.ts'
import { PaneTotals } from './pane-totals.ts'
import type { Panes } from './panes.ts'
import { MemoryWalk, SortedWalk, WalkWithout } from './row-walk.ts'
import type { ClosingRows, StepWindows } from './step-windows.ts'

/** Hopping windows that share rows: a slot is a part of all windows that hold its pane, see `Panes`. */
export class PaneWindows implements StepWindows {
  readonly #panes: Panes
  readonly #store: WindowStore
  readonly #totals: PaneTotals
  #query: KeyTable | undefined

  constructor(plan: StepPlan, panes: Panes, store: WindowStore) {
    this.#panes = panes
    this.#store = store
    this.#totals = new PaneTotals(plan, panes, store)
  }

  get closedBelow(): number {
    const { closedBelow } = this.#store
    return Number.isFinite(closedBelow) ? this.#panes.startOf(this.#closedBelow) : closedBelow
  }

  /** Windows of smaller numbers have gone out. */
  get #closedBelow(): number {
    return this.#store.closedBelow / this.#panes.stride
  }

  get next(): number | undefined {
    let first = Number.POSITIVE_INFINITY
    for (const slot of this.#store.starts) {
      if (!this.#panes.isGoneSlot(slot)) first = Math.min(first, this.#panes.firstWindowOf(slot))
    }
    return first === Number.POSITIVE_INFINITY
      ? undefined
      : this.#panes.startOf(Math.max(first, this.#closedBelow))
  }

  firstOf(slot: number): number {
    return this.#panes.startOf(Math.max(this.#panes.firstWindowOf(slot), this.#closedBelow))
  }

  get starts(): readonly number[] {
    const { next } = this
    if (next === undefined) return []
    const starts: number[] = []
    const last = this.#panes.paneOf(this.#store.starts.at(-1)!)
    for (let window = this.#panes.numberOf(next); window <= last; window++)
      starts.push(this.#panes.startOf(window))
    return starts
  }

  find(start: number, key: Buffer, keyStart: number, keyEnd: number): FoundRow | undefined {
    if (start < this.closedBelow) return undefined
    this.#query ??= this.#store.newTable()
    const table = this.#query
    table.clear()
    const row = this.#totals.addUp(this.#panes.numberOf(start), key, keyStart, keyEnd, table)
    return row === 0 ? undefined : { table, row }
  }

  begin(start: number, byKey: boolean): ClosingRows {
    const window = this.#panes.numberOf(start)
    this.#totals.moveTo(window)
    const { table } = this.#totals
    const walk = byKey ? new SortedWalk(table) : new MemoryWalk(table)
    const gone = this.#store.openTable(this.#panes.goneSlot(window))
    return { table, rows: gone === undefined ? walk : new WalkWithout(walk, table, gone) }
  }

  settle(start: number, gone: readonly number[]): void {
    if (gone.length === 0) return
    const noted = this.#store.tableFor(this.#panes.goneSlot(this.#panes.numberOf(start)))
    const { table } = this.#totals
    for (const row of gone) noted.touch(noted.upsert(table.keyBytes, table.keyStart(row), table.keyEnd(row)))
  }

  end(start: number): void {
    const window = this.#panes.numberOf(start)
    this.#totals.leave(window)
    this.#store.closeBelow(this.#panes.slot(window + 1, 0))
  }
}
