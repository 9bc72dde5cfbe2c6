import type { KeyKind } from '../../serde/serde.ts'
import { keyForm } from '../../state/changelog-key.ts'
import type { Cell, KeyEntries } from '../../state/entries/cell.ts'
import { entryPlace } from '../../state/entries/entry-key.ts'
import type { EntryStore } from '../../state/entries/entry-store.ts'
import type { Due } from '../closing.ts'
import { outputOf } from '../output-name.ts'
import type { Arrival } from '../program.ts'
import { keyChangedFailure, keyKindFailure, noKeyFailure } from '../results.ts'
import type { StatefulStep } from '../stateful-step.ts'
import type { Task } from '../task.ts'
import { Settled, TaskWatermark } from '../time.ts'
import { broadcastOf } from './broadcast.ts'
import { Call } from './call.ts'
import { CallContext } from './context.ts'
import { Expiry } from './expiry.ts'
import { type Clock, FiredTimer } from './fired-timer.ts'
import type { ProcessPlan } from './process-plan.ts'
import { type Result, resultsOf } from './results.ts'
import { stateOf } from './states.ts'
import { TimerQueue } from './timer-queue.ts'
import { KeyTimers } from './timers.ts'

type Headers = Uint8Array | null | undefined

/** One process step in one task: its calls, its timers, and what is kept for a limited time. */
export class ProcessStep implements StatefulStep {
  readonly plan: ProcessPlan
  readonly store: EntryStore
  /** The kind of its keys, 0 until the first one. */
  kind: KeyKind | 0
  readonly #task: Task
  readonly #call: Call
  readonly #context: CallContext
  readonly #eventTimers: TimerQueue
  readonly #wallTimers: TimerQueue
  /** By place; undefined where entries are kept for ever. */
  readonly #expiries: readonly (Expiry | undefined)[]
  /** The timer whose call is in work. */
  #fired: FiredTimer | undefined
  #watermark = Number.NEGATIVE_INFINITY
  /** Event timers that do not fire behind the end of the input. */
  readonly #beyondEnd: Cell[] = []
  /** By port, found at their first use. */
  readonly #arrivals = new Map<string, Arrival | undefined>()

  constructor(task: Task, plan: ProcessPlan, store: EntryStore) {
    this.#task = task
    this.plan = plan
    this.store = store
    this.kind = store.keyKind as KeyKind | 0
    this.#call = new Call(store.changes)
    this.#eventTimers = new TimerQueue((a, b) => this.#compare(a, b))
    this.#wallTimers = new TimerQueue((a, b) => this.#compare(a, b))
    this.#expiries = plan.node.states.map(({ ttlMs }) =>
      ttlMs === undefined ? undefined : new Expiry(ttlMs),
    )
    this.#context = this.#contextOf()
  }

  #contextOf(): CallContext {
    const step = this
    const { node, freeze } = this.plan
    const { states, sides } = node
    const call = this.#call
    const named = states.map((spec, slot) => {
      const state = stateOf({ call, spec, slot, expiry: this.#expiries[slot], freeze })
      return [spec.name, state] as const
    })
    return new CallContext({
      call,
      sides,
      freeze,
      state: Object.freeze(Object.fromEntries(named)),
      broadcast: broadcastOf(this.#task, node, call, freeze),
      timers: this.#timersOf('event', states.length),
      wallTimers: this.#timersOf('wall', states.length + 1),
      get watermark() {
        return step.#watermark
      },
      key: () => this.#task.record.key,
      record: () => this.#task.record,
    })
  }

  #timersOf(clock: Clock, slot: number): KeyTimers {
    const { node } = this.plan
    const task = this.#task
    return new KeyTimers({
      step: node.name,
      clock,
      call: this.#call,
      slot,
      queue: clock === 'event' ? this.#eventTimers : this.#wallTimers,
      now: () => (clock === 'event' ? this.#call.time : task.clock.now()),
      reached: () => (clock === 'event' ? this.#watermark : Number.NEGATIVE_INFINITY),
      wasSet: time => {
        if (clock === 'event') task.time.lowerNextDue(this.#dueAt(time))
      },
      fired: () => this.#fired,
      canFire: node.onTimer !== undefined,
    })
  }

  get name(): string {
    return this.plan.node.name
  }

  get hasChanges(): boolean {
    return this.store.hasChanges
  }

  keyRange(bytes: Buffer, start: number, end: number): readonly [number, number] {
    if (keyForm(false, bytes, start, end) === 'header') return [start, end]
    const { keyStart, keyEnd } = entryPlace(bytes, start)
    return [keyStart, keyEnd]
  }

  /** Calls the callback with a record; the arguments are those of `Arrival`. */
  process(
    raw: boolean,
    v: unknown,
    kb: Buffer,
    ks: number,
    ke: number,
    k: unknown,
    t: number,
    h: Headers,
    start: number,
  ): void {
    if (v instanceof FiredTimer) return this.#callTimer(v, kb, ks, ke, t)
    const task = this.#task
    const { node } = this.plan
    const refused = this.#refuse(ks, k)
    if (refused !== undefined) {
      task.sides.failed(node.id, refused, raw, v, kb, ks, ke, k, t, h)
      return
    }
    this.#watermark = this.#reached()
    task.record.set(kb, ks, ke, undefined, task.keyKindInWork, t, h)
    const results = this.#run(node.fn, v, this.store.entriesOf(kb, ks, ke), t, error => {
      const { retry } = node
      if (retry !== undefined && task.parked.park(node.id, retry, v, kb, ks, ke, k, t, h, start)) return
      task.sides.failed(node.id, error, raw, v, kb, ks, ke, k, t, h)
    })
    if (results !== undefined) this.#send(results, kb, ks, ke, t, h)
  }

  #refuse(ks: number, k: unknown): Error | undefined {
    if (k !== undefined) return keyChangedFailure(this.name)
    if (ks < 0) return noKeyFailure(this.name)
    const kind = this.#task.keyKindInWork
    if (kind === this.kind && kind !== 0) return undefined
    const isAccepted = kind !== 0 && this.store.acceptKeyKind(kind)
    this.kind = this.store.keyKind as KeyKind | 0
    return isAccepted ? undefined : keyKindFailure(this.name)
  }

  /** The event time that had reached the step when the record in work came. */
  #reached(): number {
    const { rowKeyKind, rowWatermark, time } = this.#task
    const { holdMs } = this.plan.reach
    if (rowKeyKind === undefined) return time.registers[TaskWatermark]! - holdMs
    return (Number.isNaN(rowWatermark) ? time.registers[Settled]! : rowWatermark) - holdMs
  }

  /** Runs a callback; after a failure nothing has changed, and `failed` has been called. */
  #run(
    fn: (value: any, context: any) => unknown,
    value: unknown,
    entries: KeyEntries,
    time: number,
    failed: (error: unknown) => void,
  ): Result[] | undefined {
    const call = this.#call
    call.begin(entries, time, this.#watermark)
    try {
      const results = resultsOf(fn(value, this.#context), time, this.plan.freeze)
      call.changes.keep()
      return results
    } catch (error) {
      call.changes.takeBack()
      this.#context.takeSides()
      this.#context.takeFailures()
      call.end()
      failed(error)
      return undefined
    } finally {
      call.end()
      this.#noteExpiries()
    }
  }

  #send(results: readonly Result[], kb: Buffer, ks: number, ke: number, t: number, h: Headers): void {
    const sides = this.#context.takeSides()
    for (const { value, error } of this.#context.takeFailures())
      this.#task.sides.failed(this.plan.node.id, error, false, value, kb, ks, ke, undefined, t, h)
    for (const result of results) this.#sendTo('out', result, kb, ks, ke, h)
    for (const { side, result } of sides) this.#sendTo(`side:${side}`, result, kb, ks, ke, h)
  }

  #sendTo(
    port: 'out' | `side:${string}`,
    result: Result,
    kb: Buffer,
    ks: number,
    ke: number,
    h: Headers,
  ): void {
    const { value, key, time, headers } = result
    this.#arrivalAt(port)?.(this.#task, value, kb, ks, ke, key, time, headers ?? h)
  }

  /** Undefined where nothing reads the output. */
  #arrivalAt(port: 'out' | `side:${string}`): Arrival | undefined {
    if (!this.#arrivals.has(port))
      this.#arrivals.set(port, this.#task.program.sides.get(outputOf(this.plan.node.id, port))?.made)
    return this.#arrivals.get(port)
  }

  #noteExpiries(): void {
    for (const expiry of this.#expiries)
      if (expiry !== undefined) this.#task.time.lowerNextDue(this.#dueAt(expiry.next))
  }

  /** The task watermark at which event time reaches `time` here; Infinity while a wall-clock emission in front holds it back. */
  #dueAt(time: number): number {
    return this.#task.ticks.dueAt(this.plan.reach, time)
  }

  nextDue(): Due | undefined {
    const timer = this.#eventTimers.next
    let due = Number.isFinite(timer) ? this.#due(timer, () => this.#fireAt(timer)) : undefined
    // The end closes what is open; what is kept is kept for its time, which may go on.
    if (this.#task.time.isBeyondEnd) return due
    for (const [slot, expiry] of this.#expiries.entries()) {
      // At one time a timer goes first: it does not see what is over by then anyway.
      if (expiry === undefined || !(this.#dueAt(expiry.next) < (due?.at ?? Number.POSITIVE_INFINITY)))
        continue
      due = this.#due(expiry.next, () => this.#expire(slot))
    }
    return due
  }

  #due(time: number, run: () => boolean): Due {
    return { at: this.#dueAt(time), depth: this.plan.depth, name: this.name, run }
  }

  /** Removes entries that are over; false when the slice is used up. */
  #expire(slot: number): boolean {
    const { rows } = this.#task.slice
    const over = this.#expiries[slot]!.take(rows)
    for (const cell of over) this.store.changes.drop(cell)
    return !this.#task.closing.spend(over.length) && over.length < rows
  }

  /** Fires the event timers that are due at one time; false when the slice is used up. */
  #fireAt(time: number): boolean {
    const { closing, parked } = this.#task
    for (;;) {
      const timer = this.#eventTimers.take(time)
      if (timer === undefined) return true
      if (this.#isBeyondEnd(timer)) this.#beyondEnd.push(timer)
      else this.#fire(timer, 'event')
      if (closing.spend() || parked.hasCalls) return false
    }
  }

  /** Behind the end of the input timers that set each other would never come to an end. */
  #isBeyondEnd(timer: Cell): boolean {
    const { time } = this.#task
    const generationsMax = this.plan.node.timersEnd ? -1 : 1
    return (
      time.watermark === Number.POSITIVE_INFINITY &&
      timer.order > generationsMax &&
      (timer.value as number) > time.largestTime
    )
  }

  /** Wall time of the next timer on that clock. */
  get nextWallMs(): number {
    return this.#wallTimers.next
  }

  /** Fires the wall-clock timers that are due; what is left of them when a slice is used up comes with the next call. */
  fireWall(nowMs: number): void {
    const { slice, parked } = this.#task
    for (let fired = 0; fired < slice.rows && !parked.hasCalls; ) {
      const { next } = this.#wallTimers
      if (next > nowMs) return
      const timer = this.#wallTimers.take(next)
      if (timer === undefined) continue
      this.#fire(timer, 'wall')
      fired++
    }
  }

  /** The timer is gone from here on, whatever becomes of its call. */
  #fire(timer: Cell, clock: Clock): void {
    const task = this.#task
    const { owner, value, time } = timer
    const fired = new FiredTimer(timer.sub as string, value as number, clock, timer.order)
    this.store.changes.drop(timer)
    const kb = this.store.keyBytes
    const before = task.rowKeyKind
    task.rowKeyKind = this.kind
    if (clock === 'event') task.rowWatermark = this.#dueAt(fired.time) - 1
    this.#callTimer(
      fired,
      kb,
      this.store.keyStart(owner),
      this.store.keyEnd(owner),
      clock === 'event' ? fired.time : time,
    )
    task.rowKeyKind = before
    task.rowWatermark = Number.NaN
  }

  #callTimer(fired: FiredTimer, kb: Buffer, ks: number, ke: number, t: number): void {
    const task = this.#task
    const { node, reach } = this.plan
    this.#fired = fired
    this.#context.timer = fired
    const settled = task.time.registers[Settled]! - reach.holdMs
    this.#watermark = fired.clock === 'event' ? Math.max(fired.time, settled) : settled
    task.record.set(kb, ks, ke, undefined, this.kind, t, null)
    const call = (_: unknown, context: CallContext) => node.onTimer!(context)
    const results = this.#run(call, undefined, this.store.entriesOf(kb, ks, ke), t, error => {
      const { retry } = node
      if (
        retry !== undefined &&
        task.parked.park(node.id, retry, fired, kb, ks, ke, undefined, t, null, Number.NaN)
      )
        return
      task.sides.failed(node.id, error, false, null, kb, ks, ke, undefined, t, null)
    })
    this.#fired = undefined
    if (results !== undefined) this.#send(results, kb, ks, ke, t, null)
  }

  /** Timers of one time go by the bytes of their keys, then by their tags (SEMANTICS 3.2). */
  #compare(a: Cell, b: Cell): number {
    const { store } = this
    const bytes = store.keyBytes
    const [startA, endA] = [store.keyStart(a.owner), store.keyEnd(a.owner)]
    const keys = bytes.compare(bytes, store.keyStart(b.owner), store.keyEnd(b.owner), startA, endA)
    if (keys !== 0) return keys
    return a.sub! < b.sub! ? -1 : 1
  }

  /** What lies under a key: values, lists as arrays, maps as objects; undefined where there is nothing. */
  read(bytes: Buffer, start: number, end: number): Record<string, unknown> | undefined {
    const entries = this.store.find(bytes, start, end)
    if (entries === undefined) return undefined
    const now = this.#task.time.watermark - this.plan.reach.holdMs
    const states = this.plan.node.states.flatMap(({ name, kind }, slot) => {
      const cells = [...entries.cellsOf(slot)].filter(cell => !this.#expiries[slot]?.isOver(cell, now))
      if (cells.length === 0) return []
      if (kind === 'value') return [[name, cells[0]!.value] as const]
      if (kind === 'list') return [[name, cells.map(({ value }) => value)] as const]
      return [[name, Object.fromEntries(cells.map(({ sub, value }) => [String(sub), value]))] as const]
    })
    return states.length === 0 ? undefined : Object.fromEntries(states)
  }

  comeBack(): void {
    for (const timer of this.#beyondEnd.splice(0)) this.#eventTimers.add(timer)
  }

  restored(): void {
    this.store.finishRestore()
    this.kind = this.store.keyKind as KeyKind | 0
    const { states, onTimer } = this.plan.node
    if (onTimer === undefined && this.#expiries.every(expiry => expiry === undefined)) return
    for (const entries of this.store.all()) {
      for (const timer of entries.cellsOf(states.length)) this.#eventTimers.add(timer)
      for (const timer of entries.cellsOf(states.length + 1)) this.#wallTimers.add(timer)
      for (const [slot, expiry] of this.#expiries.entries())
        for (const cell of expiry === undefined ? [] : entries.cellsOf(slot)) expiry!.add(cell)
    }
    this.#task.time.lowerNextDue(this.#dueAt(this.#eventTimers.next))
    this.#noteExpiries()
  }

  /** Nothing waits for a cut: a timer that fired has left the store. */
  settleClosing(): void {}
}

/** The process step of a node. */
export function processStep(task: Task, node: number): ProcessStep {
  return task.steps[node] as ProcessStep
}
