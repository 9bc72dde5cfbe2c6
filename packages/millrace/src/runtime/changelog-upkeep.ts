import type { Task } from '../engine/task.ts'
import { type FetchPosition, type Log, LogError, type TopicPartition } from '../log/log.ts'
import { WindowStore } from '../state/window-store.ts'
import type { Clock } from '../std/clock.ts'
import type { CommittedTask } from './commit-content.ts'

/** Shortest time between two trims. */
const trimEveryMs = 2_000
/** Rows moved on per commit, so that a commit stays short. */
const rewrittenRowsMax = 10_000
/** A windowed changelog may hold this many records, or this many times its live rows, before old rows are moved on. */
const recordsMin = 100_000
const recordsPerRowMax = 4

export interface UpkeepOptions {
  readonly log: Log
  readonly clock: Clock
  readonly warn: (message: string) => void
  /** Told of what no repetition mends: topics that are never trimmed would fill the log. */
  readonly fail: (error: Error) => void
  /** Default 2000. */
  readonly trimEveryMs?: number
  /** Default 100,000. */
  readonly recordsMin?: number
}

/** A windowed changelog that is being moved on: rows before the offset are written again. */
interface Rewriting {
  readonly task: Task
  readonly offset: number
}

/**
 * Keeps the internal topics of a pipeline bounded: what a commit has made superfluous is trimmed, and rows of open
 * windows that stand in the way are written again, a slice per commit (SEMANTICS 2.6).
 */
export class ChangelogUpkeep {
  readonly #options: UpkeepOptions
  readonly #trimEveryMs: number
  readonly #recordsMin: number
  /** Where each topic partition may be trimmed to. */
  readonly #due = new Map<string, FetchPosition>()
  readonly #trimmed = new Map<string, number>()
  readonly #rewriting = new Map<string, Rewriting>()
  #trimming: Promise<void> | undefined
  #lastTrimMs: number

  constructor(options: UpkeepOptions) {
    this.#options = options
    this.#trimEveryMs = options.trimEveryMs ?? trimEveryMs
    this.#recordsMin = options.recordsMin ?? recordsMin
    this.#lastTrimMs = options.clock.monotonic()
  }

  /** Told of every acknowledged commit, before its tasks go on. */
  committed(tasks: readonly CommittedTask[]): void {
    for (const { task, cut, changes } of tasks) {
      for (const position of cut.positions) {
        const isRepartition = task.inputs.some(
          ({ topic, origin }) => topic === position.topic && origin.kind === 'repartition',
        )
        if (isRepartition) this.#mayTrim(position, position.offset)
      }
      for (const { step, topic, endOffset } of changes) {
        if (!(step.store instanceof WindowStore)) continue
        const changelog = { topic, partition: task.partition }
        const keepFrom = step.store.trimOffset()
        this.#mayTrim(changelog, keepFrom)
        this.#moveOn(task, step.store, changelog, keepFrom, endOffset)
      }
    }
    this.#trimWhenDue()
  }

  /** Resolves when the trim under way is done. */
  async close(): Promise<void> {
    await this.#trimming
  }

  #mayTrim(partition: TopicPartition, offset: number): void {
    const key = keyOf(partition)
    if (offset <= (this.#trimmed.get(key) ?? 0)) return
    this.#due.set(key, { topic: partition.topic, partition: partition.partition, offset })
  }

  #moveOn(task: Task, store: WindowStore, changelog: TopicPartition, first: number, end: number): void {
    const key = keyOf(changelog)
    let rewriting = this.#rewriting.get(key)
    if (rewriting?.task !== task) rewriting = undefined
    if (rewriting === undefined) {
      const records = end - first
      if (records <= Math.max(this.#recordsMin, recordsPerRowMax * store.size)) return
      rewriting = { task, offset: end - Math.floor(records / 2) }
      this.#rewriting.set(key, rewriting)
    }
    if (store.rewriteOlderThan(rewriting.offset, rewrittenRowsMax) === 0 && first >= rewriting.offset)
      this.#rewriting.delete(key)
  }

  #trimWhenDue(): void {
    const now = this.#options.clock.monotonic()
    if (this.#due.size === 0 || this.#trimming !== undefined || now - this.#lastTrimMs < this.#trimEveryMs)
      return
    this.#lastTrimMs = now
    const positions = [...this.#due.values()]
    this.#due.clear()
    this.#trimming = this.#trim(positions).finally(() => {
      this.#trimming = undefined
    })
  }

  async #trim(positions: readonly FetchPosition[]): Promise<void> {
    try {
      await this.#options.log.trim(positions)
      for (const position of positions) this.#trimmed.set(keyOf(position), position.offset)
    } catch (error) {
      if (error instanceof LogError && error.code === 'unauthorized') return this.#options.fail(error)
      // The next commit says the same again.
      this.#options.warn(`Internal topics were not trimmed: ${(error as Error).message}`)
    }
  }
}

const keyOf = ({ topic, partition }: TopicPartition) => `${partition} ${topic}`
