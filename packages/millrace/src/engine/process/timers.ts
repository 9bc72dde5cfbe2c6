import type { Timers } from '../../plan/process.ts'
import { MapCells } from '../../state/entries/cell.ts'
import { type Duration, toMs } from '../../std/duration.ts'
import type { Call } from './call.ts'
import type { TimerQueue } from './timer-queue.ts'

/** A timer that has come up. */
export interface Fired {
  readonly time: number
  readonly clock: 'event' | 'wall'
  /** 0 when a record set it, else one more than the timer that did. */
  readonly generation: number
}

/** What the timers of one clock are made with. */
export interface TimerSettings {
  readonly step: string
  readonly clock: 'event' | 'wall'
  readonly call: Call
  readonly slot: number
  readonly queue: TimerQueue
  /** The time that `after` counts from. */
  readonly now: () => number
  /** How far the clock has come: no timer lies before. */
  readonly reached: () => number
  /** Told of each timer that was set. */
  readonly wasSet: (time: number) => void
  /** The timer in whose call others are set; undefined in the call of a record. */
  readonly fired: () => Fired | undefined
  /** There is a callback for them. */
  readonly canFire: boolean
}

/** Sets the timers of the key of the call in work. */
export class KeyTimers implements Timers {
  readonly #settings: TimerSettings

  constructor(settings: TimerSettings) {
    this.#settings = settings
  }

  at(time: number | Date, tag = ''): void {
    const { call, slot, queue, fired, wasSet } = this.#settings
    const due = this.#checked(typeof time === 'number' ? time : time.getTime(), tag)
    const { current, changes } = call
    const timer = changes.setEntry(current, slot, tag, due, call.time)
    timer.time = call.time
    // A timer needs no order among the others, and keeps its generation there.
    timer.order = (fired()?.generation ?? -1) + 1
    queue.add(timer)
    wasSet(due)
  }

  after(delay: Duration, tag = ''): void {
    this.at(this.#settings.now() + toMs(delay, `${this.#settings.step}, timers.after`), tag)
  }

  get(tag = ''): number | undefined {
    const { call, slot } = this.#settings
    const held = call.current.slots[slot]
    return held instanceof MapCells ? (held.cells.get(tag)?.value as number | undefined) : undefined
  }

  cancel(tag = ''): void {
    const { call, slot } = this.#settings
    call.changes.removeEntry(call.current, slot, tag)
  }

  #checked(time: number, tag: string): number {
    const { step, clock, canFire, fired } = this.#settings
    if (!canFire) throw new TypeError(`"${step}" sets a timer and has no onTimer`)
    if (!Number.isFinite(time) || time < 0)
      throw new TypeError(`"${step}" sets timer "${tag}" to ${time}; give ms since the epoch, or a Date`)
    const due = Math.ceil(time)
    const reached = this.#settings.reached()
    const before = fired()?.clock === clock ? fired()!.time : Number.NEGATIVE_INFINITY
    if (due <= before)
      throw new RangeError(
        `"${step}" sets timer "${tag}" from a timer to a time that is not after it: ${due} and ${before}`,
      )
    return Number.isFinite(reached) ? Math.max(due, Math.ceil(reached)) : due
  }
}
