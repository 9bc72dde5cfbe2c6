import type { HoldNode } from '../../plan/graph.ts'
import type { KeyKind } from '../../serde/serde.ts'
import { WINDOW_START_BYTES } from '../../state/changelog-key.ts'
import type { WindowStore } from '../../state/window-store.ts'
import { MinHeap } from '../../std/min-heap.ts'
import type { Due } from '../closing.ts'
import type { Reach } from '../reach.ts'
import type { StatefulStep } from '../stateful-step.ts'
import type { Task } from '../task.ts'
import { JoinBuffer, memoryOf, type Place, placeBytes } from './join-buffer.ts'

/** Everything fixed about a step that holds records. */
export interface HoldPlan {
  readonly node: HoldNode
  readonly reach: Reach
  readonly depth: number
}

/** What is held of a record: its value, and its headers as they are written. */
type Content = readonly [value: unknown, headers: Uint8Array | null]

interface Held extends Place {
  /** The time of the record. */
  readonly at: number
  /** The number of its arrival: equal times keep their order. */
  readonly arrival: number
}

/** How much event time lies together: what has gone out leaves the store with all of it. */
export const holdBucketMs = 1024

/** Holds the records of one task until its watermark has passed their times, and gives them on in the order of these. */
export class HoldStep implements StatefulStep {
  readonly store: WindowStore
  /** The kind of its keys, 0 until the first one. */
  kind: KeyKind | 0
  readonly #task: Task
  readonly #plan: HoldPlan
  readonly #buffer: JoinBuffer
  readonly #held = new MinHeap<Held>(
    ({ at }) => at,
    (a, b) => a.arrival - b.arrival,
  )
  #arrivals = 0

  constructor(task: Task, plan: HoldPlan, store: WindowStore) {
    this.#task = task
    this.#plan = plan
    this.store = store
    this.kind = store.keyKind as KeyKind | 0
    this.#buffer = new JoinBuffer(store, holdBucketMs)
  }

  keyRange(_bytes: Buffer, start: number, end: number): readonly [number, number] {
    return [start + WINDOW_START_BYTES + placeBytes, end]
  }

  get name(): string {
    return this.#plan.node.name
  }

  /** False when the step has keys of another kind already (SEMANTICS 5.1). */
  acceptsKind(kind: KeyKind): boolean {
    const accepted = this.store.acceptKeyKind(kind)
    this.kind = this.store.keyKind as KeyKind
    return accepted
  }

  /** Whether a record has to wait; one whose time has passed goes on at once. */
  mustHold(t: number): boolean {
    return this.#dueAt(t) > this.#task.time.watermark && this.#buffer.startOf(t) >= this.store.closedBelow
  }

  /** `h` undefined stands for the headers of the record in work. */
  hold(v: unknown, kb: Buffer, ks: number, ke: number, t: number, h: Uint8Array | null | undefined): void {
    const { cursor } = this.#task.input
    const { buffer, headersStart, headersEnd } = cursor
    const own = h === undefined ? new Uint8Array(buffer.subarray(headersStart, headersEnd)) : h
    const content: Content = [v, own === null || isNone(own) ? null : own]
    this.#await(this.#buffer.addValue(0, kb, ks, ke, t, Number.NEGATIVE_INFINITY, false, content))
    this.#task.time.lowerNextDue(this.#dueAt(t))
  }

  #await(place: Place): void {
    const at = memoryOf(place.table).timeOf(place.entry)
    this.#held.add({ ...place, at, arrival: this.#arrivals++ })
  }

  /** The watermark of the task at which what reaches this step has passed `t`: rows of that very time may come until then. */
  #dueAt(t: number): number {
    return this.#task.ticks.dueAt(this.#plan.reach, t) + 1
  }

  get hasChanges(): boolean {
    return this.store.hasChanges
  }

  restored(): void {
    this.store.finishRestore()
    this.kind = this.store.keyKind as KeyKind | 0
    this.#buffer.restored()
    this.#held.clear()
    // The records of a key lie in the order of their arrival, chunk by chunk.
    const all = [...this.#buffer.all()].sort((a, b) => a.chunk - b.chunk)
    for (const { table, row, entry } of all)
      if (!memoryOf(table).isDone(entry)) this.#await({ table, row, entry })
    const due = this.nextDue()
    if (due !== undefined) this.#task.time.lowerNextDue(due.at)
  }

  nextDue(): Due | undefined {
    const { depth } = this.#plan
    const start = this.store.earliestStart
    if (start === undefined) return undefined
    const end = start + holdBucketMs - 1
    const first = this.#held.first
    const isFirst = first !== undefined && first.at <= end
    const at = this.#dueAt(isFirst ? first.at : end)
    const run = isFirst ? () => this.#release(first.at) : () => this.#drop(start)
    return { at, depth, name: this.name, run }
  }

  #drop(start: number): boolean {
    this.#buffer.drop(start)
    return true
  }

  /** Gives on what is due; false when a slice is used up before the end (SEMANTICS 3.7). */
  #release(until: number): boolean {
    const task = this.#task
    for (;;) {
      const first = this.#held.first
      if (first === undefined || first.at > until) return true
      this.#held.removeFirst()
      this.#send(first)
      if (task.closing.spend() || task.parked.hasCalls) return false
    }
  }

  #send({ at, table, row, entry }: Held): void {
    const task = this.#task
    const memory = memoryOf(table)
    const [value, headers] = memory.valueOf(entry) as Content
    // It leaves the store in the commit of what comes of it.
    memory.setDone(entry)
    table.touch(row)
    const before = task.rowKeyKind
    task.rowKeyKind = this.kind
    task.rowWatermark = this.#dueAt(at) - 1
    const keyStart = table.keyStart(row) + placeBytes
    const arrive = task.program.outs.get(this.#plan.node.id)!
    arrive(task, value, table.keyBytes, keyStart, table.keyEnd(row), undefined, at, headers)
    task.rowKeyKind = before
    task.rowWatermark = Number.NaN
  }

  settleClosing(): void {}
}

/** A section of headers that holds none: their number, 0. */
function isNone(headers: Uint8Array): boolean {
  return headers.length <= 1
}
