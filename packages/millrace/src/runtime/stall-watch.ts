import type { TaskInput } from '../engine/task-input.ts'
import type { Log } from '../log/log.ts'
import type { Clock } from '../std/clock.ts'

/** Looks in a row that must find the same before it counts as a stall: a machine that slept wakes up to one. */
const looksMax = 6

export interface StallWatchOptions {
  readonly log: Log
  readonly clock: Clock
  /** How long an input may get nothing of what there is. */
  readonly stallMs: number
  /** Inputs that a fetch should bring records for: with room, and not waiting because the last fetch failed. */
  readonly waiting: () => readonly TaskInput[]
  /** Called once, with what was seen of the input. */
  readonly onStalled: (input: TaskInput, what: string) => void
  readonly warn: (input: TaskInput, message: string) => void
}

interface Seen {
  readonly offset: number
  readonly looks: number
  /** In a row that found nothing but open transactions. */
  readonly openLooks: number
}

/**
 * Watches that what is in the log is read: an input that has nothing buffered, is not paused and meets no errors, while the log goes
 * on behind its position and nothing comes of it, is a defect somewhere and must not look like an idle one.
 */
export class StallWatch {
  readonly #options: StallWatchOptions
  #seen = new Map<TaskInput, Seen>()
  #lastLookMs: number
  #isStopped = false
  #cancel = () => {}

  constructor(options: StallWatchOptions) {
    this.#options = options
    this.#lastLookMs = options.clock.monotonic()
    this.#schedule()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  #schedule(): void {
    const { clock, stallMs } = this.#options
    if (this.#isStopped) return
    this.#cancel = clock.after(stallMs / looksMax, () => void this.#look().finally(() => this.#schedule()))
  }

  async #look(): Promise<void> {
    const { clock, waiting, onStalled, warn, stallMs } = this.#options
    const sinceMs = this.#lastLookMs
    this.#lastLookMs = clock.monotonic()
    const before = this.#seen
    this.#seen = new Map()
    for (const input of waiting()) {
      if (!input.isEmpty || this.#isStopped) continue
      const offset = input.fetchOffset
      const last = before.get(input)
      const { looks, openLooks } = last?.offset === offset ? last : { looks: 0, openLooks: 0 }
      const behind = last?.offset === offset ? await this.#behind(input, sinceMs) : undefined
      if (input.fetchOffset !== offset) continue
      const isOpen =
        input.answeredMs >= sinceMs && offset >= input.stableOffset && offset < input.highWatermark
      const now = { offset, looks: behind ? looks + 1 : 0, openLooks: isOpen ? openLooks + 1 : 0 }
      this.#seen.set(input, now)
      if (now.openLooks === looksMax) warn(input, openText(input, stallMs))
      if (now.looks === looksMax && behind) return onStalled(input, behind)
    }
  }

  /** What shows that the log holds more than the input got; undefined when nothing does. */
  async #behind(input: TaskInput, sinceMs: number): Promise<string | undefined> {
    const { topic, partition, fetchOffset, stableOffset, highWatermark, answeredMs } = input
    if (answeredMs >= sinceMs)
      return fetchOffset < stableOffset
        ? `fetches are answered without records, though they say that it can be read to ${stableOffset} (of ${highWatermark})`
        : undefined
    const bounds = await this.#options.log.offsets(topic).catch(() => [])
    const latest = bounds.find(each => each.partition === partition)?.latest ?? -1
    return fetchOffset < latest && input.answeredMs < sinceMs
      ? `no fetch is answered, though the log holds records up to ${latest}`
      : undefined
  }
}

function openText({ topic, partition, fetchOffset, highWatermark }: TaskInput, stallMs: number): string {
  return `${topic}/${partition} has not gone on at ${fetchOffset} for ${stallMs / 1000} s, for transactions are open up to ${highWatermark}: is one of its producers gone?`
}
