import type { KeyKind } from '../../serde/serde.ts'
import { WINDOW_START_BYTES, writeStart } from '../../state/changelog-key.ts'
import type { KeyTable } from '../../state/key-table.ts'
import type { SessionStore } from '../../state/session-store.ts'
import type { SlidingWindow } from '../../window/sliding.ts'
import type { Due } from '../closing.ts'
import type { ClosingWindow, FoundRow, WindowFrame } from '../emitting-step.ts'
import { MissedGraces } from '../missed-grace.ts'
import { fingerprint, settled } from '../results.ts'
import type { EmissionPlan, EventWindowPlan, StepPlan } from '../step-plan.ts'
import type { Task } from '../task.ts'
import type { EventWindowStep } from './event-window-step.ts'

/**
 * One aggregate over sliding windows in one task.
 *
 * The store has a row for each key and time at which there are records. It stands for two windows: the one that ends with it, and the
 * one that begins behind it. A window is put together from its rows when it closes, so a record changes one row, however many
 * windows hold it. The row's last time is the end of that of its two windows which is still to come:
 *
 *          t - size ├──────────────┤ t
 *                                t + 1 ├──────────────┤ t + 1 + size
 */
export class SlidingStep implements EventWindowStep {
  readonly plan: StepPlan
  readonly store: SessionStore
  readonly table: KeyTable
  kind: KeyKind | 0
  readonly grew = false
  readonly isDeleting = false
  readonly missedGraces = new MissedGraces()
  readonly #task: Task
  readonly #sizeMs: number
  readonly #graceMs: number
  /** From the end of a window to the watermark at which it closes. */
  readonly #closeMs: number
  readonly #eventWindow: EventWindowPlan
  readonly #finals: readonly EmissionPlan[]
  readonly #updates: readonly EmissionPlan[]
  /** Takes one row at a time: that of a window that was put together. */
  readonly #whole: KeyTable
  #key = Buffer.alloc(256)
  /** The row at the time of the probed record, 0 for none. */
  #probed = 0
  /** What the windows that hold the probed record had for results, by their starts, where that is told. */
  #before = new Map<number, readonly unknown[]>()

  constructor(
    task: Task,
    plan: StepPlan,
    eventWindow: EventWindowPlan,
    { sizeMs, graceMs }: SlidingWindow,
    store: SessionStore,
  ) {
    this.#task = task
    this.plan = plan
    this.store = store
    this.table = store.table
    this.kind = store.keyKind as KeyKind | 0
    this.#sizeMs = sizeMs
    this.#graceMs = graceMs
    this.#closeMs = graceMs + 1
    this.#eventWindow = eventWindow
    const of = (kind: string) => plan.emissions.filter(({ node }) => node.emission.kind === kind)
    this.#finals = of('final')
    this.#updates = of('updates')
    this.#whole = store.newTable()
  }

  keyRange(_bytes: Buffer, start: number, end: number): readonly [number, number] {
    return [start + WINDOW_START_BYTES, end]
  }

  get name(): string {
    return this.plan.node.name
  }

  get closedBelow(): number {
    return this.store.closedBelow
  }

  get hasChanges(): boolean {
    return this.store.hasChanges
  }

  acceptsKind(kind: KeyKind): boolean {
    const accepted = this.store.acceptKeyKind(kind)
    this.kind = this.store.keyKind as KeyKind
    return accepted
  }

  // What the loop does with a record

  probe(key: Buffer, start: number, end: number, t: number): void {
    this.#probed = this.#rowAt(key, start, end, t)
  }

  #rowAt(key: Buffer, start: number, end: number, t: number): number {
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
    if (this.#updates.length > 0) this.#before = this.#resultsAround(key, start, end, t)
    if (this.#probed !== 0) return this.#probed
    this.#task.time.lowerNextDue(this.#closeAt(t))
    return this.store.open(key, start, end, t)
  }

  settle(row: number): void {
    this.table.touch(row)
    if (this.#updates.length > 0) this.#tellUpdates(row)
  }

  /** An update for each window that the record at the row's time is new in, or that is new since there is the row. */
  #tellUpdates(row: number): void {
    const { table, store } = this
    const [ks, ke, t] = [store.keyStart(row), table.keyEnd(row), store.startOf(row)]
    const before = this.#before
    for (const [start, results] of this.#resultsAround(table.keyBytes, ks, ke, t)) {
      const known = before.get(start)
      if (known !== undefined && results.every((each, i) => Object.is(each, known[i]))) continue
      this.#tellWhole(this.#updates, row, start, undefined, this.#task.ownWatermark)
    }
  }

  /** The results of the windows that hold a time, and of the one behind it. */
  #resultsAround(key: Buffer, ks: number, ke: number, t: number): Map<number, readonly unknown[]> {
    const results = new Map<number, readonly unknown[]>()
    for (const { start, end } of this.windowsOf(key, ks, ke)) {
      if (end < t || start > t + 1) continue
      results.set(start, this.#resultsOf(key, ks, ke, start))
    }
    return results
  }

  /** Where a callback throws there are none, which differ from any. */
  #resultsOf(key: Buffer, ks: number, ke: number, start: number): unknown[] {
    const { columns, offsets } = this.plan
    let row: number
    try {
      row = this.#putTogether(key, ks, ke, start).row
    } catch {
      return columns.map(() => Symbol('none'))
    }
    const { f64, objects } = this.#whole
    return columns.map(({ result }, i) => fingerprint(result(f64, row + offsets[i]!, objects)))
  }

  /** Sends out a window of a row's key at `t`, by default the time of its newest record. */
  #tellWhole(
    emissions: readonly EmissionPlan[],
    row: number,
    start: number,
    t: number | undefined,
    watermark: number,
  ): void {
    const task = this.#task
    const { keyBytes } = this.table
    const [ks, ke] = [this.store.keyStart(row), this.table.keyEnd(row)]
    let whole: { readonly row: number; readonly newest: number }
    try {
      whole = this.#putTogether(keyBytes, ks, ke, start)
    } catch (error) {
      const time = t ?? this.store.startOf(row)
      task.sides.failed(this.plan.node.id, error, false, null, keyBytes, ks, ke, undefined, time, null)
      return
    }
    if (whole.row === 0) return
    const before = task.rowWatermark
    task.rowWatermark = watermark
    for (const { node } of emissions)
      task.program.rows.get(node.id)!(task, this, this.#whole, whole.row, start, t ?? whole.newest)
    task.rowWatermark = before
  }

  // Windows

  /** One row of everything in the window that begins at `start`, and the time of its newest record; the row 0 where there is nothing. */
  #putTogether(key: Buffer, ks: number, ke: number, start: number): { row: number; newest: number } {
    const { store } = this
    const end = start + this.#sizeMs
    const parts: number[] = []
    for (let row = store.newest(key, ks, ke); row !== 0; row = store.older(row)) {
      const t = store.startOf(row)
      if (t < start) break
      if (t <= end) parts.push(row)
    }
    if (parts.length === 0) return { row: 0, newest: start }
    const whole = this.#emptyRow(key, ks, ke, start)
    this.#whole.f64[whole + this.#eventWindow.lastAt] = end
    for (const part of parts.toReversed()) this.#mergeInto(whole, part)
    return { row: whole, newest: store.startOf(parts[0]!) }
  }

  #emptyRow(key: Buffer, ks: number, ke: number, start: number): number {
    const length = WINDOW_START_BYTES + ke - ks
    if (this.#key.length < length) this.#key = Buffer.alloc(2 * length)
    writeStart(this.#key, 0, start)
    key.copy(this.#key, WINDOW_START_BYTES, ks, ke)
    this.#whole.clear()
    return this.#whole.upsert(this.#key, 0, length)
  }

  #mergeInto(whole: number, part: number): void {
    const { columns, offsets } = this.plan
    for (const [i, { merge, mergeStates, object, version }] of columns.entries()) {
      const [at, from] = [whole + offsets[i]!, part + offsets[i]!]
      if (merge !== undefined) merge(this.#whole, at, this.table, from)
      else {
        // What a callback makes of a state must not reach the row, which other windows hold too.
        const stored = JSON.stringify(object!.encode(this.table.objects[this.table.f64[from]!]))
        const copy = object!.decode(JSON.parse(stored), version)
        const place = this.#whole.f64[at]!
        this.#whole.objects[place] = settled(mergeStates!(this.#whole.objects[place], copy))
      }
    }
  }

  /** The open windows of a key: which rows there are says which windows. */
  windowsOf(key: Buffer, ks: number, ke: number): readonly WindowFrame[] {
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

  find(start: number | undefined, key: Buffer, ks: number, ke: number): FoundRow | undefined {
    if (!this.windowsOf(key, ks, ke).some(window => window.start === start)) return undefined
    return { table: this.#whole, row: this.#putTogether(key, ks, ke, start!).row }
  }

  // Closing

  /** The task watermark at which a window closes; Infinity while a wall-clock emission in front holds it open. */
  #closeAt(end: number): number {
    return this.#task.ticks.dueAt(this.plan.reach, end + this.#closeMs)
  }

  nextDue(): Due | undefined {
    const row = this.store.earliest()
    if (row === 0) return undefined
    const at = this.#closeAt(this.store.lastOf(row))
    return { at, depth: this.plan.depth, name: this.name, run: () => this.#close(at) }
  }

  /** Hands out the windows that close now; false when the slice is used up before the end. */
  #close(at: number): boolean {
    const { store } = this
    const isAlone = this.#task.plan.stateful.length === 1
    const until = isAlone ? this.#task.time.watermark : at
    const { closing, parked } = this.#task
    for (;;) {
      const row = store.earliest()
      if (row === 0) return true
      const closeAt = this.#closeAt(store.lastOf(row))
      if (closeAt > until) return true
      this.#closeNext(row, closeAt)
      // Each is looked up and taken out by itself, which costs a few times what a row of one window does.
      if (closing.spend(4) || parked.hasCalls) return false
    }
  }

  /** Closes that of a row's two windows which is still to come. */
  #closeNext(row: number, closeAt: number): void {
    const { store, table } = this
    const [ks, ke, t, end] = [store.keyStart(row), table.keyEnd(row), store.startOf(row), store.lastOf(row)]
    const isFirst = end === t
    // The window behind a row may be the one that ends with another.
    if (isFirst || this.#rowAt(table.keyBytes, ks, ke, end) === 0)
      this.#tellWhole(this.#finals, row, end - this.#sizeMs, end, closeAt - 1)
    if (isFirst) {
      store.extend(row, t + 1 + this.#sizeMs)
      table.touch(row)
      store.closeBelow(end + 1)
    } else store.close(row)
  }

  settleClosing(): void {}

  restored(): void {
    this.store.finishRestore()
    this.kind = this.store.keyKind as KeyKind | 0
    const row = this.store.earliest()
    if (row !== 0) this.#task.time.lowerNextDue(this.#closeAt(this.store.lastOf(row)))
  }

  // Emissions by ticks are refused for these windows.

  waitsForTick(): boolean {
    return false
  }

  tick(): boolean {
    return true
  }

  // What others ask

  get nextWindow(): ClosingWindow | undefined {
    const row = this.store.earliest()
    if (row === 0) return undefined
    const end = this.store.lastOf(row)
    return { start: end - this.#sizeMs, end, closesAt: end + this.#closeMs + this.plan.reach.holdMs }
  }

  noteLate(t: number): void {
    this.missedGraces.note(this.#task, t + 1 + this.#graceMs + this.plan.reach.holdMs)
  }
}
