import type { RetryPolicy } from '../plan/graph.ts'
import type { KeyKind } from '../serde/serde.ts'
import { type ArrivalArguments, RunStop } from './program.ts'
import type { Task } from './task.ts'

/** A callback that waits for its next attempt, or for one before it. */
interface ParkedCall {
  readonly node: number
  readonly arguments: ArrivalArguments
  /** Set when the record is a row of a store: the kind of its key. */
  readonly rowKeyKind: KeyKind | 0 | undefined
  /** The watermark such a row is judged by, NaN where it has none of its own. */
  readonly rowWatermark: number
  readonly attempt: number
  /** Wall time before which it is not tried. */
  readonly notBeforeMs: number
}

/**
 * The callbacks of a task that failed and wait for their next attempt, and those that wait behind them so that
 * the order is kept (SEMANTICS 7.2). While one waits, nothing else of the task may run.
 */
export class ParkedCalls {
  readonly #task: Task
  readonly #waiting: ParkedCall[] = []
  /** Where a further call waits: behind all others, but what a call in work parks or defers goes before them. */
  #queue = this.#waiting
  /** The call in work. */
  #retried: ParkedCall | undefined
  #recordTime: number | undefined

  constructor(task: Task) {
    this.#task = task
  }

  get hasCalls(): boolean {
    return this.#waiting.length > 0 || this.mustDefer
  }

  /** Wall time of the next attempt; Infinity while no call waits. */
  get untilMs(): number {
    return this.#waiting[0]?.notBeforeMs ?? Number.POSITIVE_INFINITY
  }

  /** True when a call must queue behind one that is parked. */
  get mustDefer(): boolean {
    return this.#queue.length > 0
  }

  defer(node: number, ...args: ArrivalArguments): void {
    this.#add(node, args, 0, 0)
  }

  /** Parks a failed call for its next attempt; false when its policy has none left. */
  park(node: number, policy: RetryPolicy, ...args: ArrivalArguments): boolean {
    const attempt = this.attemptOf(node)
    if (attempt >= policy.retries) return false
    this.#add(node, args, attempt + 1, this.#task.clock.now() + policy.backoffMs)
    return true
  }

  #add(node: number, args: ArrivalArguments, attempt: number, notBeforeMs: number): void {
    const { rowKeyKind, rowWatermark } = this.#task
    this.#queue.push({ node, arguments: args, rowKeyKind, rowWatermark, attempt, notBeforeMs })
  }

  /** How often a step has been tried before on the record in work. */
  attemptOf(node: number): number {
    return this.#retried?.node === node ? this.#retried.attempt : 0
  }

  /** Tries the calls that wait, in order; false at the first whose back-off is not over. */
  retry(): boolean {
    while (this.#waiting.length > 0) {
      if (this.#waiting[0]!.notBeforeMs > this.#task.clock.now()) return false
      this.#call(this.#waiting.shift()!)
    }
    return true
  }

  #call(call: ParkedCall): void {
    const task = this.#task
    const queue: ParkedCall[] = []
    this.#queue = queue
    this.#retried = call
    task.rowKeyKind = call.rowKeyKind
    task.rowWatermark = call.rowWatermark
    try {
      task.program.retries.get(call.node)!(task, ...call.arguments)
    } finally {
      this.#queue = this.#waiting
      this.#retried = undefined
      task.rowKeyKind = undefined
      task.rowWatermark = Number.NaN
      this.#waiting.unshift(...queue)
    }
  }

  /** The loop met a parked call: the record at `t` moves the time once every call is through. */
  leave(t: number): RunStop {
    this.#recordTime = t
    return RunStop.parked
  }

  /** The time of the record that was left, given once; undefined where the loop did not stop at one. */
  takeRecordTime(): number | undefined {
    const t = this.#recordTime
    this.#recordTime = undefined
    return t
  }
}
