import type { StatefulNode } from '../plan/stateful.ts'
import type { KeyKind } from '../serde/serde.ts'
import type { StoreLayout } from '../state/layout.ts'
import type { Store } from '../state/store.ts'
import type { Due } from './closing.ts'
import type { Task } from './task.ts'

/** One step with a store in one task: what commits, restores and the passing of event time ask of it. */
export interface StatefulStep {
  readonly name: string
  readonly store: Store
  /** The kind of its keys, 0 until the first one. */
  readonly kind: KeyKind | 0
  /** Where in a changelog record's key, the bytes `[start, end)`, the user's key lies. */
  keyRange(bytes: Buffer, start: number, end: number): readonly [start: number, end: number]
  /** Something has changed since the last cut that a commit must hold. */
  readonly hasChanges: boolean
  /** After a restore: what was open waits for its time again. */
  restored(): void
  /** What is due first, at the smallest task watermark; undefined while nothing waits for event time. */
  nextDue(): Due | undefined
  /** After the end of a bounded run: time goes on from where it was before (SEMANTICS 3.5). */
  comeBack?(): void
  /** Told of each record that is late here, with its time. */
  noteLate?(t: number): void
  /** Before a cut: what went out leaves the store in the same commit (SEMANTICS 3.7). */
  settleClosing(): void
  /** Wall time of what it does next by that clock; absent where it does nothing by it. */
  readonly nextWallMs?: number
  /** Does what is due by the clock on the wall. */
  fireWall?(nowMs: number): void
}

/** Everything fixed about a step with a store, shared by its tasks. */
export interface StatefulPlan {
  readonly node: StatefulNode
  /** What its store is made of (SEMANTICS 8.1); `keySerde` is the id of the input's key serde, or empty where keys carry their kind. */
  layout(keySerde: string): StoreLayout
  /** The step with an empty store. */
  open(task: Task, keySerde: string, nextSeed: () => number): StatefulStep
}
