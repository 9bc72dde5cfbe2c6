import { LogError } from '../log/log.ts'
import type { Clock } from '../std/clock.ts'

const firstMs = 20
const longestMs = 5_000

/** How long to wait after so many failures in a row. */
export function delayMs(failures: number): number {
  return Math.min(longestMs, firstMs * 2 ** (failures - 1))
}

/** Delays that double with every failure in a row, from 20 ms up to 5 s. */
export class Backoff {
  readonly #clock: Clock
  #failures = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Notes a failure; gives how long to wait before the next attempt. */
  nextMs(): number {
    return delayMs(++this.#failures)
  }

  /** Notes a failure and waits. */
  wait(): Promise<void> {
    return new Promise(resolve => this.#clock.after(this.nextMs(), resolve))
  }

  reset(): void {
    this.#failures = 0
  }

  get failures(): number {
    return this.#failures
  }
}

/** The same call may succeed later. */
export function isRetriable(error: unknown): boolean {
  if (error instanceof LogError) return error.retriable
  return error instanceof Error && 'retriable' in error && error.retriable === true
}
