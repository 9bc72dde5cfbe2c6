import type { ChangeRecord, ChangeSink } from './changelog.ts'
import type { StoreLayout } from './layout.ts'

/** What every kind of store is to those who keep it: changes go out to its changelog and come back from there (SEMANTICS 2.3). */
export interface Store {
  readonly layout: StoreLayout
  /** Kind of its keys (SEMANTICS 5.1), 0 until the first one. */
  readonly keyKind: number
  readonly size: number
  readonly byteLength: number
  /** The next `writeChanges` has something to write. */
  readonly hasChanges: boolean
  /** True when a key of that kind may enter; the first one decides (SEMANTICS 5.1). */
  acceptKeyKind(kind: number): boolean
  /** Appends every row changed since the last call, at wall time, and begins a new epoch. Gives the number of records. */
  writeChanges(sink: ChangeSink, wallTimeMs: number): number
  /** Tells where in the changelog the changes of the last call begin; a store whose changelog is trimmed has it. */
  acknowledge?(offset: number): void
  /** Takes over one changelog record while restoring. Throws `LayoutChangedError` when its rows are of no use. */
  apply(record: ChangeRecord, nowMs: number): void
  /** Ends a restore; throws `LayoutChangedError` when the stored columns do not fit. */
  finishRestore(): void
}
