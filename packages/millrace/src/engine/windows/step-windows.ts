import type { KeyTable } from '../../state/key-table.ts'
import type { FoundRow } from '../emitting-step.ts'
import type { RowWalk } from './row-walk.ts'

/** The rows of a window that closes. */
export interface ClosingRows {
  readonly table: KeyTable
  readonly rows: RowWalk
}

/**
 * Where the rows of a step's windows lie. The loop changes the rows of *slots*, tables of the store known by a number; what
 * a slot is, a window or a part of several, is known here alone. Windows are known by their starts and close in order.
 */
export interface StepWindows {
  /** Windows that start before this have gone out. */
  readonly closedBelow: number
  /** Start of the window that closes next; undefined when none is open. */
  readonly next: number | undefined
  /** Start of the first open window that rows of this slot belong to. */
  firstOf(slot: number): number
  /** Starts of the windows that are open, ascending. */
  readonly starts: readonly number[]
  /** The row of a key in an open window; it may be changed by the next call. */
  find(start: number, key: Buffer, keyStart: number, keyEnd: number): FoundRow | undefined
  /** The rows of the window that closes next, without those that went out before a restore. */
  begin(start: number, byKey: boolean): ClosingRows
  /** Before a cut in the middle of a close: the rows that went out since the last one do not come again after a restore. */
  settle(start: number, gone: readonly number[]): void
  /** All rows have gone out. */
  end(start: number): void
}
