/** Time as an argument: whoever needs to know the time or to wait gets a clock. */
export interface Clock {
  /** Wall time in ms since the epoch; may jump. */
  now(): number
  /** A time in ms that only grows; for spans, not dates. */
  monotonic(): number
  /** Calls `callback` once after `ms`; the function returned cancels it. */
  after(ms: number, callback: () => void): () => void
}

/** Longest delay `setTimeout` takes without firing at once. */
const TIMEOUT_MAX_MS = 2_147_483_647

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, callback) => {
    let timer: NodeJS.Timeout
    const wait = (restMs: number) => {
      const stepMs = Math.min(restMs, TIMEOUT_MAX_MS)
      timer = setTimeout(() => (restMs > stepMs ? wait(restMs - stepMs) : callback()), stepMs)
    }
    wait(ms)
    return () => clearTimeout(timer)
  },
}

interface Timer {
  readonly at: number
  readonly sequence: number
  readonly callback: () => void
}

/** A clock that stands still until `advance` moves it. */
export class VirtualClock implements Clock {
  #now: number
  #elapsedMs = 0
  #sequence = 0
  #timers: Timer[] = []

  constructor(startMs = 0) {
    this.#now = startMs
  }

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#elapsedMs
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#elapsedMs + Math.max(0, ms), sequence: this.#sequence++, callback }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter(other => other !== timer)
    }
  }

  /** How many timers are waiting. */
  get pending(): number {
    return this.#timers.length
  }

  /** How far the earliest timer is away in ms, or undefined when none waits. */
  get nextInMs(): number | undefined {
    const next = this.#earliest()
    return next === undefined ? undefined : next.at - this.#elapsedMs
  }

  /** Moves the time on by `ms`, calling every timer that falls due, in the order of their times, each at its own time. */
  advance(ms: number): void {
    const target = this.#elapsedMs + ms
    for (let next = this.#earliest(); next !== undefined && next.at <= target; next = this.#earliest()) {
      const due = next
      this.#timers = this.#timers.filter(other => other !== due)
      this.#moveTo(due.at)
      due.callback()
    }
    this.#moveTo(target)
  }

  #moveTo(elapsedMs: number): void {
    this.#now += elapsedMs - this.#elapsedMs
    this.#elapsedMs = elapsedMs
  }

  #earliest(): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) {
      if (
        first === undefined ||
        timer.at < first.at ||
        (timer.at === first.at && timer.sequence < first.sequence)
      )
        first = timer
    }
    return first
  }
}
