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

export class TaskTime {
  readonly registers: Float64Array
  readonly channelCount: number
  readonly #released: boolean[]
  #releasedCount = 0
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
  }

  /** Where the own watermark of an input's re-keyed records lies (SEMANTICS 3.3). */
  ownOf(input: number): number {
    return firstChannel + 2 * this.channelCount + input
  }

  get watermark(): number {
    return this.registers[TaskWatermark]!
  }

  get allReleased(): boolean {
    return this.channelCount > 0 && this.#releasedCount === this.channelCount
  }

  isReleased(channel: number): boolean {
    return this.#released[channel]!
  }

  setReleased(channel: number, released: boolean): void {
    this.#setFlag(channel, released)
    if (!this.allReleased) this.#growth = undefined
  }

  #setFlag(channel: number, released: boolean): void {
    if (this.#released[channel] === released) return
    this.#released[channel] = released
    this.#releasedCount += released ? 1 : -1
  }

  /** Raises a channel's watermark; it never goes back. */
  raise(channel: number, watermark: number): void {
    const at = watermarkOf(channel)
    if (watermark > this.registers[at]!) this.registers[at] = watermark
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
    if (takesLargest) return this.#largestWatermark()
    let smallest = Number.POSITIVE_INFINITY
    for (let i = 0; i < this.channelCount; i++) {
      if (!this.#released[i] || waitsForReleased)
        smallest = Math.min(smallest, this.registers[watermarkOf(i)]!)
    }
    return smallest
  }

  #releasedWatermark(monotonicMs: number): number {
    const largest = this.#largestWatermark()
    if (!this.#fromSource) return largest
    this.#growth ??= { watermark: largest, sinceMs: monotonicMs }
    return this.#growth.watermark + Math.floor(monotonicMs - this.#growth.sinceMs)
  }

  #largestWatermark(): number {
    let largest = this.watermark
    for (let i = 0; i < this.channelCount; i++) largest = Math.max(largest, this.registers[watermarkOf(i)]!)
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
      watermark: this.registers[watermarkOf(channel)]!,
      released: this.#released[channel]!,
    }
  }

  restoreChannel(channel: number, state: ChannelState): void {
    this.registers[maxTimeOf(channel)] = state.maxTime
    this.registers[watermarkOf(channel)] = state.watermark
    this.#setFlag(channel, state.released)
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
}
