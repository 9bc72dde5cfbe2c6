import type { OutgoingBatch } from '../log/log.ts'
import type { ForEachNode, PlanNode, RetryPolicy } from '../plan/graph.ts'
import type { KeySerde } from '../serde/key.ts'
import { decodeKey } from '../serde/key.ts'
import { KeyKind } from '../serde/serde.ts'
import { KeyBuffer } from '../serde/sink.ts'
import type { Clock } from '../std/clock.ts'
import type { AggregateStep } from './aggregate-step.ts'
import type { ArrivalArguments, ParkedCall } from './calls.ts'
import { type Due, isBefore } from './due.ts'
import { Effects } from './effects.ts'
import type { Intake } from './intake.ts'
import type { Lines } from './lines.ts'
import type { InputMetadata } from './metadata.ts'
import type { Outputs } from './outputs.ts'
import { type Program, RunStop } from './program.ts'
import { RecordView } from './record-view.ts'
import { isThenable } from './results.ts'
import type { SideStreams } from './side-streams.ts'
import type { SubPlan } from './sub-plan.ts'
import type { TaskInput } from './task-input.ts'
import { maxTimeOf, NextDue, Settled, type TaskTime, TaskWatermark } from './time.ts'
import { WallTicks } from './wall-ticks.ts'

/** What a task counts while it runs, for metrics and `describe`. */
export interface TaskCounters {
  late: number
  /** Late only because an idle channel had been released (SEMANTICS 3.4). */
  lateByRelease: number
  rejected: number
  failed: number
  tombstones: number
  /** Times an input was passed over because it was drained (SEMANTICS 6.1). */
  passedOver: number
}

export interface TaskParts {
  readonly plan: SubPlan
  readonly partition: number
  readonly program: Program
  readonly inputs: readonly TaskInput[]
  readonly time: TaskTime
  readonly clock: Clock
  readonly slice?: Slice
  /** Called when something the task waited for has happened. */
  readonly wake: () => void
}

/** How much is closed before the loop gets a chance to breathe and commit (SEMANTICS 3.7). */
export interface Slice {
  /** Rows of one window. */
  readonly rows: number
  /** Windows and ticks. */
  readonly closes: number
}

const wholeSlice: Slice = { rows: 50_000, closes: 1_000 }

/**
 * One partition of a sub-topology at work (SEMANTICS 1.2): its inputs, event time, stores and outputs.
 *
 * The program walks the records; the task is what the program acts upon. It does no IO: batches are offered to
 * its inputs, and what it wrote is cut out of it for a commit.
 */
export class Task {
  readonly plan: SubPlan
  readonly partition: number
  readonly program: Program
  readonly inputs: readonly TaskInput[]
  readonly time: TaskTime
  readonly clock: Clock
  readonly slice: Slice
  readonly effects: Effects
  readonly ticks: WallTicks
  readonly record: RecordView
  /** The input whose record is in work. */
  input: TaskInput
  /** By node id. Set right after construction: steps and outputs refer to the task. */
  steps: readonly (AggregateStep | undefined)[] = []
  outputs!: Outputs
  sides!: SideStreams
  intake!: Intake
  lines!: Lines
  readonly sealed: OutgoingBatch[] = []
  /** Commits so far, over all incarnations. */
  commits = 0
  /** Scratch for a re-computed key and for an encoded value. */
  readonly keyBuffer = new KeyBuffer()
  readonly counters: TaskCounters = {
    late: 0,
    lateByRelease: 0,
    rejected: 0,
    failed: 0,
    tombstones: 0,
    passedOver: 0,
  }
  readonly #parked: ParkedCall[] = []
  #parkedRecordTime: number | undefined
  /** The parked call in work; what it parks or defers itself goes before all that wait. */
  #resumed: { readonly node: number; readonly attempt: number; readonly parked: ParkedCall[] } | undefined
  #closing = false

  constructor(parts: TaskParts) {
    this.plan = parts.plan
    this.partition = parts.partition
    this.program = parts.program
    this.inputs = parts.inputs
    this.time = parts.time
    this.clock = parts.clock
    this.slice = parts.slice ?? wholeSlice
    this.effects = new Effects(parts.clock, parts.wake)
    this.record = new RecordView(this)
    this.input = parts.inputs[0]!
    this.ticks = new WallTicks(this)
  }

  get name(): string {
    return `${this.plan.sub.name}/${this.partition}`
  }

  /** A callback waits for its next attempt: nothing else of this task may run. */
  get isParked(): boolean {
    return this.#parked.length > 0 || this.mustDefer
  }

  /** Wall time of the next attempt. */
  get parkedUntilMs(): number {
    return this.#parked[0]?.notBeforeMs ?? Number.POSITIVE_INFINITY
  }

  get isClosing(): boolean {
    return this.#closing
  }

  /** Ends a restore: what was open waits for its time again, and a close that a cut fell into goes on at the next `resume`. */
  restored(): void {
    for (const step of this.steps) step?.restored()
    const X = this.time.registers
    if (X[NextDue]! <= X[TaskWatermark]!) this.#closing = true
    else this.ticks.settle()
  }

  /**
   * Raises the current channel after its record at `t`; false when a slice of closing is used up. Carried
   * watermarks come with markers alone, and a null value whose event time would be a field has another clock's.
   */
  raise(input: TaskInput, t: number): boolean {
    const { origin, cursor } = input
    if (origin.kind !== 'source') return true
    if (cursor.valueStart < 0 && origin.node.topic.timestamp !== undefined) return true
    const X = this.time.registers
    const at = maxTimeOf(input.channel)
    if (!(t > X[at]!)) return true
    X[at] = t
    this.time.raise(input.channel, t - origin.node.outOfOrderMs)
    return this.advance()
  }

  /** Takes over a channel's watermark and does what has become due; false when a slice is used up. */
  advance(): boolean {
    const X = this.time.registers
    const before = X[TaskWatermark]!
    if (!this.time.recompute(this.clock.monotonic())) return true
    if (X[TaskWatermark]! >= X[NextDue]!) return this.close(before)
    X[Settled] = X[TaskWatermark]!
    return true
  }

  lowerNextDue(at: number): void {
    const X = this.time.registers
    if (at < X[NextDue]!) X[NextDue] = at
  }

  /**
   * Closes every window and fires every tick that the watermark has reached, in the order of SEMANTICS 3.2;
   * `before` is the watermark up to which that was done. False when the slice is used up: `resume`.
   */
  close(before: number): boolean {
    const X = this.time.registers
    if (!this.#closing) X[Settled] = before
    this.#closing = true
    for (let closes = 0; ; closes++) {
      const due = this.#firstDue()
      if (due === undefined || due.at > X[TaskWatermark]!) {
        this.#closing = false
        X[NextDue] = due?.at ?? Number.POSITIVE_INFINITY
        X[Settled] = X[TaskWatermark]!
        this.ticks.settle()
        return true
      }
      if (closes === this.slice.closes || !due.run() || this.isParked) return false
    }
  }

  #firstDue(): Due | undefined {
    let first: Due | undefined
    for (const step of this.steps) {
      const due = step?.nextDue()
      if (due !== undefined && (first === undefined || isBefore(due, first))) first = due
    }
    return first
  }

  /** Wall time of the next tick; Infinity while no row waits for one. */
  get nextTickMs(): number {
    return this.ticks.nextMs
  }

  /** Fires every wall-clock emission that is due; false when what became due behind it fills a slice. */
  fireTicks(): boolean {
    return this.ticks.fire(this.clock.now())
  }

  /** The event time that what comes from `node` has reached: what a re-keying carries on (SEMANTICS 3.2, 3.3). */
  reached(node: number): number {
    const { holdMs, wallTicks } = this.plan.reaches[node]!
    let reached = this.time.registers[Settled]! - holdMs
    for (const emit of wallTicks) reached = Math.min(reached, this.ticks.settledWatermark(emit))
    return reached
  }

  /**
   * The watermark that the record in work is judged by behind a re-keying (SEMANTICS 3.3): its source
   * partition's, whatever the task's is by now; of a row, the last one before its window closed.
   */
  ownReached(node: number): number {
    const { holdMs } = this.plan.reaches[node]!
    if (this.rowKeyKind === undefined) return this.time.registers[this.input.judgedAt]! - holdMs
    return Number.isNaN(this.rowWatermark) ? this.reached(node) : this.rowWatermark - holdMs
  }

  /** Something has changed since the last cut that a commit must hold. */
  get hasProgress(): boolean {
    return (
      this.sealed.length > 0 ||
      this.inputs.some(input => input.position !== input.committedOffset) ||
      this.steps.some(step => step?.hasChanges) ||
      this.outputs.hasRecords ||
      this.outputs.hasNews
    )
  }

  get hasRepartition(): boolean {
    return this.outputs.hasRepartition
  }

  /** How far event time has to go until something is due; Infinity when nothing is. */
  get nextDueInMs(): number {
    const X = this.time.registers
    return X[NextDue] === Number.POSITIVE_INFINITY
      ? Number.POSITIVE_INFINITY
      : X[NextDue]! - X[TaskWatermark]!
  }

  /** The state of an input's channels, for a commit. */
  channelsOf(index: number): InputMetadata['channels'] {
    return this.intake.channels
      .filter(({ input }) => input === index)
      .map(({ name, channel }) => ({
        name,
        ...this.time.channelState(channel),
      }))
  }

  // Callbacks with a retry policy

  /** True when a call must queue behind one that is parked, so that the order is kept. */
  get mustDefer(): boolean {
    return (this.#resumed?.parked ?? this.#parked).length > 0
  }

  defer(node: number, ...args: ArrivalArguments): void {
    this.#queueCall(node, args, 0, 0)
  }

  /** Parks a failed call for its next attempt; false when its policy has none left. */
  park(node: number, policy: RetryPolicy, ...args: ArrivalArguments): boolean {
    const attempt = this.attemptOf(node)
    if (attempt >= policy.retries) return false
    const notBeforeMs = this.clock.now() + policy.backoffMs
    this.#queueCall(node, args, attempt + 1, notBeforeMs)
    return true
  }

  #queueCall(node: number, args: ArrivalArguments, attempt: number, notBeforeMs: number): void {
    const { rowKeyKind, rowWatermark } = this
    const queue = this.#resumed?.parked ?? this.#parked
    queue.push({ node, arguments: args, rowKeyKind, rowWatermark, attempt, notBeforeMs })
  }

  /** How often a step has been tried before on the record in work. */
  attemptOf(node: number): number {
    return this.#resumed?.node === node ? this.#resumed.attempt : 0
  }

  /** The loop met a parked call: the record at `t` is finished by `resume`. */
  leaveParked(t: number): RunStop {
    this.#parkedRecordTime = t
    return RunStop.parked
  }

  /** Goes on with what stopped the last run; false while it cannot (back-off, or the slice is used up again). */
  resume(): boolean {
    if (!this.#retryParked()) return false
    if (this.#closing && !this.close(this.time.registers[Settled]!)) return false
    const t = this.#parkedRecordTime
    this.#parkedRecordTime = undefined
    return t === undefined ? true : this.raise(this.input, t)
  }

  #retryParked(): boolean {
    while (this.#parked.length > 0) {
      const call = this.#parked[0]!
      if (call.notBeforeMs > this.clock.now()) return false
      this.#parked.shift()
      const parked: ParkedCall[] = []
      this.#resumed = { node: call.node, attempt: call.attempt, parked }
      this.rowKeyKind = call.rowKeyKind
      this.rowWatermark = call.rowWatermark
      try {
        this.program.retries.get(call.node)!(this, ...call.arguments)
      } finally {
        this.#resumed = undefined
        this.rowKeyKind = undefined
        this.rowWatermark = Number.NaN
        this.#parked.unshift(...parked)
      }
    }
    return true
  }

  // Asynchronous forEach

  /**
   * Calls a `forEach` callback, or queues the call behind those under way. The value must be the record's own;
   * `raw` says that it is the source's, so that its bytes are kept for `.failed`.
   */
  effect(
    node: ForEachNode,
    raw: boolean,
    value: unknown,
    ...[kb, ks, ke, k, t, h]: Tail<ArrivalArguments>
  ): void {
    const { cursor } = this.input
    const record = this.record.set(kb, ks, ke, k, this.keyKindInWork, t, h).copy()
    const attempts = (bytes: Buffer | undefined) => ({
      node,
      value,
      record,
      failed: (error: unknown, attempt: number) =>
        this.sides.failedLater(node, error, value, bytes, record, attempt),
    })
    const later = () => {
      const isKept = raw && cursor.valueStart >= 0
      return attempts(
        isKept ? Buffer.from(cursor.buffer.subarray(cursor.valueStart, cursor.valueEnd)) : undefined,
      )
    }
    if (this.effects.isBusy(node)) return this.effects.add(later())
    try {
      const result: unknown = node.fn(value, record)
      if (isThenable(result)) this.effects.follow(later(), Promise.resolve(result))
    } catch (error) {
      if ((node.retry?.retries ?? 0) === 0) this.sides.failed(node.id, error, raw, value, kb, ks, ke, k, t, h)
      else this.effects.follow(later(), Promise.reject(error))
    }
  }

  // Keys

  /** The kind of the key in work: that of the input, or of the store whose rows are going out. */
  get keyKindInWork(): KeyKind | 0 {
    return this.rowKeyKind ?? this.input.keyKind
  }

  // Lateness of records that did not come straight from the loop: rows of a store are late only by what has closed.

  get judgedOwn(): number {
    return this.rowKeyKind === undefined
      ? this.time.registers[this.input.judgedAt]!
      : Number.NEGATIVE_INFINITY
  }

  get judgedTask(): number {
    return this.rowKeyKind === undefined ? this.time.watermark : Number.NEGATIVE_INFINITY
  }

  /** Set while rows of a store go out. */
  rowKeyKind: KeyKind | 0 | undefined = undefined

  /** While rows of a closing window go out: the last task watermark before their close. NaN otherwise. */
  rowWatermark = Number.NaN

  readKey(kind: KeyKind | 0, bytes: Buffer, start: number, end: number): unknown {
    if (kind === KeyKind.serde) return this.#keySerde().deserialize(bytes, start, end)
    return decodeKey(kind === 0 ? KeyKind.string : kind, bytes, start, end)
  }

  #keySerde(): KeySerde<unknown> {
    const origin = this.inputs.find(({ origin }) => origin.kind === 'source')?.origin
    return (origin as Extract<TaskInput['origin'], { kind: 'source' }>).node.topic.keySerde
  }

  keyInWork(bytes: Buffer, start: number, end: number): unknown {
    return this.readKey(this.keyKindInWork, bytes, start, end)
  }

  node(id: number): PlanNode {
    return this.plan.graph.nodes[id]!
  }
}

type Tail<T extends readonly unknown[]> = T extends [unknown, ...infer Rest] ? Rest : never
