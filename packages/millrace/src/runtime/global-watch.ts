import type { Log } from '../log/log.ts'
import type { Clock } from '../std/clock.ts'
import type { PipelineRun } from './pipeline-run.ts'

/** How long partitions that were added to a global topic may go unread. */
const lookMs = 10_000

export interface GlobalWatchOptions {
  readonly log: Log
  readonly clock: Clock
  readonly runs: readonly PipelineRun[]
}

/** Looks from time to time whether global topics have got partitions that the tasks do not read (SEMANTICS 6.4). */
export class GlobalWatch {
  readonly #options: GlobalWatchOptions
  #isStopped = false
  #cancel = () => {}

  constructor(options: GlobalWatchOptions) {
    this.#options = options
    this.#schedule()
  }

  stop(): void {
    this.#isStopped = true
    this.#cancel()
  }

  #schedule(): void {
    const { clock, runs } = this.#options
    if (this.#isStopped || runs.every(({ globalTopics }) => globalTopics.length === 0)) return
    // A log that cannot be reached now is asked again.
    const look = () =>
      this.#look()
        .catch(() => {})
        .finally(() => this.#schedule())
    this.#cancel = clock.after(lookMs, () => void look())
  }

  async #look(): Promise<void> {
    for (const run of this.#options.runs) {
      if (run.globalTopics.length === 0) continue
      for (const { name, partitions } of await this.#options.log.describeTopics(run.globalTopics))
        if (!this.#isStopped) run.readGlobals(name, partitions)
    }
  }
}
