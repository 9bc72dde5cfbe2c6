import type { Task } from './task.ts'
import { NextDue, Settled, TaskWatermark } from './time.ts'

/** Something a task does when its watermark reaches `at`: closing a window, a tick. */
export interface Due {
  readonly at: number
  readonly depth: number
  readonly name: string
  /** False when the slice is used up: call it again. */
  readonly run: () => boolean
}

/** How much is closed before the loop gets a chance to breathe and commit (SEMANTICS 3.7). */
export interface Slice {
  /** Rows, of however many windows, ticks and timers. */
  readonly rows: number
  /** Windows and ticks. */
  readonly closes: number
}

/** About ten milliseconds. */
export const wholeSlice: Slice = { rows: 10_000, closes: 1_000 }

/** Closes a task's windows and fires its ticks in the order of time, a slice at a time (SEMANTICS 3.2, 3.7). */
export class Closing {
  readonly #task: Task
  #isUnderWay = false
  #rowsLeft = 0

  constructor(task: Task) {
    this.#task = task
  }

  /** A slice was used up before everything due had gone out: `goOn` comes before any further record. */
  get isUnderWay(): boolean {
    return this.#isUnderWay
  }

  /** After a restore: a close that a cut fell into is under way again. */
  restored(): void {
    const { time, ticks } = this.#task
    const isDue = time.registers[NextDue]! <= time.registers[TaskWatermark]!
    if (isDue || (time.allEnded && !time.isBeyondEnd)) this.#isUnderWay = true
    else ticks.settle()
  }

  /**
   * Closes every window and fires every tick that the watermark has reached; `before` is the watermark up to
   * which that was done. False when the slice is used up: `goOn`.
   */
  close(before: number): boolean {
    if (!this.#isUnderWay) this.#task.time.registers[Settled] = before
    this.#isUnderWay = true
    return this.goOn()
  }

  /** One more slice of the close under way; false when it is used up again, or a callback was parked. */
  goOn(): boolean {
    const task = this.#task
    const X = task.time.registers
    this.beginSlice()
    for (let closes = 0; ; closes++) {
      const due = this.#firstDue()
      if (due === undefined || due.at > X[TaskWatermark]!) {
        this.#finish(due?.at ?? Number.POSITIVE_INFINITY)
        return true
      }
      if (closes === task.slice.closes || !due.run() || task.parked.hasCalls) return false
    }
  }

  beginSlice(): void {
    this.#rowsLeft = this.#task.slice.rows
  }

  /** Notes that a row went out, or something that costs as much as so many; true when the slice is used up with it. */
  spend(rows = 1): boolean {
    this.#rowsLeft -= rows
    return this.#rowsLeft <= 0
  }

  #finish(nextDue: number): void {
    const { time, ticks } = this.#task
    this.#isUnderWay = false
    time.registers[NextDue] = nextDue
    // Beyond the end it keeps the time before: what downstream is told, and where the task comes back to.
    if (!time.isBeyondEnd) time.registers[Settled] = time.watermark
    ticks.settle()
  }

  /** Finds out anew when something is due next. */
  lookAhead(): void {
    this.#task.time.registers[NextDue] = this.#firstDue()?.at ?? Number.POSITIVE_INFINITY
  }

  #firstDue(): Due | undefined {
    let first: Due | undefined
    for (const step of this.#task.steps) {
      const due = step?.nextDue()
      if (due !== undefined && (first === undefined || isBefore(due, first))) first = due
    }
    return first
  }
}

/** The order of SEMANTICS 3.2: by time, then (at one time) upstream first, then by step name. */
function isBefore(a: Due, b: Due): boolean {
  if (a.at !== b.at) return a.at < b.at
  if (a.depth !== b.depth) return a.depth < b.depth
  return a.name < b.name
}
