import type { KeyKind } from '../../serde/serde.ts'
import { WINDOW_START_BYTES } from '../../state/changelog-key.ts'
import type { WindowStore } from '../../state/window-store.ts'
import { MinHeap } from '../../std/min-heap.ts'
import type { Due } from '../closing.ts'
import type { StatefulStep } from '../stateful-step.ts'
import type { Task } from '../task.ts'
import { JoinBuffer, type Place, placeBytes, type Side, type Waiting } from './join-buffer.ts'
import type { JoinPlan } from './join-plan.ts'

/** A record that goes out alone at a watermark, unless it has met one until then. */
interface Alone extends Place {
  readonly at: number
  readonly side: Side
  readonly waiting: Waiting
}

/**
 * The join of two streams in one task: what came on either side, until nothing that comes can meet it.
 *
 * Whether two records meet depends on the input alone (SEMANTICS 4.1): on their times, and on each having come before the watermark
 * that the other was judged by had passed its interval. In which order the two sides are read does not matter.
 */
export class JoinStep implements StatefulStep {
  readonly plan: JoinPlan
  readonly store: WindowStore
  /** The kind of its keys, 0 until the first one. */
  kind: KeyKind | 0
  readonly #task: Task
  readonly #buffer: JoinBuffer
  readonly #alone = new MinHeap<Alone>(({ at }) => at)
  /** How long a record of each side waits. */
  readonly #waitMs: readonly [number, number]
  /** Whether records of each side go out alone. */
  readonly #goesAlone: readonly [boolean, boolean]

  constructor(task: Task, plan: JoinPlan, store: WindowStore) {
    const { how, beforeMs, afterMs, graceMs } = plan.node
    const { holdMs } = plan.reach
    this.#task = task
    this.plan = plan
    this.store = store
    this.kind = store.keyKind as KeyKind | 0
    this.#buffer = new JoinBuffer(store, plan.bucketMs)
    // An interval holds both its ends, so it is over one ms behind them.
    this.#waitMs = [afterMs + 1 + graceMs + holdMs, beforeMs + 1 + graceMs + holdMs]
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

  /** Lets a record meet all that wait for it, and wait itself for those that come. */
  arrive(side: Side, v: unknown, kb: Buffer, ks: number, ke: number, t: number, w: number): void {
    const { beforeMs, afterMs, id } = this.plan.node
    const task = this.#task
    const meet = task.program.pairs.get(id)!
    const other = (1 - side) as Side
    const closesAt = this.closesAt(side, t)
    const from = t - (side === 0 ? beforeMs : afterMs)
    const to = t + (side === 0 ? afterMs : beforeMs)
    let isDone = false
    this.#buffer.find(other, kb, ks, ke, from, to, (waiting, table, row) => {
      // One of them came when the other's interval was over.
      if (this.closesAt(other, waiting.t) <= w || closesAt <= waiting.w) return
      isDone = true
      if (!waiting.isDone) {
        waiting.isDone = true
        if (this.#goesAlone[other]) table.touch(row)
      }
      const [left, right] = side === 0 ? [v, waiting.v] : [waiting.v, v]
      meet(task, left, right, kb, ks, ke, Math.max(t, waiting.t))
    })
    const waiting = { t, w, v, isDone }
    const place = this.#buffer.add(side, kb, ks, ke, waiting)
    this.#await(side, waiting, place)
    task.time.lowerNextDue(this.#unlessHeld(this.#endOf(this.#buffer.startOf(t))))
  }

  #await(side: Side, waiting: Waiting, place: Place): void {
    if (waiting.isDone || !this.#goesAlone[side]) return
    const at = this.closesAt(side, waiting.t)
    this.#alone.add({ ...place, at, side, waiting })
    this.#task.time.lowerNextDue(this.#unlessHeld(at))
  }

  /** The watermark at which a stretch of the buffer is needed no more. */
  #endOf(start: number): number {
    return start + this.plan.bucketMs - 1 + Math.max(...this.#waitMs)
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
    this.#alone.clear()
    for (const { side, waiting, table, row } of this.#buffer.all()) this.#await(side, waiting, { table, row })
    const due = this.nextDue()
    if (due !== undefined) this.#task.time.lowerNextDue(due.at)
  }

  /** A record that goes out alone, or else a stretch of the buffer that is dropped. */
  nextDue(): Due | undefined {
    const { depth } = this.plan
    while (this.#alone.first?.waiting.isDone) this.#alone.removeFirst()
    const start = this.store.earliestStart
    if (start === undefined) return undefined
    const end = this.#endOf(start)
    const first = this.#alone.first
    // Records of a later run may meet what waits, but for what has gone out alone.
    const keeps = this.#task.time.isBeyondEnd
    if (first === undefined && keeps) return undefined
    if (first === undefined || (first.at > end && !keeps)) {
      const drop = () => {
        this.store.drop(start)
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
      if (first.waiting.isDone) continue
      this.#send(first)
      if (task.closing.spend() || task.parked.hasCalls) return false
    }
  }

  #send({ at, side, waiting, table, row }: Alone): void {
    const task = this.#task
    // In the commit of its result it is marked as gone out.
    waiting.isDone = true
    if (task.time.isBeyondEnd) this.#buffer.remove({ table, row }, waiting)
    else table.touch(row)
    const before = task.rowKeyKind
    task.rowKeyKind = this.kind
    task.rowWatermark = at - 1
    const [left, right] = side === 0 ? [waiting.v, undefined] : [undefined, waiting.v]
    const { keyBytes } = table
    const keyStart = table.keyStart(row) + placeBytes
    task.program.pairs.get(this.plan.node.id)!(
      task,
      left,
      right,
      keyBytes,
      keyStart,
      table.keyEnd(row),
      waiting.t,
    )
    task.rowKeyKind = before
    task.rowWatermark = Number.NaN
  }

  settleClosing(): void {}
}
