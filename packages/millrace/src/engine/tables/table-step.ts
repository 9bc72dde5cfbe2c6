import type { KeyKind } from '../../serde/serde.ts'
import type { KeyTable } from '../../state/key-table.ts'
import type { TableStore } from '../../state/table-store.ts'
import type { StatefulStep } from '../stateful-step.ts'
import type { PickedRows } from './picked-rows.ts'

/** Where a row keeps the place of its value among the table's objects, and its time. */
export const valueAt = 0
const timeAt = 1

/** One table in one task: the latest value of each key, and its time. */
export class TableStep implements StatefulStep {
  readonly name: string
  readonly store: TableStore
  /** The kind of its keys, 0 until the first one. */
  kind: KeyKind | 0
  /** The loop finds rows in it by itself. */
  readonly table: KeyTable
  /** What is kept of the rows for steps that pick members of them. */
  readonly picked: PickedRows[] = []

  constructor(name: string, store: TableStore) {
    this.name = name
    this.store = store
    this.table = store.table
    this.kind = store.keyKind as KeyKind | 0
  }

  keyRange(_bytes: Buffer, start: number, end: number): readonly [number, number] {
    return [start, end]
  }

  /** False when the table has keys of another kind already (SEMANTICS 5.1). */
  acceptsKind(kind: KeyKind): boolean {
    const accepted = this.store.acceptKeyKind(kind)
    this.kind = this.store.keyKind as KeyKind
    return accepted
  }

  /** The row's value; undefined where the key has none. A table with versions gives that of a time. */
  valueOf(key: Buffer, keyStart: number, keyEnd: number, _t?: number): unknown {
    const { table } = this
    const row = table.find(key, keyStart, keyEnd)
    return row === 0 ? undefined : table.objects[table.f64[row + valueAt]!]
  }

  /** The time of the row's value; -∞ where the key has none. */
  timeOf(key: Buffer, keyStart: number, keyEnd: number): number {
    const row = this.table.find(key, keyStart, keyEnd)
    return row === 0 ? Number.NEGATIVE_INFINITY : this.table.f64[row + timeAt]!
  }

  /** Sets the row of a key, or deletes it where the value is null; false when there was nothing to delete. */
  change(value: unknown, key: Buffer, keyStart: number, keyEnd: number, t: number): boolean {
    const { table } = this
    if (value === null) {
      const row = table.find(key, keyStart, keyEnd)
      if (row !== 0) table.remove(row)
      return row !== 0
    }
    const row = table.upsert(key, keyStart, keyEnd)
    const place = table.f64[row + valueAt]!
    table.objects[place] = value
    for (const each of this.picked) each.forget(place)
    this.setTime(row, t)
    table.touch(row)
    return true
  }

  protected setTime(row: number, t: number): void {
    this.table.f64[row + timeAt] = t
  }

  get hasChanges(): boolean {
    return this.store.hasChanges
  }

  restored(): void {
    this.store.finishRestore()
    this.kind = this.store.keyKind as KeyKind | 0
  }

  nextDue(): undefined {}

  settleClosing(): void {}
}
