import { decodeWhole } from '../../serde/json/projection.ts'
import type { KeyKind } from '../../serde/serde.ts'
import { WINDOW_START_BYTES } from '../../state/changelog-key.ts'
import type { KeyTable } from '../../state/key-table.ts'
import type { WindowStore } from '../../state/window-store.ts'
import { MinHeap } from '../../std/min-heap.ts'
import type { Due } from '../closing.ts'
import type { PairArrival } from '../program.ts'
import type { StatefulStep } from '../stateful-step.ts'
import type { Task } from '../task.ts'
import { JoinBuffer, memoryOf, type Place, placeBytes, type Side, type Visitor } from './join-buffer.ts'
import type { JoinPlan } from './join-plan.ts'
import type { WaitingMemory } from './waiting-memory.ts'
import { wholeOf } from './waiting-store.ts'

/** A record that goes out alone at a watermark, unless it has met one until then. */
interface Alone extends Place {
  readonly at: number
  readonly side: Side
}

/** The record that comes, while it meets those that wait. */
interface Arriving {
  side: Side
  /** The value is kept as the text that the input's cursor stands at. */
  isText: boolean
  /** Of a text what the join reads of it, undefined until it meets another one. */
  v: unknown
  kb: Buffer
  ks: number
  ke: number
  t: number
  w: number
  isDone: boolean
}

/**
 * The join of two streams in one task: what came on either side, until nothing that comes can meet it.
 *
 * Whether two records meet depends on the input alone (SEMANTICS 4.1): on their times, and on each having come before the watermark
 * that the other was judged by had passed its interval. In which order the two sides are read does not matter.
 */
export class JoinStep implements StatefulStep, Visitor {
  readonly plan: JoinPlan
  readonly store: WindowStore
  /** The kind of its keys, 0 until the first one. */
  kind: KeyKind | 0
  readonly #task: Task
  readonly #buffer: JoinBuffer
  readonly #alone = new MinHeap<Alone>(({ at }) => at)
  /** How long a record of each side waits. */
  readonly #waitMs: readonly [number, number]
  readonly #longestWaitMs: number
  /** Whether records of each side go out alone. */
  readonly #goesAlone: readonly [boolean, boolean]
  readonly #own: Arriving = {
    side: 0,
    v: undefined,
    isText: false,
    kb: noBytes,
    ks: 0,
    ke: 0,
    t: 0,
    w: 0,
    isDone: false,
  }
  /** The record that waited, of the pair in work or alone. */
  #met: WaitingMemory | undefined
  #metEntry = 0
  readonly #meet: PairArrival

  constructor(task: Task, plan: JoinPlan, store: WindowStore) {
    const { id, how, beforeMs, afterMs, graceMs } = plan.node
    const { holdMs } = plan.reach
    this.#task = task
    this.plan = plan
    this.store = store
    this.kind = store.keyKind as KeyKind | 0
    this.#buffer = new JoinBuffer(store, plan.bucketMs)
    // An interval holds both its ends, so it is over one ms behind them.
    this.#waitMs = [afterMs + 1 + graceMs + holdMs, beforeMs + 1 + graceMs + holdMs]
    this.#meet = task.program.pairs.get(id)!
    this.#longestWaitMs = Math.max(...this.#waitMs)
    this.#goesAlone = [how !== 'inner', how === 'outer']
  }

  keyRange(_bytes: Buffer, start: number, end: number): readonly [number, number] {
    return [start + WINDOW_START_BYTES + placeBytes, end]
  }

  get name(): string {
    return this.plan.node.name
  }

  /** False when the step has keys of another kind already (SEMANTICS 5.1). */
  acceptsKind(kind: KeyKind): boolean {
    const accepted = this.store.acceptKeyKind(kind)
    this.kind = this.store.keyKind as KeyKind
    return accepted
  }

  /** The watermark at which nothing that comes can meet a record at `t` any more. */
  closesAt(side: Side, t: number): number {
    return t + this.#waitMs[side]
  }

  /** Whether that is so for a record that comes now, judged by `w`. */
  isLate(side: Side, t: number, w: number): boolean {
    return this.closesAt(side, t) <= w || this.#buffer.startOf(t) < this.store.closedBelow
  }

  /** Lets a record meet all that wait for it, and wait itself for those that come. `isText`: the value is that of the record the input stands at. */
  arrive(
    side: Side,
    v: unknown,
    isText: boolean,
    kb: Buffer,
    ks: number,
    ke: number,
    t: number,
    w: number,
  ): void {
    const { beforeMs, afterMs } = this.plan.node
    const { cursor } = this.#task.input
    const from = t - (side === 0 ? beforeMs : afterMs)
    const to = t + (side === 0 ? afterMs : beforeMs)
    const own = this.#own
    own.side = side
    own.isText = isText && cursor.valueStart >= 0
    own.v = own.isText ? undefined : v
    own.kb = kb
    own.ks = ks
    own.ke = ke
    own.t = t
    own.w = w
    own.isDone = false
    this.#buffer.find((1 - side) as Side, kb, ks, ke, from, to, this)
    own.v = undefined
    const { buffer, valueStart, valueEnd } = cursor
    const place = own.isText
      ? this.#buffer.addText(side, kb, ks, ke, t, w, own.isDone, buffer, valueStart, valueEnd)
      : this.#buffer.addValue(side, kb, ks, ke, t, w, own.isDone, v)
    this.#await(side, place)
    this.#task.time.lowerNextDue(this.#unlessHeld(this.#endOf(this.#buffer.startOf(t))))
  }

  /** A record that waits is within reach of the one that comes. */
  visit(table: KeyTable, row: number, memory: WaitingMemory, entry: number): void {
    const own = this.#own
    const other = (1 - own.side) as Side
    const t = memory.timeOf(entry)
    // One of them came when the other's interval was over.
    if (this.closesAt(other, t) <= own.w || this.closesAt(own.side, own.t) <= memory.watermarkOf(entry))
      return
    own.isDone = true
    if (!memory.isDone(entry)) {
      memory.setDone(entry)
      if (this.#goesAlone[other]) table.touch(row)
    }
    const v = this.#valueOf(other, memory, entry)
    if (own.isText && own.v === undefined) own.v = this.#textInWork(own.side)
    const { kb, ks, ke } = own
    const [left, right] = own.side === 0 ? [own.v, v] : [v, own.v]
    this.#met = memory
    this.#metEntry = entry
    this.#meet(this.#task, left, right, kb, ks, ke, Math.max(own.t, t))
  }

  #textInWork(side: Side): unknown {
    const { buffer, valueStart, valueEnd } = this.#task.input.cursor
    return this.plan.texts[side]!.decode(buffer, valueStart, valueEnd)
  }

  /** What the join reads of a record. */
  #valueOf(side: Side, memory: WaitingMemory, entry: number): unknown {
    return memory.isText(entry)
      ? this.plan.texts[side]!.decode(memory.bytes, memory.textStart(entry), memory.textEnd(entry))
      : memory.valueOf(entry)
  }

  /** The whole of the record that fails with the pair in work: the left one, or the right one where that is alone. */
  wholeOf(left: unknown, right: unknown): unknown {
    const own = this.#own
    const side = left === undefined ? 1 : 0
    if (own.side !== side || own.v === undefined) return wholeOf(this.#met!, this.#metEntry)
    const { buffer, valueStart, valueEnd } = this.#task.input.cursor
    return own.isText ? decodeWhole(buffer, valueStart, valueEnd) : (left ?? right)
  }

  #await(side: Side, place: Place): void {
    const memory = memoryOf(place.table)
    if (!this.#goesAlone[side] || memory.isDone(place.entry)) return
    const at = this.closesAt(side, memory.timeOf(place.entry))
    this.#alone.add({ ...place, at, side })
    this.#task.time.lowerNextDue(this.#unlessHeld(at))
  }

  /** The watermark at which a stretch of the buffer is needed no more. */
  #endOf(start: number): number {
    return start + this.plan.bucketMs - 1 + this.#longestWaitMs
  }

  /** Nothing closes while a wall-clock emission in front may still bring rows. */
  #unlessHeld(at: number): number {
    const { reach } = this.plan
    return this.#task.ticks.dueAt(reach, at - reach.holdMs)
  }

  get hasChanges(): boolean {
    return this.store.hasChanges
  }

  restored(): void {
    this.store.finishRestore()
    this.kind = this.store.keyKind as KeyKind | 0
    this.#buffer.restored()
    this.#alone.clear()
    for (const { side, table, row, entry } of this.#buffer.all()) this.#await(side, { table, row, entry })
    const due = this.nextDue()
    if (due !== undefined) this.#task.time.lowerNextDue(due.at)
  }

  /** A record that goes out alone, or else a stretch of the buffer that is dropped. */
  nextDue(): Due | undefined {
    const { depth } = this.plan
    while (isDone(this.#alone.first)) this.#alone.removeFirst()
    const start = this.store.earliestStart
    if (start === undefined) return undefined
    const end = this.#endOf(start)
    const first = this.#alone.first
    // Records of a later run may meet what waits, but for what has gone out alone.
    const keeps = this.#task.time.isBeyondEnd
    if (first === undefined && keeps) return undefined
    if (first === undefined || (first.at > end && !keeps)) {
      const drop = () => {
        this.#buffer.drop(start)
        return true
      }
      return { at: this.#unlessHeld(end), depth, name: this.name, run: drop }
    }
    const { at } = first
    return { at: this.#unlessHeld(at), depth, name: this.name, run: () => this.#goAlone(at) }
  }

  /** Sends out what is due; false when a slice is used up before the end (SEMANTICS 3.7). */
  #goAlone(at: number): boolean {
    const task = this.#task
    for (;;) {
      const first = this.#alone.first
      if (first === undefined || first.at > at) return true
      this.#alone.removeFirst()
      if (isDone(first)) continue
      this.#send(first)
      if (task.closing.spend() || task.parked.hasCalls) return false
    }
  }

  #send({ at, side, table, row, entry }: Alone): void {
    const task = this.#task
    const memory = memoryOf(table)
    const t = memory.timeOf(entry)
    const v = this.#valueOf(side, memory, entry)
    // In the commit of its result it is marked as gone out.
    memory.setDone(entry)
    this.#met = memory
    this.#metEntry = entry
    if (!task.time.isBeyondEnd) table.touch(row)
    const before = task.rowKeyKind
    task.rowKeyKind = this.kind
    task.rowWatermark = at - 1
    const [left, right] = side === 0 ? [v, undefined] : [undefined, v]
    const { keyBytes } = table
    const keyStart = table.keyStart(row) + placeBytes
    this.#meet(task, left, right, keyBytes, keyStart, table.keyEnd(row), t)
    task.rowKeyKind = before
    task.rowWatermark = Number.NaN
    if (task.time.isBeyondEnd) this.#buffer.remove({ table, row, entry })
  }

  settleClosing(): void {}
}

const noBytes = Buffer.alloc(0)

function isDone(alone: Alone | undefined): boolean {
  return alone !== undefined && memoryOf(alone.table).isDone(alone.entry)
}
