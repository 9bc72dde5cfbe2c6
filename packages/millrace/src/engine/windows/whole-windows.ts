import type { WindowStore } from '../../state/window-store.ts'
import type { FoundRow } from '../emitting-step.ts'
import { MemoryWalk, SortedWalk } from './row-walk.ts'
import type { ClosingRows, StepWindows } from './step-windows.ts'

/** Every window has a table of its own: a slot is the start of a window. */
export class WholeWindows implements StepWindows {
  readonly #store: WindowStore

  constructor(store: WindowStore) {
    this.#store = store
  }

  get closedBelow(): number {
    return this.#store.closedBelow
  }

  get next(): number | undefined {
    return this.#store.earliestStart
  }

  firstOf(slot: number): number {
    return slot
  }

  get starts(): readonly number[] {
    return this.#store.starts
  }

  find(start: number, key: Buffer, keyStart: number, keyEnd: number): FoundRow | undefined {
    const table = this.#store.openTable(start)
    const row = table?.find(key, keyStart, keyEnd) ?? 0
    return row === 0 ? undefined : { table: table!, row }
  }

  begin(start: number, byKey: boolean): ClosingRows {
    const table = this.#store.openTable(start)!
    return { table, rows: byKey ? new SortedWalk(table) : new MemoryWalk(table) }
  }

  settle(start: number, gone: readonly number[]): void {
    const table = this.#store.openTable(start)!
    for (const row of gone) table.remove(row)
  }

  end(start: number): void {
    this.#store.drop(start)
  }
}
