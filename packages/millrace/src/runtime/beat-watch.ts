import type { Clock } from '../std/clock.ts'

/** Looks per time that a thread may stand still. */
const looksPerSilence = 8
const lookEveryMsMax = 1_000

export interface BeatWatchOptions {
  readonly clock: Clock
  /** Grows while the one that is watched moves on. */
  readonly beats: () => number
  readonly silenceMsMax: number
  /** Called once. */
  readonly onSilent: () => void
}

/** Watches from this thread whether another one moves on (SEMANTICS 1.3). */
export class BeatWatch {
  readonly #options: BeatWatchOptions
  readonly #lookEveryMs: number
  #beats: number
  #lookedMs: number
  #silentMs = 0
  #cancel = () => {}

  constructor(options: BeatWatchOptions) {
    this.#options = options
    this.#lookEveryMs = Math.min(lookEveryMsMax, options.silenceMsMax / looksPerSilence)
    this.#beats = options.beats()
    this.#lookedMs = options.clock.monotonic()
    this.#lookLater()
  }

  stop(): void {
    this.#cancel()
  }

  #lookLater(): void {
    this.#cancel = this.#options.clock.after(this.#lookEveryMs, () => this.#look())
  }

  #look(): void {
    const { clock, beats, silenceMsMax, onSilent } = this.#options
    const nowMs = clock.monotonic()
    // After a stretch in which this thread stood still too (a blocked loop, a suspended machine), the other is not to blame.
    this.#silentMs += Math.min(nowMs - this.#lookedMs, 2 * this.#lookEveryMs)
    this.#lookedMs = nowMs
    const now = beats()
    if (now !== this.#beats) this.#silentMs = 0
    this.#beats = now
    if (this.#silentMs >= silenceMsMax) onSilent()
    else this.#lookLater()
  }
}
