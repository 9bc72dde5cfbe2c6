import type { Task } from '../engine/task.ts'
import type { Log, OutgoingBatch } from '../log/log.ts'
import { batchInfo } from '../record/batch.ts'
import type { Clock } from '../std/clock.ts'

export interface OutputsAheadOptions {
  readonly log: Pick<Log, 'append'>
  readonly clock: Clock
  /** The longest time that outputs wait while there is more to read. */
  readonly everyMs: number
  /** Makes the topics that outputs may be the first for. */
  readonly prepare: (topics: readonly string[]) => Promise<void>
}

/**
 * Sends outputs before the commit that they belong to, which at-least-once allows (SEMANTICS 2.8): whoever reads them waits for no
 * changelog and no position. One request after the other, in the order of the calls; what comes meanwhile goes together with the next.
 */
export class OutputsAhead {
  readonly #options: OutputsAheadOptions
  #last: Promise<void> = Promise.resolve()
  #underWay = 0
  #lastMs: number

  constructor(options: OutputsAheadOptions) {
    this.#options = options
    this.#lastMs = options.clock.monotonic()
  }

  /** When something may be sent, ms from now; Infinity while something is under way. */
  nextInMs(isDrained: boolean): number {
    if (this.#underWay > 0) return Number.POSITIVE_INFINITY
    const { clock, everyMs } = this.#options
    return isDrained ? 0 : Math.max(0, everyMs - (clock.monotonic() - this.#lastMs))
  }

  /** Sends what the tasks have written; undefined where that is nothing. */
  send(tasks: readonly Task[]): Promise<void> | undefined {
    const taken = tasks.map(task => ({ task, batches: task.takeOutputs() }))
    const batches = taken.flatMap(each => each.batches)
    if (batches.length === 0) return undefined
    this.#lastMs = this.#options.clock.monotonic()
    // Measured at once: the batches are the log's once it has them.
    const counts = taken.map(each => countOf(each.task, each.batches))
    return this.append(batches).then(() => {
      for (const count of counts) count()
    })
  }

  /** Resolves when these batches and all before them are acknowledged. Where one of those failed, none behind it is sent. */
  append(batches: readonly OutgoingBatch[]): Promise<void> {
    this.#underWay++
    const sent = this.#last
      .then(() => this.#append(batches))
      .finally(() => {
        this.#underWay--
        if (this.#last === sent) this.#last = Promise.resolve()
      })
    this.#last = sent
    return sent
  }

  async #append(batches: readonly OutgoingBatch[]): Promise<void> {
    if (batches.length === 0) return
    const { log, prepare } = this.#options
    await prepare(batches.map(({ topic }) => topic))
    await log.append(batches)
  }
}

function countOf({ counters }: Task, batches: readonly OutgoingBatch[]): () => void {
  const records = batches.reduce((sum, { bytes }) => sum + batchInfo(bytes).recordCount, 0)
  const size = batches.reduce((sum, { bytes }) => sum + bytes.length, 0)
  return () => {
    counters.outputRecords += records
    counters.outputBytes += size
  }
}
