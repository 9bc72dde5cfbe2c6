import type { Log } from '../../../packages/millrace/src/log/log.ts'
import { batchInfo } from '../../../packages/millrace/src/record/batch.ts'
import { RecordCursor } from '../../../packages/millrace/src/record/cursor.ts'
import { partitions } from '../data/bids.ts'

const fetchLimits = { maxWaitMs: 500, maxBytes: 16 << 20, partitionMaxBytes: 4 << 20 }
const perMs = 10
const longestMs = 60_000
/** Without any result for so long something is broken. */
const silenceMs = 30_000

/** Reads results as they are committed and notes how old each of them is. */
export class LatencyReader {
  readonly #log: Log
  readonly #topic: string
  readonly #fromMs: number
  readonly #ages = new Uint32Array(longestMs * perMs + 1)
  #counted = 0

  /** Records before `fromMs` are read but not counted. */
  constructor(log: Log, topic: string, fromMs: number) {
    this.#log = log
    this.#topic = topic
    this.#fromMs = fromMs
  }

  /** Reads so many results. Throws when none comes for half a minute. */
  async read(
    expected: number,
    nowMs: () => number,
  ): Promise<{ results: number; p50Ms: number; p99Ms: number }> {
    const offsets = Array.from({ length: partitions }, () => 0)
    const cursor = new RecordCursor()
    let lastMs = nowMs()
    for (let results = 0; results < expected; ) {
      const positions = offsets.map((offset, partition) => ({ topic: this.#topic, partition, offset }))
      const parts = await this.#log.fetch(positions, fetchLimits)
      const now = nowMs()
      for (const { partition, batches, error, release } of parts) {
        if (error !== undefined) throw error
        for (const batch of batches) {
          cursor.open(batch)
          for (; cursor.next(); results++) this.#note(cursor.timestamp, now)
          offsets[partition] = batchInfo(batch).lastOffset + 1
          lastMs = now
        }
        release?.()
      }
      if (now - lastMs > silenceMs) throw new Error(`Of ${expected} results only ${results} have come`)
    }
    return { results: this.#counted, p50Ms: this.#percentile(0.5), p99Ms: this.#percentile(0.99) }
  }

  #note(timeMs: number, nowMs: number): void {
    if (timeMs < this.#fromMs) return
    this.#ages[Math.max(0, Math.min(longestMs * perMs, Math.ceil((nowMs - timeMs) * perMs)))]!++
    this.#counted++
  }

  #percentile(share: number): number {
    let left = this.#counted * share
    for (const [at, count] of this.#ages.entries()) {
      left -= count
      if (left <= 0) return at / perMs
    }
    return Number.NaN
  }
}
