import type { KeyKind } from '../../serde/serde.ts'
import type { KeyTable } from '../../state/key-table.ts'
import type { TableStore } from '../../state/table-store.ts'
import type { Due } from '../closing.ts'
import type { EmittingStep, FoundRow, WindowFrame } from '../emitting-step.ts'
import { MissedGraces } from '../missed-grace.ts'
import type { CountWindowPlan, StepPlan } from '../step-plan.ts'
import type { Task } from '../task.ts'

/**
 * One aggregate over windows of so many records in one task. Window number i of a key takes its records from number i · slide on, in slot
 * i mod slots of the key's row; a slot is made empty when its window is full.
 */
export class CountStep implements EmittingStep {
  readonly plan: StepPlan
  readonly store: TableStore
  readonly table: KeyTable
  kind: KeyKind | 0
  readonly missedGraces = new MissedGraces()
  readonly nextWindow = undefined
  /** Where in its row the slots begin that the probed record is for, the earliest window first. */
  slots: readonly number[] = []
  /** The row of the probed record's key, 0 for none. */
  #probed = 0
  readonly #task: Task
  readonly #counted: CountWindowPlan
  /** Takes one slot at a time as a row of its own. */
  readonly #single: KeyTable

  constructor(task: Task, plan: StepPlan, counted: CountWindowPlan, store: TableStore) {
    this.#task = task
    this.plan = plan
    this.store = store
    this.table = store.table
    this.kind = store.keyKind as KeyKind | 0
    this.#counted = counted
    this.#single = store.newTable()
  }

  get name(): string {
    return this.plan.node.name
  }

  keyRange(_bytes: Buffer, start: number, end: number): readonly [number, number] {
    return [start, end]
  }

  get hasChanges(): boolean {
    return this.store.hasChanges
  }

  /** False when the step has keys of another kind already (SEMANTICS 5.1). */
  acceptsKind(kind: KeyKind): boolean {
    const accepted = this.store.acceptKeyKind(kind)
    this.kind = this.store.keyKind as KeyKind
    return accepted
  }

  // What the loop does with a record

  /** Finds the slots that the next record of a key is for; nothing is changed yet. */
  probe(key: Buffer, start: number, end: number): void {
    this.#probed = this.table.find(key, start, end)
    const number = this.#probed === 0 ? 0 : this.table.f64[this.#probed + this.#counted.totalAt]!
    this.slots = this.#slotsOf(number)
  }

  #slotsOf(number: number): number[] {
    const { window, slots, slotWidth } = this.#counted
    const first = Math.max(0, Math.ceil((number - window.records + 1) / window.slide))
    const last = Math.floor(number / window.slide)
    const found: number[] = []
    for (let i = first; i <= last; i++) found.push((i % slots) * slotWidth)
    return found
  }

  /** What the probed record adds to in a column of the user's own, in one of its slots. */
  stateOf(slot: number, column: number): unknown {
    if (this.#probed === 0) return this.plan.columns[column]!.object!.initial()
    return this.table.objects[this.table.f64[this.#probed + slot + this.plan.offsets[column]!]!]
  }

  /** The row of the probed record's key, which counts the record. */
  place(key: Buffer, start: number, end: number): number {
    const { table } = this
    const row = table.upsert(key, start, end)
    table.f64[row + this.#counted.totalAt]!++
    table.touch(row)
    return row
  }

  /** A slot, which begins at `at`, has one more record, of time `t`. True when its window is full: take its result, then `empty` it. */
  fills(at: number, t: number): boolean {
    const { f64 } = this.table
    const { startAt, lastAt, takenAt, window } = this.#counted
    if (t < f64[at + startAt]!) f64[at + startAt] = t
    if (t > f64[at + lastAt]!) f64[at + lastAt] = t
    return ++f64[at + takenAt]! === window.records
  }

  empty(at: number): void {
    const { table, plan } = this
    const { slotWidth } = this.#counted
    for (const [i, { object, initial }] of plan.columns.entries()) {
      const column = at + plan.offsets[i]!
      if (object === undefined) table.f64.set(initial, column)
      else table.objects[table.f64[column]!] = object.initial()
    }
    const own = this.#counted.startAt
    table.f64.set(plan.initial.subarray(own, slotWidth), at + own)
  }

  // The end of the input

  restored(): void {
    this.store.finishRestore()
    this.kind = this.store.keyKind as KeyKind | 0
  }

  nextDue(): Due | undefined {
    const isEmitted = this.#counted.window.incomplete === 'emit' && this.store.size > 0
    if (!isEmitted) return undefined
    const { depth } = this.plan
    return { at: Number.POSITIVE_INFINITY, depth, name: this.name, run: () => this.#end() }
  }

  /** Hands out what is not full; false when the slice is used up before the end. */
  #end(): boolean {
    const { table } = this
    const { closing, parked } = this.#task
    for (let row = table.firstRow(); row !== 0; row = table.nextRow(row)) {
      for (const at of this.#openSlots(row)) this.#tellIncomplete(row, at)
      table.remove(row)
      if (closing.spend() || parked.hasCalls) return false
    }
    return true
  }

  /** Where the slots with records in them begin, the earliest window first. */
  #openSlots(row: number): number[] {
    const { totalAt, takenAt } = this.#counted
    const { f64 } = this.table
    // Those of the next record are the open ones in their order, and one that it would begin.
    return this.#slotsOf(f64[row + totalAt]!)
      .map(slot => row + slot)
      .filter(at => f64[at + takenAt]! > 0)
  }

  #tellIncomplete(row: number, at: number): void {
    const task = this.#task
    const single = this.#singleOf(row, at)
    const start = this.#single.f64[single + this.#counted.startAt]!
    const last = this.#single.f64[single + this.#counted.lastAt]!
    for (const { node } of this.plan.emissions)
      task.program.rows.get(node.id)!(task, this, this.#single, single, start, last)
  }

  #singleOf(row: number, at: number): number {
    const { table, plan } = this
    const into = this.#single
    into.clear()
    const single = into.upsert(table.keyBytes, table.keyStart(row), table.keyEnd(row))
    for (const [i, { object, initial }] of plan.columns.entries()) {
      const [to, from] = [single + plan.offsets[i]!, at + plan.offsets[i]!]
      if (object === undefined) into.f64.set(table.f64.subarray(from, from + initial.length), to)
      else into.objects[into.f64[to]!] = table.objects[table.f64[from]!]
    }
    const { startAt, slotWidth } = this.#counted
    into.f64.set(table.f64.subarray(at + startAt, at + slotWidth), single + startAt)
    return single
  }

  settleClosing(): void {}

  // Rows leave with the record that makes their window full, so no tick is waited for.

  waitsForTick(): boolean {
    return false
  }

  tick(): boolean {
    return true
  }

  // What others ask

  windowsOf(key: Buffer, keyStart: number, keyEnd: number): readonly WindowFrame[] {
    const row = this.table.find(key, keyStart, keyEnd)
    const { startAt, lastAt } = this.#counted
    const { f64 } = this.table
    if (row === 0) return []
    return this.#openSlots(row).map(at => ({ start: f64[at + startAt]!, end: f64[at + lastAt]! }))
  }

  find(start: number | undefined, key: Buffer, keyStart: number, keyEnd: number): FoundRow | undefined {
    const row = this.table.find(key, keyStart, keyEnd)
    if (row === 0) return undefined
    const at = this.#openSlots(row).find(each => this.table.f64[each + this.#counted.startAt] === start)
    return at === undefined ? undefined : { table: this.#single, row: this.#singleOf(row, at) }
  }
}
