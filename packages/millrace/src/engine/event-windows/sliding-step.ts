import type { SessionStore } from '../../state/session-store.ts'
import type { SlidingWindow } from '../../window/sliding.ts'
import type { Due } from '../closing.ts'
import type { ClosingWindow, WindowFrame } from '../emitting-step.ts'
import type { StepPlan } from '../step-plan.ts'
import type { Task } from '../task.ts'
import { PartsStep, type WindowParts } from './parts-step.ts'

/**
 * One aggregate over sliding windows in one task.
 *
 * A row of the store stands for two windows: the one that ends with it, and the one that begins behind it. Its last time is the end of
 * that of its two windows which is still to come:
 *
 *          t - size ├──────────────┤ t
 *                                t + 1 ├──────────────┤ t + 1 + size
 */
export class SlidingStep extends PartsStep {
  readonly #sizeMs: number
  /** What the windows that hold the probed record had for results, by their starts, where that is told. */
  #before = new Map<number, readonly unknown[]>()

  constructor(task: Task, plan: StepPlan, { sizeMs, graceMs }: SlidingWindow, store: SessionStore) {
    super(task, plan, graceMs, store)
    this.#sizeMs = sizeMs
  }

  protected override noteBefore(key: Buffer, ks: number, ke: number, t: number): void {
    this.#before = this.#resultsAround(key, ks, ke, t)
  }

  /** An update for each window that the record at the row's time is new in, or that is new since there is the row. */
  protected override tellUpdates(row: number): void {
    const { table, store } = this
    const [ks, ke, t] = [store.keyStart(row), table.keyEnd(row), store.startOf(row)]
    const before = this.#before
    for (const [start, results] of this.#resultsAround(table.keyBytes, ks, ke, t)) {
      const known = before.get(start)
      if (known !== undefined && results.every((each, i) => Object.is(each, known[i]))) continue
      this.tellWhole(this.updates, row, start, undefined, this.task.ownWatermark)
    }
  }

  /** The results of the windows that hold a time, and of the one behind it. */
  #resultsAround(key: Buffer, ks: number, ke: number, t: number): Map<number, readonly unknown[]> {
    const results = new Map<number, readonly unknown[]>()
    for (const { start, end } of this.windowsOf(key, ks, ke)) {
      if (end < t || start > t + 1) continue
      results.set(start, this.resultsOf(key, ks, ke, start))
    }
    return results
  }

  protected override partsOf(key: Buffer, ks: number, ke: number, start: number): WindowParts {
    const { store } = this
    const end = start + this.#sizeMs
    const rows: number[] = []
    for (let row = store.newest(key, ks, ke); row !== 0; row = store.older(row)) {
      const t = store.startOf(row)
      if (t < start) break
      if (t <= end) rows.push(row)
    }
    return { rows: rows.reverse(), end }
  }

  /** The open windows of a key: which rows there are says which windows. */
  override windowsOf(key: Buffer, ks: number, ke: number): readonly WindowFrame[] {
    const { store } = this
    const starts = new Set<number>()
    let newest = Number.NEGATIVE_INFINITY
    for (let row = store.newest(key, ks, ke); row !== 0; row = store.older(row)) {
      const t = store.startOf(row)
      if (store.lastOf(row) === t) starts.add(t - this.#sizeMs)
      // The next row is the first one behind it.
      if (newest > t && newest <= t + 1 + this.#sizeMs) starts.add(t + 1)
      newest = t
    }
    return [...starts].sort((a, b) => a - b).map(start => ({ start, end: start + this.#sizeMs }))
  }

  override nextDue(): Due | undefined {
    const row = this.store.earliest()
    if (row === 0) return undefined
    const at = this.closeAt(this.store.lastOf(row))
    const run = () => this.closeUntil(at, until => this.#closeNext(until))
    return { at, depth: this.plan.depth, name: this.name, run }
  }

  /** Closes that of a row's two windows which is still to come; false when none is due by then. */
  #closeNext(until: number): boolean {
    const { store, table } = this
    const row = store.earliest()
    if (row === 0) return false
    const [ks, ke, t, end] = [store.keyStart(row), table.keyEnd(row), store.startOf(row), store.lastOf(row)]
    const closeAt = this.closeAt(end)
    if (closeAt > until) return false
    const isFirst = end === t
    // The window behind a row may be the one that ends with another.
    if (isFirst || this.rowAt(table.keyBytes, ks, ke, end) === 0)
      this.tellWhole(this.finals, row, end - this.#sizeMs, end, closeAt - 1)
    if (isFirst) {
      store.extend(row, t + 1 + this.#sizeMs)
      table.touch(row)
      store.closeBelow(end + 1)
    } else store.close(row)
    return true
  }

  override get nextWindow(): ClosingWindow | undefined {
    const row = this.store.earliest()
    if (row === 0) return undefined
    const end = this.store.lastOf(row)
    return this.closing(end - this.#sizeMs, end, end)
  }
}
