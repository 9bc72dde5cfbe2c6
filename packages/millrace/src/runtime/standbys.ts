import type { Log } from '../log/log.ts'
import type { Clock } from '../std/clock.ts'
import { isRetriable } from './backoff.ts'
import type { SnapshotSubject, Snapshots } from './snapshots.ts'

/** How often it is looked how far the changelogs have come. */
const lookMs = 1_000

export interface StandbysOptions {
  readonly log: Log
  readonly clock: Clock
  readonly snapshots: Pick<Snapshots, 'find' | 'written'>
  readonly warn: (message: string) => void
}

/**
 * Copies of stores whose tasks run elsewhere: their snapshots here follow their changelogs, at most one fold behind, so that a
 * task that moves here has little to read.
 */
export class Standbys {
  readonly #options: StandbysOptions
  /** By changelog partition, up to where the snapshots have been told of writes; undefined before the first look. */
  #told = new Map<string, { readonly subject: SnapshotSubject; end: number | undefined }>()
  #cancel = () => {}
  #looking: Promise<void> | undefined
  #isClosed = false

  constructor(options: StandbysOptions) {
    this.#options = options
  }

  /** Keeps copies of these stores from now on, and of no others. */
  keep(subjects: readonly SnapshotSubject[]): void {
    const before = this.#told
    this.#told = new Map(
      subjects.map(subject => {
        const key = `${subject.partition} ${subject.topic}`
        return [key, before.get(key) ?? { subject, end: undefined }]
      }),
    )
    if (this.#looking === undefined) this.#look()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancel()
    await this.#looking
  }

  #look(): void {
    this.#cancel()
    if (this.#isClosed || this.#told.size === 0) return
    this.#looking = this.#follow().finally(() => {
      this.#looking = undefined
      if (!this.#isClosed) this.#cancel = this.#options.clock.after(lookMs, () => this.#look())
    })
  }

  async #follow(): Promise<void> {
    const { log, snapshots, warn } = this.#options
    try {
      const topics = Map.groupBy(this.#told.values(), ({ subject }) => subject.topic)
      for (const [topic, followed] of topics) {
        const ends = await log.offsets(topic)
        for (const each of followed) {
          const { subject } = each
          const end = ends.find(({ partition }) => partition === subject.partition)?.latest ?? 0
          // The first time the snapshots look themselves at what lies behind the newest one.
          if (each.end === undefined) await snapshots.find(subject)
          snapshots.written(subject, end - (each.end ?? end), 0)
          each.end = end
        }
      }
    } catch (error) {
      if (!this.#isClosed && !isRetriable(error))
        warn(`Copies of state are not kept up at this moment: ${(error as Error).message}`)
    }
  }
}
