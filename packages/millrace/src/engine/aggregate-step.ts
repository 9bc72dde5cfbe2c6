import type { Emission, GridWindow } from '../plan/graph.ts'
import type { KeyKind } from '../serde/serde.ts'
import { WINDOW_START_BYTES } from '../state/changelog-key.ts'
import type { KeyTable } from '../state/key-table.ts'
import type { TableStore } from '../state/table-store.ts'
import type { WindowStore } from '../state/window-store.ts'
import { isBroken } from '../std/broken-rules.ts'
import type { HoppingWindow } from '../window/hopping.ts'
import type { Due } from './closing.ts'
import { ConditionalRows } from './conditional-rows.ts'
import type { ClosingWindow, EmittingStep, FoundRow, WindowFrame } from './emitting-step.ts'
import { MissedGraces } from './missed-grace.ts'
import type { EmissionPlan, StepPlan } from './step-plan.ts'
import type { Task } from './task.ts'
import { Settled } from './time.ts'
import { nextOnGrid } from './windows/next-window.ts'
import { PaneWindows } from './windows/pane-windows.ts'
import type { ClosingRows, StepWindows } from './windows/step-windows.ts'
import { UntoldRows } from './windows/untold-rows.ts'
import { WholeWindows } from './windows/whole-windows.ts'

const keepsRowsGone = isBroken('3.7')

/** The start under which a table without windows files its rows. */
const noWindow = 0

/**
 * One aggregate in one task: its store, the rows that wait for a tick, and the closing of its windows.
 *
 * The loop updates rows by itself (`tableFor`, `upsert`, the columns' `update`, `touch`); everything that
 * happens once per window or tick is here.
 */
export class AggregateStep implements EmittingStep {
  readonly plan: StepPlan
  readonly window: GridWindow | undefined
  /** The slot (`StepWindows`) of the last record: most records hit it again. */
  lastSlot = Number.NaN
  lastTable: KeyTable | undefined
  /** Windows that start before this have gone out: the end of a bounded run may have closed them before their time. */
  closedBelow = Number.NEGATIVE_INFINITY
  readonly missedGraces = new MissedGraces()
  /** The kind of its keys, 0 until the first one. */
  kind: KeyKind | 0
  readonly #task: Task
  readonly #windowStore: WindowStore | undefined
  readonly #table: TableStore | undefined
  readonly #windows: StepWindows | undefined
  /** Changed rows per ticking emission, by window start. */
  readonly #changed: Map<EmissionPlan, Map<number, number[]>>
  readonly #ticks: readonly EmissionPlan[]
  readonly #counts: readonly EmissionPlan[]
  readonly #conditional: ConditionalRows
  readonly #finals: readonly EmissionPlan[]
  /** Event time of the next tick per event-time emission; Infinity when nothing changed. */
  readonly #tickDue = new Map<EmissionPlan, number>()
  /** Where rows of `final` may come again. */
  readonly #untold: UntoldRows | undefined
  /** The emission in whose tick a slice ended. */
  #ticking: EmissionPlan | undefined
  /** A close that takes several slices: its rows so far, those of them that went out since the last cut. */
  #closing: (ClosingRows & { start: number; gone: number[] }) | undefined

  constructor(task: Task, plan: StepPlan, store: WindowStore | TableStore) {
    this.#task = task
    this.plan = plan
    this.window = plan.node.window as GridWindow | undefined
    this.#windowStore = plan.node.window ? (store as WindowStore) : undefined
    this.#windows = this.#windowStore && windowsOf(plan, this.#windowStore)
    this.#table = plan.node.window ? undefined : (store as TableStore)
    this.#ticks = plan.emissions.filter(({ node }) => node.emission.kind === 'every')
    this.#counts = plan.emissions.filter(({ node }) => node.emission.kind === 'count')
    this.#conditional = new ConditionalRows(task, this)
    this.#finals = plan.emissions.filter(emission => emission.node.emission.kind === 'final')
    this.#untold = plan.untoldAt < 0 ? undefined : new UntoldRows()
    this.kind = store.keyKind as KeyKind | 0
    this.#changed = new Map(this.#ticks.map(emission => [emission, new Map()]))
    if (this.#table) {
      this.lastSlot = noWindow
      this.lastTable = this.#table.table
    }
  }

  get name(): string {
    return this.plan.node.name
  }

  get store(): WindowStore | TableStore {
    return this.#windowStore ?? this.#table!
  }

  keyRange(_bytes: Buffer, start: number, end: number): readonly [number, number] {
    return [this.window === undefined ? start : start + WINDOW_START_BYTES, end]
  }

  windowsOf(): readonly WindowFrame[] {
    return this.#windows?.starts.map(start => ({ start, end: this.endOf(start) })) ?? []
  }

  find(start: number | undefined, key: Buffer, keyStart: number, keyEnd: number): FoundRow | undefined {
    if (this.#windows !== undefined) return this.#windows.find(start!, key, keyStart, keyEnd)
    const { table } = this.#table!
    const row = table.find(key, keyStart, keyEnd)
    return row === 0 ? undefined : { table, row }
  }

  /** How many of a pane's windows take no record any more that has come at this watermark (`Panes`). */
  missed(paneStart: number, watermark: number): number {
    const { sizeMs, advanceMs, graceMs } = this.window as HoppingWindow
    const { closedBelow } = this
    let missed = 0
    for (let start = paneStart - sizeMs + advanceMs; ; start += advanceMs, missed++) {
      const isOpen = start >= closedBelow && start + sizeMs + graceMs + this.plan.reach.holdMs > watermark
      if (isOpen) return missed
    }
  }

  /** The end, exclusive, of the window that starts at `start`. */
  endOf(start: number): number {
    return this.plan.grid!.endOf(start)
  }

  /** False when the step has keys of another kind already (SEMANTICS 5.1). */
  acceptsKind(kind: KeyKind): boolean {
    const accepted = this.store.acceptKeyKind(kind)
    this.kind = this.store.keyKind as KeyKind
    return accepted
  }

  /** The table of a slot, opened when it is new. */
  tableFor(slot: number): KeyTable {
    if (this.#windowStore === undefined) return this.#table!.table
    const known = this.#windowStore.openTable(slot)
    const table = known ?? this.#windowStore.tableFor(slot)
    this.lastSlot = slot
    this.lastTable = table
    if (known === undefined) this.#task.time.lowerNextDue(this.#closeAt(this.#windows!.firstOf(slot)))
    return table
  }

  /** Remembers a changed row until it goes out by each emission that does not tell of it with its record. `t` is its record's time. */
  changed(table: KeyTable, row: number, start: number, t: number): void {
    if (this.#untold !== undefined && table.f64[row + this.plan.untoldAt] === 0) {
      table.f64[row + this.plan.untoldAt] = 1
      this.#noteUntold(start, row)
    }
    for (const emission of this.#ticks) {
      const at = row + emission.flagAt
      if (table.f64[at] !== 0) continue
      table.f64[at] = 1
      if (this.#changed.get(emission)!.size === 0) this.#task.ticks.beginWait(emission.node.id)
      this.#remember(emission, start, row, t)
    }
    for (const emission of this.#counts) this.#count(emission, table, row)
    this.#conditional.changed(table, row, start)
  }

  /** Hands a row out whose record is the last of so many. */
  #count({ node, flagAt }: EmissionPlan, table: KeyTable, row: number): void {
    const { records, reset } = node.emission as Extract<Emission, { kind: 'count' }>
    const taken = table.f64[row + flagAt]! + 1
    table.f64[row + flagAt] = taken < records ? taken : 0
    if (taken < records) return
    const time = table.f64[row + this.plan.timeAt]!
    this.#task.program.rows.get(node.id)!(this.#task, this, table, row, noWindow, time)
    if (reset) this.#beginAgain(table, row)
  }

  #beginAgain(table: KeyTable, row: number): void {
    const { columns, offsets, timeAt } = this.plan
    table.f64[row + timeAt] = Number.NEGATIVE_INFINITY
    for (const [i, { object, initial }] of columns.entries()) {
      const at = row + offsets[i]!
      if (object === undefined) table.f64.set(initial, at)
      else table.objects[table.f64[at]!] = object.initial()
    }
  }

  /** A row that has to go out: with its window, or at once where that has done so. */
  #noteUntold(start: number, row: number): void {
    if (this.#untold!.add(start, row)) this.#task.time.lowerNextDue(this.#resultAt(start))
  }

  #remember(emission: EmissionPlan, start: number, row: number, t: number): void {
    const byStart = this.#changed.get(emission)!
    const rows = byStart.get(start)
    if (rows) rows.push(row)
    else byStart.set(start, [row])
    const { emission: every } = emission.node
    if (every.kind !== 'every' || every.time !== 'event' || this.#tickDue.has(emission)) return
    const reached = Math.max(this.#task.time.watermark - this.plan.reach.holdMs, t - every.everyMs)
    this.#tickAt(emission, (Math.floor(reached / every.everyMs) + 1) * every.everyMs + this.plan.reach.holdMs)
  }

  #tickAt(emission: EmissionPlan, due: number): void {
    this.#tickDue.set(emission, due)
    this.#task.time.lowerNextDue(due)
  }

  waitsForTick(emit: number): boolean {
    return this.#ticks.some(emission => emission.node.id === emit && this.#changed.get(emission)!.size > 0)
  }

  /** Rows changed or windows closed since the last cut. */
  get hasChanges(): boolean {
    return this.store.hasChanges || (this.#closing?.gone.length ?? 0) > 0
  }

  /** After a restore: finds open windows and rows that still wait for their tick. */
  restored(): void {
    this.store.finishRestore()
    this.kind = this.store.keyKind as KeyKind | 0
    if (this.#windows !== undefined) this.closedBelow = this.#windows.closedBelow
    const next = this.#windows?.next
    if (next !== undefined) this.#task.time.lowerNextDue(this.#closeAt(next))
    if (this.#ticks.length === 0 && this.#untold === undefined) return
    for (const [start, table] of this.#openTables()) {
      for (let row = table.firstRow(); row !== 0; row = table.nextRow(row)) {
        if (this.#untold !== undefined && table.f64[row + this.plan.untoldAt] !== 0)
          this.#noteUntold(start, row)
        for (const emission of this.#ticks) {
          const flag = table.f64[row + emission.flagAt]!
          if (flag === 0) continue
          this.#remember(emission, start, row, table.f64[row + this.plan.timeAt]!)
          if (flag !== 1) this.#tickAt(emission, flag)
        }
      }
    }
  }

  *#openTables(): Iterable<[number, KeyTable]> {
    if (this.#table) yield [noWindow, this.#table.table]
    for (const slot of this.#windowStore?.starts ?? []) yield [slot, this.#windowStore!.openTable(slot)!]
  }

  /** What is due first: the window or tick with the smallest task watermark. */
  nextDue(): Due | undefined {
    let first: Due | undefined
    const start = this.#windows?.next
    if (start !== undefined) {
      first = {
        at: this.#closeAt(start),
        depth: this.plan.depth,
        name: this.name,
        run: () => this.#close(start),
      }
    }
    const untold = this.#untold?.first
    if (untold !== undefined) {
      const at = this.#resultAt(untold)
      if (first === undefined || at < first.at)
        first = { at, depth: this.plan.depth, name: this.name, run: () => this.#tellUntold(untold) }
    }
    for (const [emission, at] of this.#tickDue) {
      if (first !== undefined && first.at <= at) continue
      first = { at, depth: this.plan.depth, name: this.name, run: () => this.tick(emission) }
    }
    return first
  }

  /** The task watermark at which a window closes; Infinity while a wall-clock emission in front holds it open. */
  #closeAt(start: number): number {
    return this.#task.ticks.dueAt(this.plan.reach, this.endOf(start) + this.plan.graceMs)
  }

  /** The task watermark at which its rows go out for the first time. */
  #resultAt(start: number): number {
    return this.#task.ticks.dueAt(this.plan.reach, this.endOf(start) + this.window!.graceMs)
  }

  get nextWindow(): ClosingWindow | undefined {
    if (this.#windows?.next === undefined) return undefined
    const starts = this.#untold === undefined ? [this.#windows.next] : this.#windows.starts
    return nextOnGrid(this.plan, starts, this.#task.time.watermark)
  }

  noteLate(t: number): void {
    const { grid, reach } = this.plan
    const closedAt = grid!.endOf(grid!.startOf(t)) + this.plan.graceMs + reach.holdMs
    this.missedGraces.note(this.#task, closedAt)
  }

  tick(emission: EmissionPlan): boolean {
    const byStart = this.#changed.get(emission)!
    for (const [start, rows] of byStart) {
      const table = this.#windowStore ? this.#windowStore.openTable(start)! : this.#table!.table
      for (let told = 0; told < rows.length; ) {
        this.#emitChanged(emission, table, rows[told++]!, start)
        if (!this.#task.closing.spend() || told === rows.length) continue
        rows.splice(0, told)
        this.#ticking = emission
        return false
      }
      byStart.delete(start)
    }
    this.#ticking = undefined
    this.#tickDue.delete(emission)
    return true
  }

  /** Before a cut in the middle of a tick: one of the rows that wait says when it was due, for a restart to go on with them. */
  #markTick(emission: EmissionPlan): void {
    const due = this.#tickDue.get(emission)
    const [waiting] = this.#changed.get(emission)!
    if (due === undefined || waiting === undefined) return
    const [start, [row]] = waiting
    const table = this.#windowStore ? this.#windowStore.openTable(start)! : this.#table!.table
    table.f64[row! + emission.flagAt] = due
    table.touch(row!)
  }

  #emitChanged(emission: EmissionPlan, table: KeyTable, row: number, start: number): void {
    table.f64[row + emission.flagAt] = 0
    table.touch(row)
    const time = table.f64[row + this.plan.timeAt]!
    this.#task.program.rows.get(emission.node.id)!(this.#task, this, table, row, start, time)
  }

  /** Hands out a window's rows and drops it; false when the slice is used up before the end. */
  #close(start: number): boolean {
    if (this.#closing?.start !== start) {
      const byKey = this.#finals.some(
        ({ node }) => node.emission.kind === 'final' && node.emission.order === 'key',
      )
      this.#closing = { ...this.#windows!.begin(start, byKey), start, gone: [] }
    }
    const { table, rows, gone } = this.#closing
    const { closing, parked } = this.#task
    const [end, closeAt] = [this.endOf(start), this.#closeAt(start)]
    for (let row = rows.next(); row !== 0; row = rows.next()) {
      this.#emitFinal(table, row, start, end, closeAt)
      gone.push(row)
      if (closing.spend() || parked.hasCalls) return false
    }
    this.#drop(start)
    return true
  }

  /** Before a cut: rows that went out leave the store in the same commit as their output (SEMANTICS 3.7). */
  settleClosing(): void {
    if (this.#ticking !== undefined) this.#markTick(this.#ticking)
    if (this.#closing === undefined || keepsRowsGone) return
    const { start, table, gone } = this.#closing
    this.#windows!.settle(start, gone.splice(0))
    // Without a row a restore would not find the window, nor that it has closed.
    if (table.size === 0) this.#drop(start)
  }

  #emitFinal(table: KeyTable, row: number, start: number, end: number, closeAt: number): void {
    for (const emission of this.#ticks) {
      if (table.f64[row + emission.flagAt] !== 0) this.#emitChanged(emission, table, row, start)
    }
    if (this.#untold === undefined) this.#tellFinal(table, row, start, end, closeAt - 1)
  }

  #tellFinal(table: KeyTable, row: number, start: number, end: number, watermark: number): void {
    const task = this.#task
    task.rowWatermark = watermark
    for (const emission of this.#finals) {
      task.program.rows.get(emission.node.id)!(task, this, table, row, start, end - 1)
    }
    task.rowWatermark = Number.NaN
  }

  /** Hands out what is new of a window that is past; false when the slice is used up before the end. */
  #tellUntold(start: number): boolean {
    const { closing, parked, time } = this.#task
    const table = this.#windowStore!.openTable(start)!
    const end = this.endOf(start)
    const watermark = Math.max(this.#resultAt(start) - 1, time.registers[Settled]!)
    let told = 0
    for (const row of this.#untold!.of(start)) {
      table.f64[row + this.plan.untoldAt] = 0
      table.touch(row)
      this.#tellFinal(table, row, start, end, watermark)
      told++
      if (closing.spend() || parked.hasCalls) break
    }
    return this.#untold!.told(start, told)
  }

  #drop(start: number): void {
    this.#closing = undefined
    for (const byStart of this.#changed.values()) byStart.delete(start)
    this.#untold?.forget(start)
    // Its slot may be one of those that close.
    this.lastSlot = Number.NaN
    this.lastTable = undefined
    this.#windows!.end(start)
    this.closedBelow = this.#windows!.closedBelow
  }
}

/** The aggregate of a node. */
export function aggregateStep(task: Task, node: number): AggregateStep {
  return task.steps[node] as AggregateStep
}

function windowsOf(plan: StepPlan, store: WindowStore): StepWindows {
  return plan.panes === undefined ? new WholeWindows(store) : new PaneWindows(plan, plan.panes, store)
}
