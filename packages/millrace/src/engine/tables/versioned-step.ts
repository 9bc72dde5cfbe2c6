import type { TableStore } from '../../state/table-store.ts'
import { MinHeap } from '../../std/min-heap.ts'
import type { Task } from '../task.ts'
import { Settled } from '../time.ts'
import { TableStep, valueAt } from './table-step.ts'

/** A row as it was from a time on; null where the key had none. */
export type Version = [t: number, row: unknown]

/** A row that was deleted, until nothing may ask for what it was. */
interface Deleted {
  readonly at: number
  readonly row: number
  readonly versions: Version[]
}

/** A table that knows what its rows were: the versions of a key in the order of their times, the last of them its row. */
export class VersionedStep extends TableStep {
  readonly #task: Task
  readonly #versionsMs: number
  readonly #deleted = new MinHeap<Deleted>(({ at }) => at)

  constructor(name: string, store: TableStore, task: Task, versionsMs: number) {
    super(name, store)
    this.#task = task
    this.#versionsMs = versionsMs
  }

  /** The row that was valid at a time; undefined where the key had none. */
  override valueOf(key: Buffer, keyStart: number, keyEnd: number, t = Number.POSITIVE_INFINITY): unknown {
    const row = this.table.find(key, keyStart, keyEnd)
    if (row === 0) return undefined
    const versions = this.#versions(row)
    for (let i = versions.length - 1; i >= 0; i--)
      if (versions[i]![0] <= t) return versions[i]![1] ?? undefined
    return undefined
  }

  /** Adds a version; false when it is not the latest one, or was a deletion of nothing. */
  override change(value: unknown, key: Buffer, keyStart: number, keyEnd: number, t: number): boolean {
    const { table } = this
    this.#forget()
    if (value === null && table.find(key, keyStart, keyEnd) === 0) return false
    const row = table.upsert(key, keyStart, keyEnd)
    const versions = this.#versions(row)
    const before = versions.at(-1)
    let at = versions.length
    while (at > 0 && versions[at - 1]![0] > t) at--
    if (at > 0 && versions[at - 1]![0] === t) versions[at - 1] = [t, value]
    else versions.splice(at, 0, [t, value])
    const last = versions.at(-1)!
    this.setTime(row, last[0])
    table.touch(row)
    this.#prune(versions)
    if (last[1] === null) this.#deleted.add({ at: last[0], row, versions })
    return last[0] === t && !(value === null && (before === undefined || before[1] === null))
  }

  override restored(): void {
    super.restored()
    this.#deleted.clear()
    const { table } = this
    for (let row = table.firstRow(); row !== 0; row = table.nextRow(row)) {
      const versions = this.#versions(row)
      const [at, value] = versions.at(-1)!
      if (value === null) this.#deleted.add({ at, row, versions })
    }
  }

  /** Nobody asks for what was before it. */
  get #horizon(): number {
    return this.#task.time.registers[Settled]! - this.#versionsMs
  }

  /** Leaves out versions that were over before the horizon. */
  #prune(versions: Version[]): void {
    let over = 0
    while (over + 1 < versions.length && versions[over + 1]![0] <= this.#horizon) over++
    if (over > 0) versions.splice(0, over)
  }

  /** Takes out rows that were deleted before the horizon and have not come back since. */
  #forget(): void {
    const { table } = this
    for (let first = this.#deleted.first; first !== undefined && first.at <= this.#horizon; ) {
      const { row, versions } = first
      const isStillThere = table.isLive(row) && this.#versions(row) === versions
      if (isStillThere && versions.at(-1)![1] === null && versions.at(-1)![0] <= this.#horizon)
        table.remove(row)
      this.#deleted.removeFirst()
      first = this.#deleted.first
    }
  }

  #versions(row: number): Version[] {
    return this.table.objects[this.table.f64[row + valueAt]!] as Version[]
  }
}
