import type { Clock } from '../../std/clock.ts'
import { usageError } from '../cli-error.ts'

/** How often a paced producer writes. */
const SLICE_MS = 50

/** Reads `100` or `100/s`: records per second. Throws `CliError`. */
export function parseRate(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(?:\/s)?$/.exec(text.replaceAll('_', ''))
  const rate = match === null ? Number.NaN : Number(match[1])
  if (rate > 0) return rate
  throw usageError(`--rate is '${text}'`, 'records per second, for example --rate 100/s')
}

/** Says when the next record of a steady rate is due. */
export class Pace {
  readonly #clock: Clock
  readonly #perMs: number
  readonly #startMs: number
  #taken = 0

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock
    this.#perMs = perSecond / 1000
    this.#startMs = clock.monotonic()
  }

  /** Takes the next record's turn; gives how long to wait before it, 0 for not at all. */
  take(): number {
    const dueMs = this.#startMs + this.#taken++ / this.#perMs
    const waitMs = dueMs - this.#clock.monotonic()
    // What is due within the slice goes out at its end, together.
    return waitMs <= 0 ? 0 : Math.max(waitMs, SLICE_MS)
  }
}

/** Resolves after `ms`, or as soon as the signal aborts. */
export function wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => {
    const done = () => {
      cancel()
      signal.removeEventListener('abort', done)
      resolve()
    }
    const cancel = clock.after(ms, done)
    signal.addEventListener('abort', done)
  })
}
