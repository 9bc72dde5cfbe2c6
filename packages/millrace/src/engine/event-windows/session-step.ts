import type { SessionStore } from '../../state/session-store.ts'
import type { SessionWindow } from '../../window/session.ts'
import type { Due } from '../closing.ts'
import type { ClosingWindow, FoundRow, WindowFrame } from '../emitting-step.ts'
import { settled } from '../results.ts'
import type { EmissionPlan, StepPlan } from '../step-plan.ts'
import type { Task } from '../task.ts'
import { EventStep } from './event-step.ts'
import type { EventWindowStep } from './event-window-step.ts'
import { SessionTicks } from './session-ticks.ts'

/** What a ticking emission has told of a row: nothing yet, and it has not been noted; nothing, and it waits; all; all but the last changes. */
const isNew = 0
const isUntold = 1
const isTold = 2
const isChanged = 3

/**
 * One aggregate over sessions in one task: which session a record belongs to, and the closing of each by itself.
 *
 * The loop finds the row of a record by `probe` and `place`, changes it, and calls `settle`.
 */
export class SessionStep extends EventStep implements EventWindowStep {
  /** The last record made its session longer, or a new one. */
  grew = false
  readonly #ticks: readonly SessionTicks[]
  /** The row that the last record made a part of another one, 0 for none. */
  #gone = 0

  constructor(task: Task, plan: StepPlan, { gapMs, graceMs }: SessionWindow, store: SessionStore) {
    super(task, plan, store, { graceMs, closeMs: gapMs + graceMs + 1 })
    this.#ticks = plan.emissions
      .filter(({ flagAt }) => flagAt >= 0)
      .map(emission => new SessionTicks(emission))
  }

  // What the loop does with a record

  /** Finds what a record joins; nothing is changed yet. */
  probe(key: Buffer, start: number, end: number, t: number): void {
    this.store.probe(key, start, end, t)
  }

  /** What the probed record adds to in a column of the user's own: one session's state, the two of a merge as one, or a new one. */
  stateOf(column: number): unknown {
    const { before, after } = this.store
    const { object, mergeStates } = this.plan.columns[column]!
    if (before === 0 && after === 0) return object!.initial()
    if (before === 0 || after === 0) return this.#objectAt(before + after, column)
    return settled(mergeStates!(this.#objectAt(before, column), this.#objectAt(after, column)))
  }

  #objectAt(row: number, column: number): unknown {
    const { table, plan } = this
    return table.objects[table.f64[row + plan.offsets[column]!]!]
  }

  /** The row of the session that the probed record is of from now on: opened, made longer, or made of two. */
  place(key: Buffer, start: number, end: number, t: number): number {
    const { store } = this
    const { before, after } = store
    this.grew = true
    this.#gone = 0
    if (before === 0 && after === 0) {
      this.task.time.lowerNextDue(this.closeAt(t))
      return store.open(key, start, end, t)
    }
    if (before === 0) {
      this.#gone = after
      const row = store.restart(after, t)
      for (const { emission } of this.#ticks) this.table.f64[row + emission.flagAt] = isNew
      return row
    }
    if (after === 0) {
      if (t > store.lastOf(before)) store.extend(before, t)
      else this.grew = false
      return before
    }
    this.#mergeColumns(before, after)
    store.extend(before, store.lastOf(after))
    store.remove(after)
    this.#gone = after
    return before
  }

  #mergeColumns(into: number, from: number): void {
    const { columns, offsets } = this.plan
    const { table } = this
    for (let i = 0; i < columns.length; i++)
      columns[i]!.merge?.(table, into + offsets[i]!, table, from + offsets[i]!)
  }

  /** After a row was changed: tells of the one that became a part of it, and notes it for the next ticks. */
  settle(row: number): void {
    this.table.touch(row)
    if (this.#gone !== 0) this.#tellGone(this.#gone, row)
    for (const ticks of this.#ticks) this.#note(ticks, row)
  }

  /**
   * A row that is no more goes out as a deletion (SEMANTICS 5.8). An emission that ticks tells it at once, together with the row it
   * became a part of: who keeps what was told neither lacks a session nor counts one twice.
   */
  #tellGone(gone: number, row: number): void {
    const { f64 } = this.table
    const t = this.store.lastOf(row)
    for (const emission of this.updates) this.#tellDeleted(emission, gone, t, this.task.ownWatermark)
    for (const { emission } of this.#ticks) {
      const flag = f64[gone + emission.flagAt]!
      if (flag === isNew || flag === isUntold) continue
      this.#tellDeleted(emission, gone, t, Number.NaN)
      this.#tellChanged(emission, row)
    }
  }

  #tellDeleted(emission: EmissionPlan, gone: number, t: number, ownWatermark: number): void {
    const before = this.task.rowWatermark
    this.task.rowWatermark = ownWatermark
    this.isDeleting = true
    this.#tell(emission, gone, t)
    this.isDeleting = false
    this.task.rowWatermark = before
  }

  #tellChanged(emission: EmissionPlan, row: number): void {
    this.table.f64[row + emission.flagAt] = isTold
    this.table.touch(row)
    this.#tell(emission, row, this.store.lastOf(row))
  }

  #tell({ node }: EmissionPlan, row: number, t: number): void {
    this.task.program.rows.get(node.id)!(this.task, this, this.table, row, this.store.startOf(row), t)
  }

  // Ticks

  #note(ticks: SessionTicks, row: number): void {
    const at = row + ticks.emission.flagAt
    const { f64 } = this.table
    if (f64[at] === isNew) f64[at] = isUntold
    else if (f64[at] === isTold) f64[at] = isChanged
    else return
    if (ticks.isEmpty) this.task.ticks.beginWait(ticks.emission.node.id)
    this.#await(ticks, row)
  }

  #await(ticks: SessionTicks, row: number): void {
    const { holdMs } = this.plan.reach
    const due = ticks.add(row, this.task.time.watermark - holdMs, this.store.lastOf(row), holdMs)
    if (due !== undefined) this.task.time.lowerNextDue(due)
  }

  waitsForTick(emit: number): boolean {
    return this.#ticks.some(({ emission, isEmpty }) => emission.node.id === emit && !isEmpty)
  }

  tick(emission: EmissionPlan): boolean {
    const ticks = this.#ticks.find(each => each.emission === emission)!
    for (const row of ticks.take())
      if (this.table.isLive(row) && this.#waits(emission, row)) this.#tellChanged(emission, row)
    return true
  }

  #waits({ flagAt }: EmissionPlan, row: number): boolean {
    const flag = this.table.f64[row + flagAt]!
    return flag === isUntold || flag === isChanged
  }

  // Closing

  nextDue(): Due | undefined {
    const { depth } = this.plan
    let first: Due | undefined
    const row = this.store.earliest()
    if (row !== 0) {
      const at = this.closeAt(this.store.lastOf(row))
      first = { at, depth, name: this.name, run: () => this.#close(at) }
    }
    for (const { dueAt, emission } of this.#ticks) {
      if (dueAt === undefined || (first !== undefined && first.at <= dueAt)) continue
      first = { at: dueAt, depth, name: this.name, run: () => this.tick(emission) }
    }
    return first
  }

  #close(at: number): boolean {
    const { store } = this
    const until = this.#isAlone() ? this.task.time.watermark : at
    return this.closeAll(() => {
      const row = store.earliest()
      if (row === 0) return false
      const closeAt = this.closeAt(store.lastOf(row))
      if (closeAt > until) return false
      this.#tellFinal(row, closeAt)
      store.close(row)
      return true
    })
  }

  /** Nothing else of the task can be due between two sessions, so that they need not be asked for one by one. */
  #isAlone(): boolean {
    return this.task.plan.stateful.length === 1 && this.#ticks.every(({ dueAt }) => dueAt === undefined)
  }

  #tellFinal(row: number, closeAt: number): void {
    for (const { emission } of this.#ticks) if (this.#waits(emission, row)) this.#tellChanged(emission, row)
    this.task.rowWatermark = closeAt - 1
    for (const emission of this.finals) this.#tell(emission, row, this.store.lastOf(row))
    this.task.rowWatermark = Number.NaN
  }

  override restored(): void {
    super.restored()
    if (this.#ticks.length === 0) return
    const { table } = this
    for (let each = table.firstRow(); each !== 0; each = table.nextRow(each))
      for (const ticks of this.#ticks) if (this.#waits(ticks.emission, each)) this.#await(ticks, each)
  }

  // What others ask

  get nextWindow(): ClosingWindow | undefined {
    const row = this.store.earliest()
    if (row === 0) return undefined
    const end = this.store.lastOf(row)
    return this.closing(this.store.startOf(row), end, end)
  }

  find(start: number | undefined, key: Buffer, keyStart: number, keyEnd: number): FoundRow | undefined {
    for (let row = this.store.newest(key, keyStart, keyEnd); row !== 0; row = this.store.older(row))
      if (this.store.startOf(row) === start) return { table: this.table, row }
    return undefined
  }

  windowsOf(key: Buffer, keyStart: number, keyEnd: number): readonly WindowFrame[] {
    const { store } = this
    const frames: WindowFrame[] = []
    for (let row = store.newest(key, keyStart, keyEnd); row !== 0; row = store.older(row))
      frames.unshift({ start: store.startOf(row), end: store.lastOf(row) })
    return frames
  }
}
