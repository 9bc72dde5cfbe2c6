import type { TaskInput } from '../engine/task-input.ts'
import type { Clock } from '../std/clock.ts'
import { Backoff } from './backoff.ts'

interface Waiting {
  readonly backoff: Backoff
  /** Monotonic. */
  untilMs: number
}

/** Which inputs wait for their next fetch because the last one failed. */
export class FetchRetries {
  readonly #clock: Clock
  readonly #waiting = new Map<TaskInput, Waiting>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  failed(input: TaskInput): void {
    const known = this.#waiting.get(input) ?? { backoff: new Backoff(this.#clock), untilMs: 0 }
    known.untilMs = this.#clock.monotonic() + known.backoff.nextMs()
    this.#waiting.set(input, known)
  }

  succeeded(input: TaskInput): void {
    this.#waiting.delete(input)
  }

  /** Its last fetch failed. */
  isFailing(input: TaskInput): boolean {
    return this.#waiting.has(input)
  }

  mayFetch(input: TaskInput): boolean {
    return (this.#waiting.get(input)?.untilMs ?? 0) <= this.#clock.monotonic()
  }

  /** Ms until an input may be fetched again, Infinity while none waits. Forgets those that are gone. */
  nextInMs(isAlive: (input: TaskInput) => boolean): number {
    const nowMs = this.#clock.monotonic()
    let next = Number.POSITIVE_INFINITY
    for (const [input, { untilMs }] of this.#waiting) {
      if (!isAlive(input)) this.#waiting.delete(input)
      else if (untilMs > nowMs) next = Math.min(next, untilMs - nowMs)
    }
    return next
  }
}
