import type { SessionStore } from '../../state/session-store.ts'
import type { Due } from '../closing.ts'
import type { ClosingWindow, FoundRow, WindowFrame } from '../emitting-step.ts'
import { fingerprint } from '../results.ts'
import type { EmissionPlan, StepPlan } from '../step-plan.ts'
import type { Task } from '../task.ts'
import { EventStep } from './event-step.ts'
import type { EventWindowStep } from './event-window-step.ts'
import { WholeRow } from './whole-row.ts'

/** Rows of one key in the order of their times, and the end of the window that they make. */
export interface WindowParts {
  readonly rows: readonly number[]
  readonly end: number
}

/**
 * One aggregate in one task over windows that are put together when they close, or when somebody asks for them.
 *
 * The store has a row for each key and time at which there are records, so a record changes one row, however many windows may come to
 * hold it. Which windows there are, and when they close, the kind of window says.
 */
export abstract class PartsStep extends EventStep implements EventWindowStep {
  readonly grew = false
  protected readonly whole: WholeRow
  /** The row at the time of the probed record, 0 for none. */
  #probed = 0

  constructor(task: Task, plan: StepPlan, graceMs: number, store: SessionStore) {
    super(task, plan, store, { graceMs, closeMs: graceMs + 1 })
    this.whole = new WholeRow(plan, store)
  }

  // What the loop does with a record

  probe(key: Buffer, start: number, end: number, t: number): void {
    this.#probed = this.rowAt(key, start, end, t)
  }

  protected rowAt(key: Buffer, start: number, end: number, t: number): number {
    const { store } = this
    let row = store.newest(key, start, end)
    while (row !== 0 && store.startOf(row) > t) row = store.older(row)
    return row !== 0 && store.startOf(row) === t ? row : 0
  }

  stateOf(column: number): unknown {
    const { object } = this.plan.columns[column]!
    if (this.#probed === 0) return object!.initial()
    return this.table.objects[this.table.f64[this.#probed + this.plan.offsets[column]!]!]
  }

  place(key: Buffer, start: number, end: number, t: number): number {
    if (this.updates.length > 0) this.noteBefore(key, start, end, t)
    if (this.#probed !== 0) return this.#probed
    this.task.time.lowerNextDue(this.closeAt(t))
    return this.store.open(key, start, end, t)
  }

  settle(row: number): void {
    this.table.touch(row)
    if (this.updates.length > 0) this.tellUpdates(row)
  }

  /** What the windows of a key are before a record at `t` is added. */
  protected abstract noteBefore(key: Buffer, ks: number, ke: number, t: number): void

  /** An update for each window that the record at the row's time has changed since `noteBefore`. */
  protected abstract tellUpdates(row: number): void

  // Windows

  /** What makes the window of a key that begins at `start`; no rows where there is no such window. */
  protected abstract partsOf(key: Buffer, ks: number, ke: number, start: number): WindowParts

  abstract windowsOf(key: Buffer, ks: number, ke: number): readonly WindowFrame[]

  find(start: number | undefined, key: Buffer, ks: number, ke: number): FoundRow | undefined {
    if (!this.windowsOf(key, ks, ke).some(window => window.start === start)) return undefined
    const { rows, end } = this.partsOf(key, ks, ke, start!)
    return { table: this.whole.table, row: this.whole.of(key, ks, ke, start!, end, rows) }
  }

  /** The results of a window, comparable one by one; where a callback throws there are none, which differ from any. */
  protected resultsOf(key: Buffer, ks: number, ke: number, start: number): unknown[] {
    const { columns, offsets } = this.plan
    const { rows, end } = this.partsOf(key, ks, ke, start)
    let row: number
    try {
      row = this.whole.of(key, ks, ke, start, end, rows)
    } catch {
      return columns.map(() => Symbol('none'))
    }
    const { f64, objects } = this.whole.table
    return columns.map(({ result }, i) => fingerprint(result(f64, row + offsets[i]!, objects)))
  }

  /** Sends out the window of a row's key that begins at `start`, at `t`, by default the time of its newest record. */
  protected tellWhole(
    emissions: readonly EmissionPlan[],
    row: number,
    start: number,
    t: number | undefined,
    watermark: number,
  ): void {
    const { task } = this
    const { keyBytes } = this.table
    const [ks, ke] = [this.store.keyStart(row), this.table.keyEnd(row)]
    const { rows, end } = this.partsOf(keyBytes, ks, ke, start)
    if (rows.length === 0) return
    let whole: number
    try {
      whole = this.whole.of(keyBytes, ks, ke, start, end, rows)
    } catch (error) {
      const time = t ?? this.store.startOf(row)
      task.sides.failed(this.plan.node.id, error, false, null, keyBytes, ks, ke, undefined, time, null)
      return
    }
    this.#tell(emissions, whole, start, t ?? this.store.startOf(rows.at(-1)!), watermark)
  }

  /** Tells that a window of a row's key is no more. */
  protected tellDeleted(row: number, start: number, t: number, watermark: number): void {
    const gone = this.whole.of(
      this.table.keyBytes,
      this.store.keyStart(row),
      this.table.keyEnd(row),
      start,
      t,
      [],
    )
    this.isDeleting = true
    this.#tell(this.updates, gone, start, t, watermark)
    this.isDeleting = false
  }

  #tell(
    emissions: readonly EmissionPlan[],
    whole: number,
    start: number,
    t: number,
    watermark: number,
  ): void {
    const { task } = this
    const before = task.rowWatermark
    task.rowWatermark = watermark
    for (const { node } of emissions)
      task.program.rows.get(node.id)!(task, this, this.whole.table, whole, start, t)
    task.rowWatermark = before
  }

  // Closing

  abstract nextDue(): Due | undefined

  abstract get nextWindow(): ClosingWindow | undefined

  /** Closes windows by `closeNext`, up to the task watermark where nothing else of the task can be due between two of them. */
  protected closeUntil(at: number, closeNext: (until: number) => boolean): boolean {
    const isAlone = this.task.plan.stateful.length === 1
    const until = isAlone ? this.task.time.watermark : at
    return this.closeAll(() => closeNext(until))
  }

  // Emissions by ticks are refused for these windows.

  waitsForTick(): boolean {
    return false
  }

  tick(): boolean {
    return true
  }
}
