import type { FieldOrFn } from '../../plan/graph.ts'
import type { KeyTable } from '../../state/key-table.ts'
import type { ObjectCodec } from '../../state/row-codec.ts'

/**
 * How one aggregate lives in a row of a key table: some doubles, or one double that points to an object.
 *
 * The interpreter and the compiled loop call the same `update`; it is handed over as a constant, so the
 * compiled loop inlines it. It never throws for a value that `accepts` let through.
 */
export interface Column {
  readonly name: string
  /** The aggregator and its parameters, part of the store's layout (SEMANTICS 8.1). */
  readonly aggregator: string
  readonly version: number
  /** Initial values of its doubles; their number is the column's width. */
  readonly initial: readonly number[]
  /** Set when the state is an object; the column's only double is then its place in the table's objects. */
  readonly object?: ObjectCodec
  readonly argument: Argument
  update(f64: Float64Array, at: number, argument: any): void
  /** Only with `object`: returns the next state. `about` is the record for a user's own aggregate, else the record's time. */
  updateObject?(state: any, argument: any, about: any): unknown
  result(f64: Float64Array, at: number, objects: readonly unknown[]): unknown
  /**
   * Adds what another row's column has taken, and keeps nothing of it. Absent where the order of the records matters: there
   * two halves do not make a whole.
   */
  merge?(into: KeyTable, at: number, from: KeyTable, fromAt: number): void
  /** Makes one state of two that are a session's parts, by code of the user's, which may throw. */
  mergeStates?(earlier: any, later: any): unknown
  /** Takes away what was merged; false where that is impossible. */
  subtract?(into: KeyTable, at: number, from: KeyTable, fromAt: number): boolean
}

/** What a column takes from each record before anything is changed. */
export type Argument =
  | { readonly kind: 'none' }
  /** The record counts when the callback is absent or truthy. */
  | { readonly kind: 'where'; readonly fn?: (value: any, record: any) => unknown }
  /** A number; absent and null are skipped, anything else fails the record. */
  | { readonly kind: 'number'; readonly field: FieldOrFn }
  | { readonly kind: 'any'; readonly field: FieldOrFn }
  /** The value itself. */
  | { readonly kind: 'value' }
