import type { KeyKind } from '../../serde/serde.ts'
import type { KeyTable } from '../../state/key-table.ts'
import type { EmittingStep } from '../emitting-step.ts'

/** An aggregate over windows that lie where the records are, as the loop sees it: `probe`, `place`, the columns, `settle`. */
export interface EventWindowStep extends EmittingStep {
  readonly table: KeyTable
  /** Records before this time are late, whatever the watermark. */
  readonly closedBelow: number
  /** The last record made its window longer, or a new one. */
  readonly grew: boolean
  /** A row goes out that is no more: as a deletion, a null value. */
  readonly isDeleting: boolean
  /** False when the step has keys of another kind already (SEMANTICS 5.1). */
  acceptsKind(kind: KeyKind): boolean
  /** Finds the rows that a record at `t` joins; nothing is changed yet. */
  probe(key: Buffer, start: number, end: number, t: number): void
  /** What the probed record adds to in a column of the user's own. */
  stateOf(column: number): unknown
  /** The row that the probed record adds to. */
  place(key: Buffer, start: number, end: number, t: number): number
  /** After the row was changed. */
  settle(row: number): void
}
