import type { Clock } from '../std/clock.ts'
import { count, span } from './format.ts'
import type { Terminal } from './terminal.ts'

/** How long work must take before it says how far it is, and how often it says so. */
const QUIET_MS = 400
const EVERY_MS = 100

/** How far a long piece of work is, with rate and time left, on the last line of a terminal. */
export class Progress {
  readonly #terminal: Terminal
  readonly #clock: Clock
  readonly #what: string
  readonly #startMs: number
  #total: number | undefined
  #done = 0
  #nextMs: number

  /** `what` is counted, for example `records`. */
  constructor(terminal: Terminal, clock: Clock, what: string, total?: number) {
    this.#terminal = terminal
    this.#clock = clock
    this.#what = what
    this.#total = total
    this.#startMs = clock.monotonic()
    this.#nextMs = this.#startMs + QUIET_MS
  }

  get done(): number {
    return this.#done
  }

  get elapsedMs(): number {
    return this.#clock.monotonic() - this.#startMs
  }

  /** Sets how much is done, and how much there is in all where that is known by now. */
  update(done: number, total: number | undefined = this.#total): void {
    this.#done = done
    this.#total = total
    const nowMs = this.#clock.monotonic()
    if (nowMs < this.#nextMs) return
    this.#nextMs = nowMs + EVERY_MS
    this.#terminal.status(this.text())
  }

  /** How far it is, as on the last line. */
  text(): string {
    const { elapsedMs } = this
    return progressText({ done: this.#done, total: this.#total, elapsedMs, what: this.#what })
  }

  /** Takes the line away. */
  end(): void {
    this.#terminal.status(undefined)
  }

  /** For example `12,345 records in 2.1 s (5,879/s)`. */
  summary(): string {
    const rate = this.elapsedMs < 1 ? '' : ` (${count((this.#done * 1000) / this.elapsedMs)}/s)`
    const what = this.#done === 1 ? this.#what.replace(/s$/, '') : this.#what
    return `${count(this.#done)} ${what} in ${span(this.elapsedMs)}${rate}`
  }
}

export interface ProgressState {
  readonly done: number
  readonly total: number | undefined
  readonly elapsedMs: number
  readonly what: string
}

/** For example `  42 %  420,000 of 1,000,000 records  210,000/s  2.8 s left`. */
export function progressText({ done, total, elapsedMs, what }: ProgressState): string {
  const perMs = elapsedMs > 0 ? done / elapsedMs : 0
  const rate = `${count(perMs * 1000)}/s`
  if (total === undefined || total <= 0) return `${count(done)} ${what}  ${rate}`
  const percent = `${Math.floor((100 * Math.min(done, total)) / total)} %`.padStart(5)
  const left = perMs > 0 ? `  ${span(Math.max(0, total - done) / perMs)} left` : ''
  return `${percent}  ${count(done)} of ${count(total)} ${what}  ${rate}${left}`
}
