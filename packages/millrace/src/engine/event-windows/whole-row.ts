import { WINDOW_START_BYTES, writeStart } from '../../state/changelog-key.ts'
import type { KeyTable } from '../../state/key-table.ts'
import type { SessionStore } from '../../state/session-store.ts'
import { settled } from '../results.ts'
import type { StepPlan } from '../step-plan.ts'

/** One row at a time, put together from rows of a store. */
export class WholeRow {
  readonly table: KeyTable
  readonly #plan: StepPlan
  readonly #store: SessionStore
  #key = Buffer.alloc(256)

  constructor(plan: StepPlan, store: SessionStore) {
    this.#plan = plan
    this.#store = store
    this.table = store.newTable()
  }

  /** The row of a window of a key, made of `parts`, which are in the order of their times. It holds until the next one. */
  of(key: Buffer, ks: number, ke: number, start: number, end: number, parts: readonly number[]): number {
    const length = WINDOW_START_BYTES + ke - ks
    if (this.#key.length < length) this.#key = Buffer.alloc(2 * length)
    writeStart(this.#key, 0, start)
    key.copy(this.#key, WINDOW_START_BYTES, ks, ke)
    this.table.clear()
    const whole = this.table.upsert(this.#key, 0, length)
    this.table.f64[whole + this.#store.lastAt] = end
    for (const part of parts) this.#merge(whole, part)
    return whole
  }

  #merge(whole: number, part: number): void {
    const { columns, offsets } = this.#plan
    const from = this.#store.table
    for (const [i, { merge, mergeStates, object, version }] of columns.entries()) {
      const [at, partAt] = [whole + offsets[i]!, part + offsets[i]!]
      if (merge !== undefined) merge(this.table, at, from, partAt)
      else {
        // What a callback makes of a state must not reach the row, which other windows may hold too.
        const stored = JSON.stringify(object!.encode(from.objects[from.f64[partAt]!]))
        const copy = object!.decode(JSON.parse(stored), version)
        const place = this.table.f64[at]!
        this.table.objects[place] = settled(mergeStates!(this.table.objects[place], copy))
      }
    }
  }
}
