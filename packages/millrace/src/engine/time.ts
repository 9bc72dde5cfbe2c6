import { isBroken } from '../std/broken-rules.ts'

const takesLargest = isBroken('3.1')
const waitsForReleased = isBroken('3.4')

/**
 * The event time of one task: a watermark for every input channel and the task's own (SEMANTICS 3).
 *
 * All of it lies in one array of doubles, `registers`, so that the compiled loop reads and raises it
 * without allocating:
 *
 *   [TaskWatermark] [NextDue] [Settled] then per channel: [largest event time] [watermark]
 *   then per input: [own watermark of the re-keyed record in work]
 *
 * `NextDue` is the smallest task watermark at which something must happen (a window closes, a tick
 * fires). `Settled` is the watermark up to which everything due has gone out; it is what downstream is told.
 */
export const TaskWatermark = 0
export const NextDue = 1
export const Settled = 2
const firstChannel = 3

export const maxTimeOf = (channel: number): number => firstChannel + 2 * channel
export const watermarkOf = (channel: number): number => firstChannel + 2 * channel + 1

/** The end of a channel's input (SEMANTICS 3.5). */
export interface ChannelEnd {
  /** Number of the bounded run that has read it to its end, 0 for none. Later runs have larger ones. */
  readonly no: number
  /** An end-of-input record says so: no run brings it back. */
  readonly forGood: boolean
}

export class TaskTime {
  readonly registers: Float64Array
  readonly channelCount: number
  readonly #released: boolean[]
  readonly #ends: (ChannelEnd | undefined)[]
  #endedCount = 0
  /** Whether a channel is neither released nor ended, and how many are so. */
  readonly #counting: boolean[]
  #countingCount: number
  /** By channel that has ended for good: the watermark it had. No record behind such an end is in time. */
  readonly #lastWatermarks: number[]
  /** Wall-speed growth applies to released source channels only; carried watermarks already contain it. */
  readonly #fromSource: boolean
  /** Where growth at wall speed started: the watermark and the monotonic time at which the last source channel was released. */
  #growth: { readonly watermark: number; readonly sinceMs: number } | undefined

  constructor(channelCount: number, inputCount: number, fromSource: boolean) {
    this.channelCount = channelCount
    this.#fromSource = fromSource
    this.registers = new Float64Array(firstChannel + 2 * channelCount + inputCount).fill(
      Number.NEGATIVE_INFINITY,
    )
    this.registers[NextDue] = Number.POSITIVE_INFINITY
    this.#released = new Array(channelCount).fill(false)
    this.#ends = new Array(channelCount).fill(undefined)
    this.#counting = new Array(channelCount).fill(true)
    this.#countingCount = channelCount
    this.#lastWatermarks = new Array(channelCount).fill(Number.NEGATIVE_INFINITY)
  }

  /** Where the own watermark of an input's re-keyed records lies (SEMANTICS 3.3). */
  ownOf(input: number): number {
    return firstChannel + 2 * this.channelCount + input
  }

  get watermark(): number {
    return this.registers[TaskWatermark]!
  }

  get allReleased(): boolean {
    return this.channelCount > 0 && this.#countingCount === 0 && !this.allEnded
  }

  /** Nothing more comes: channels have ended, and the others are released if there are any (SEMANTICS 3.5). */
  get allEnded(): boolean {
    return this.#countingCount === 0 && this.#endedCount > 0
  }

  /** The task has gone beyond all times; it comes back when a channel does. */
  get isBeyondEnd(): boolean {
    return this.registers[TaskWatermark] === Number.POSITIVE_INFINITY
  }

  /** Whether a channel is neither released nor ended, so that the task waits for it. */
  counts(channel: number): boolean {
    return this.#counting[channel]!
  }

  isReleased(channel: number): boolean {
    return this.#released[channel]!
  }

  setReleased(channel: number, released: boolean): void {
    this.#setFlags(channel, released, this.#ends[channel])
  }

  endOf(channel: number): ChannelEnd | undefined {
    return this.#ends[channel]
  }

  /** Ends a channel, or brings it back with `undefined`. Its watermark stays what it was: an ended channel is left out of the minimum. */
  setEnd(channel: number, end: ChannelEnd | undefined): void {
    this.#setFlags(channel, this.#released[channel]!, end)
  }

  /** The run that has ended every channel: 0 where one has ended without a run, or is only released; Infinity without channels. */
  get endedBy(): number {
    let no = Number.POSITIVE_INFINITY
    for (const end of this.#ends) no = Math.min(no, end?.no ?? 0)
    return no
  }

  /** Every channel that has ended has done so for good. */
  get endedForGood(): boolean {
    return this.#ends.every(end => end === undefined || end.forGood)
  }

  #setFlags(channel: number, released: boolean, end: ChannelEnd | undefined): void {
    const counts = !released && end === undefined
    this.#countingCount += Number(counts) - Number(this.#counting[channel])
    this.#endedCount += Number(end !== undefined) - Number(this.#ends[channel] !== undefined)
    this.#counting[channel] = counts
    this.#released[channel] = released
    this.#ends[channel] = end
    if (!this.allReleased) this.#growth = undefined
    if (end?.forGood) this.#closeChannel(channel)
  }

  #closeChannel(channel: number): void {
    this.#lastWatermarks[channel] = this.#lastWatermarkOf(channel)
    this.registers[watermarkOf(channel)] = Number.POSITIVE_INFINITY
  }

  /** The watermark a channel has, or had when it ended for good. */
  #lastWatermarkOf(channel: number): number {
    const watermark = this.registers[watermarkOf(channel)]!
    return watermark === Number.POSITIVE_INFINITY ? this.#lastWatermarks[channel]! : watermark
  }

  /** Raises a channel's watermark; it never goes back. */
  raise(channel: number, watermark: number): void {
    const at = watermarkOf(channel)
    if (watermark > this.registers[at]!) this.registers[at] = watermark
  }

  /** Raises the task's watermark to the largest of its channels: how far it was when the last of them ended, whichever that was. */
  raiseToLargest(): void {
    this.registers[TaskWatermark] = this.largestWatermark
  }

  /** Goes beyond all times; `Settled` keeps how far the task was. */
  goBeyondEnd(): void {
    this.registers[TaskWatermark] = Number.POSITIVE_INFINITY
  }

  /** Comes back from beyond the end. */
  comeBack(): void {
    this.registers[TaskWatermark] = this.registers[Settled]!
  }

  /**
   * Recomputes the task's watermark from its channels. `monotonicMs` drives the wall-speed growth once
   * every source channel is released. Answers whether it rose.
   */
  recompute(monotonicMs: number): boolean {
    const w =
      this.allReleased && !waitsForReleased ? this.#releasedWatermark(monotonicMs) : this.#smallestWatermark()
    if (!(w > this.registers[TaskWatermark]!)) return false
    this.registers[TaskWatermark] = w
    return true
  }

  #smallestWatermark(): number {
    if (takesLargest) return this.largestWatermark
    let smallest = Number.POSITIVE_INFINITY
    for (let i = 0; i < this.channelCount; i++) {
      if (this.#counting[i] || (waitsForReleased && this.#ends[i] === undefined))
        smallest = Math.min(smallest, this.registers[watermarkOf(i)]!)
    }
    return smallest
  }

  #releasedWatermark(monotonicMs: number): number {
    const largest = this.largestWatermark
    if (!this.#fromSource) return largest
    this.#growth ??= { watermark: largest, sinceMs: monotonicMs }
    return this.#growth.watermark + Math.floor(monotonicMs - this.#growth.sinceMs)
  }

  /** How far the task or any of its channels is. */
  get largestWatermark(): number {
    let largest = this.watermark
    for (let i = 0; i < this.channelCount; i++) largest = Math.max(largest, this.#lastWatermarkOf(i))
    return largest
  }

  /** The largest time of a record of any channel. */
  get largestTime(): number {
    let largest = Number.NEGATIVE_INFINITY
    for (let i = 0; i < this.channelCount; i++) largest = Math.max(largest, this.registers[maxTimeOf(i)]!)
    return largest
  }

  /** Remembers the time of a record that does not move its channel's watermark: that is carried to it. */
  noteTime(channel: number, t: number): void {
    const at = maxTimeOf(channel)
    if (t > this.registers[at]!) this.registers[at] = t
  }

  /** Something will be due at the task watermark `at`. */
  lowerNextDue(at: number): void {
    if (at < this.registers[NextDue]!) this.registers[NextDue] = at
  }

  /** What a commit stores of one channel. */
  channelState(channel: number): ChannelState {
    return {
      maxTime: this.registers[maxTimeOf(channel)]!,
      watermark: this.#lastWatermarkOf(channel),
      released: this.#released[channel]!,
      ...(this.#ends[channel] && { end: this.#ends[channel] }),
    }
  }

  restoreChannel(channel: number, state: ChannelState): void {
    this.registers[maxTimeOf(channel)] = state.maxTime
    this.registers[watermarkOf(channel)] = state.watermark
    this.#setFlags(channel, state.released, state.end)
  }

  restoreTask(watermark: number, settled: number): void {
    this.registers[TaskWatermark] = watermark
    this.registers[Settled] = settled
  }
}

export interface ChannelState {
  readonly maxTime: number
  readonly watermark: number
  readonly released: boolean
  readonly end?: ChannelEnd
}
