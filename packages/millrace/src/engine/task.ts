import type { OutgoingBatch } from '../log/log.ts'
import type { KeySerde } from '../serde/key.ts'
import { decodeKey } from '../serde/key.ts'
import { KeyKind } from '../serde/serde.ts'
import { KeyBuffer } from '../serde/sink.ts'
import { ChangelogBatches } from '../state/changelog.ts'
import type { BufferPool } from '../std/buffer-pool.ts'
import type { Clock } from '../std/clock.ts'
import type { Calls } from './calls/calls.ts'
import { Closing, type Slice, wholeSlice } from './closing.ts'
import { Effects } from './effects.ts'
import type { Intake } from './intake.ts'
import type { Lines } from './lines.ts'
import type { Outputs } from './outputs.ts'
import { ParkedCalls } from './parked-calls.ts'
import type { Program } from './program.ts'
import { RecordView } from './record-view.ts'
import type { SideStreams } from './side-streams.ts'
import type { StatefulStep } from './stateful-step.ts'
import type { SubPlan } from './sub-plan.ts'
import type { TaskInput } from './task-input.ts'
import { type ChannelEnd, maxTimeOf, NextDue, Settled, type TaskTime, TaskWatermark } from './time.ts'
import { WallTicks } from './wall-ticks.ts'

/** The number of a run that goes on: no bounded run is a later one. */
export const liveRun = Number.POSITIVE_INFINITY

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
  /** What its commits brought to topics. */
  outputRecords: number
  outputBytes: number
  changelogBytes: number
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
  readonly recordBytesMaxOf: (topic: string) => number | undefined
  readonly memory: BufferPool
}

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
  /** Called when something the task waited for has happened. */
  readonly wake: () => void
  /** Undefined where the log does not know what a topic takes. */
  readonly recordBytesMaxOf: (topic: string) => number | undefined
  /** Where what it writes lies until it is in the log. */
  readonly memory: BufferPool
  readonly #changelogs = new Map<StatefulStep, ChangelogBatches>()
  readonly effects: Effects
  readonly parked: ParkedCalls
  readonly closing: Closing
  readonly ticks: WallTicks
  readonly record: RecordView
  /** The input whose record is in work. */
  input: TaskInput
  /** By node id. Set right after construction: steps and outputs refer to the task. */
  steps: readonly (StatefulStep | undefined)[] = []
  calls!: Calls
  outputs!: Outputs
  sides!: SideStreams
  intake!: Intake
  lines!: Lines
  readonly sealed: OutgoingBatch[] = []
  /** Commits so far, over all incarnations. */
  commits = 0
  /** The run whose end the last cut held (`TaskTime.endedBy`); undefined where it held none. */
  cutEnd: number | undefined
  /** Outputs have been sent whose positions no cut has held. */
  isAhead = false
  #runNo = liveRun
  /** Scratch for a re-computed key and for an encoded value. */
  readonly keyBuffer = new KeyBuffer()
  readonly counters: TaskCounters = {
    late: 0,
    lateByRelease: 0,
    rejected: 0,
    failed: 0,
    tombstones: 0,
    passedOver: 0,
    outputRecords: 0,
    outputBytes: 0,
    changelogBytes: 0,
  }
  /** Set while rows of a store go out: the kind of their keys. */
  rowKeyKind: KeyKind | 0 | undefined = undefined
  /** While rows of a closing window go out: the last task watermark before their close. NaN otherwise. */
  rowWatermark = Number.NaN

  constructor(parts: TaskParts) {
    this.plan = parts.plan
    this.partition = parts.partition
    this.program = parts.program
    this.inputs = parts.inputs
    this.time = parts.time
    this.clock = parts.clock
    this.slice = parts.slice ?? wholeSlice
    this.wake = parts.wake
    this.recordBytesMaxOf = parts.recordBytesMaxOf
    this.memory = parts.memory
    this.effects = new Effects(this, parts.wake)
    this.parked = new ParkedCalls(this)
    this.closing = new Closing(this)
    this.record = new RecordView(this)
    this.input = parts.inputs[0]!
    this.ticks = new WallTicks(this)
  }

  get name(): string {
    return `${this.plan.sub.name}/${this.partition}`
  }

  /** Takes the changes of a step's store for its changelog. */
  changelogOf(step: StatefulStep, topic: string): ChangelogBatches {
    let batches = this.#changelogs.get(step)
    if (batches === undefined) {
      batches = new ChangelogBatches(this.recordBytesMaxOf(topic), this.memory)
      this.#changelogs.set(step, batches)
    }
    return batches
  }

  /** Ends a restore: what was open waits for its time again, and a close that a cut fell into goes on at the next `resume`. */
  restored(): void {
    for (const step of this.steps) step?.restored()
    this.closing.restored()
  }

  /** Goes on with what stopped the last run; false while it cannot (back-off, or the slice is used up again). */
  resume(): boolean {
    if (!this.parked.retry()) return false
    if (this.closing.isUnderWay && !this.closing.goOn()) return false
    if (this.time.allEnded && !this.#goBeyondEnd()) return false
    const t = this.parked.takeRecordTime()
    return (t === undefined || this.raise(this.input, t)) && this.settleDue()
  }

  /** Does what a step has put up for a time that is past already; false when a slice is used up. */
  settleDue(): boolean {
    const X = this.time.registers
    return X[NextDue]! > X[TaskWatermark]! || this.closing.close(X[Settled]!)
  }

  /**
   * Raises the current channel after its record at `t`; false when a slice of closing is used up. Carried
   * watermarks come with markers alone, and a null value whose event time would be a field has another clock's.
   */
  raise(input: TaskInput, t: number): boolean {
    const { origin, cursor } = input
    if (input.isGlobal) return true
    if (origin.kind !== 'source') {
      this.time.noteTime(input.channel, t)
      return true
    }
    if (cursor.valueStart < 0 && origin.node.topic.timestamp !== undefined) return true
    const X = this.time.registers
    const at = maxTimeOf(input.channel)
    const isNewest = t > X[at]!
    if (isNewest) X[at] = t
    // A time that no record has reached yet may be a slip, and would make late whatever comes.
    if (origin.node.watermark !== undefined) this.time.raise(input.channel, Math.min(input.said, X[at]!))
    else if (isNewest) this.time.raise(input.channel, t - origin.node.outOfOrderMs)
    else return true
    return this.advance()
  }

  /** Takes over a channel's watermark and does what has become due; false when a slice is used up. */
  advance(): boolean {
    const { time } = this
    if (time.allEnded) return this.#goBeyondEnd()
    const before = time.watermark
    // The clock only counts where time goes on by it, and asking it for every record is dear.
    if (!time.recompute(time.allReleased ? this.clock.monotonic() : 0)) return true
    return this.#reach(before)
  }

  #reach(before: number): boolean {
    const X = this.time.registers
    if (X[TaskWatermark]! >= X[NextDue]!) return this.closing.close(before)
    X[Settled] = X[TaskWatermark]!
    return true
  }

  /**
   * Nothing more comes (SEMANTICS 3.5): goes to the largest watermark of the channels first, so that it does not matter which ended
   * last, and then beyond all times. False when a slice is used up: `resume` goes on.
   */
  #goBeyondEnd(): boolean {
    const { time } = this
    if (time.isBeyondEnd) return true
    const before = time.watermark
    time.raiseToLargest()
    if (!this.#reach(before)) return false
    const reached = time.watermark
    time.goBeyondEnd()
    return this.closing.close(reached)
  }

  /**
   * Begins a run: what an earlier bounded run has ended may go on, unless it ended for good. What that end has begun to close is closed
   * first (`comeBack`).
   */
  beginRun(no: number): void {
    this.#runNo = no
    for (const { channel } of this.intake.channels) this.setEnd(channel, this.time.endOf(channel))
  }

  /** Ends a channel, or brings it back with `undefined`. What earlier runs have ended is no end in this one. */
  setEnd(channel: number, end: ChannelEnd | undefined): void {
    const isEnd = end !== undefined && (end.forGood || end.no >= this.#runNo)
    this.time.setEnd(channel, isEnd ? end : undefined)
    this.comeBack()
  }

  /** Once something may come again: goes back to where time was before the end. What the end has begun to close is closed first. */
  comeBack(): void {
    const { time } = this
    if (!time.isBeyondEnd || time.allEnded || this.isClosing) return
    time.comeBack()
    this.cutEnd = undefined
    for (const step of this.steps) step?.comeBack?.()
    this.closing.lookAhead()
    this.outputs.comeBack()
  }

  /** The event time that what comes from `node` has reached: what a re-keying carries on (SEMANTICS 3.2, 3.3). */
  reached(node: number): number {
    const { holdMs, wallTicks, calls } = this.plan.reaches[node]!
    let reached = this.time.registers[Settled]! - holdMs
    for (const tick of wallTicks)
      reached = Math.min(reached, this.ticks.settledWatermark(tick.emit) - tick.holdMs)
    for (const step of calls) reached = Math.min(reached, this.calls.heldAt(step))
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

  // Lateness of records that did not come straight from the loop: rows of a store are late only by what has closed.

  get judgedOwn(): number {
    return this.rowKeyKind === undefined
      ? this.time.registers[this.input.judgedAt]!
      : Number.NEGATIVE_INFINITY
  }

  /** The watermark of the source partition that the record in work is judged by; of a row, the last one before it went out. */
  get ownWatermark(): number {
    return this.rowKeyKind === undefined ? this.time.registers[this.input.judgedAt]! : this.rowWatermark
  }

  get judgedTask(): number {
    return this.rowKeyKind === undefined ? this.time.watermark : Number.NEGATIVE_INFINITY
  }

  /** The kind of the key in work: that of the input, or of the store whose rows are going out. */
  get keyKindInWork(): KeyKind | 0 {
    return this.rowKeyKind ?? this.input.keyKind
  }

  keyInWork(bytes: Buffer, start: number, end: number): unknown {
    return this.readKey(this.keyKindInWork, bytes, start, end)
  }

  readKey(kind: KeyKind | 0, bytes: Buffer, start: number, end: number): unknown {
    if (kind === KeyKind.serde) return this.#keySerde().deserialize(bytes, start, end)
    return decodeKey(kind === 0 ? KeyKind.string : kind, bytes, start, end)
  }

  #keySerde(): KeySerde<unknown> {
    const origin = this.inputs.find(({ origin }) => origin.kind === 'source')?.origin
    return (origin as Extract<TaskInput['origin'], { kind: 'source' }>).node.topic.keySerde
  }

  /** Whether those behind a re-keying may leave this task out of their time: none of its inputs brings anything, and no call is under way. */
  isReleased(node: number): boolean {
    return this.time.allReleased && this.calls.areIdle(this.plan.reaches[node]!.calls)
  }

  /** That nothing more comes of this task behind a re-keying; undefined while something may come. */
  endOf(node: number): ChannelEnd | undefined {
    const { calls, wallTicks } = this.plan.reaches[node]!
    if (!this.hasEnded || !this.calls.areIdle(calls) || this.ticks.wait(wallTicks.map(({ emit }) => emit)))
      return undefined
    return { no: this.time.endedBy, forGood: this.time.endedForGood }
  }

  /** Nothing more comes, and everything that was open is closed. */
  get hasEnded(): boolean {
    return this.time.isBeyondEnd && this.time.allEnded && !this.isClosing
  }

  // What a host asks between two runs

  /** So many asynchronous calls are outstanding that no further record is read. */
  get isFull(): boolean {
    return this.effects.isFull || this.calls.isFull
  }

  /** No asynchronous call is outstanding. */
  get isSettled(): boolean {
    return this.effects.isIdle && this.calls.isIdle
  }

  /** A callback waits for its next attempt: nothing else of this task may run. */
  get isParked(): boolean {
    return this.parked.hasCalls
  }

  /** Wall time of the next attempt. */
  get parkedUntilMs(): number {
    return this.parked.untilMs
  }

  get isClosing(): boolean {
    return this.closing.isUnderWay
  }

  /** Wall time of the next tick; Infinity while no row waits for one. */
  get nextTickMs(): number {
    return this.ticks.nextMs
  }

  /** Fires every wall-clock emission that is due; false when what became due behind it fills a slice. */
  fireTicks(): boolean {
    return this.ticks.fire(this.clock.now())
  }

  /** How far event time has to go until something is due; Infinity when nothing is. */
  get nextDueInMs(): number {
    const X = this.time.registers
    return X[NextDue] === Number.POSITIVE_INFINITY
      ? Number.POSITIVE_INFINITY
      : X[NextDue]! - X[TaskWatermark]!
  }

  get hasOutputs(): boolean {
    return this.sealed.length > 0 || this.outputs.hasRecords
  }

  /** Takes what has been written, to send it before the cut that holds the positions of what it came from (SEMANTICS 2.8). */
  takeOutputs(): OutgoingBatch[] {
    this.outputs.sealAll()
    const taken = this.sealed.splice(0)
    this.isAhead ||= taken.length > 0
    return taken
  }

  /** Something has changed since the last cut that a commit must hold. */
  get hasProgress(): boolean {
    return (
      this.isAhead ||
      this.hasOutputs ||
      this.inputs.some(input => !input.isGlobal && input.position !== input.committedOffset) ||
      this.steps.some(step => step?.hasChanges) ||
      this.outputs.hasNews ||
      (this.hasEnded && this.time.endedBy !== this.cutEnd)
    )
  }

  get hasRepartition(): boolean {
    return this.outputs.hasRepartition
  }
}
