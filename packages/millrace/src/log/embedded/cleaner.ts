import { isBroken } from '../../std/broken-rules.ts'
import type { Clock } from '../../std/clock.ts'
import type { Topic } from './catalog.ts'
import type { CommitQueue } from './commit-queue.ts'
import { pragma } from './database.ts'
import { PAGE_BYTES } from './layout.ts'
import { PartitionCompaction, type Replacement } from './partition-compaction.ts'
import type { ThreadOptions } from './protocol.ts'
import { nextStop, retainedFrom } from './retention.ts'
import type { WriteStore } from './write-store.ts'

export interface CleanerOptions {
  readonly store: WriteStore
  readonly queue: CommitQueue
  readonly clock: Clock
  readonly options: Pick<ThreadOptions, 'cleanEveryMs' | 'tombstoneMs'>
  onWarning(message: string): void
}

/** No transaction drops or rewrites more than this, so that commits in between wait for milliseconds only. */
const STEP_BYTES = 16 * 1024 * 1024
/** Sizes are looked at whenever so much was appended. */
const SIZE_CHECK_BYTES = 1024 * 1024
/** A partition is compacted when at least so much of it is new, and more than what it had before. */
const DIRTY_BYTES_MIN = 4 * 1024 * 1024
/** How long compaction works before messages are looked at again. */
const SLICE_MS = 5
const FREE_PAGES_KEPT = 1024
const WARN_AFTER_MS = 30_000

const idle = isBroken('9.3')

/** Keeps the log within its limits, in steps between commits. */
export class Cleaner {
  readonly #options: CleanerOptions
  #appendedBytes = 0
  #cancelRound = () => {}
  #running: Promise<void> = Promise.resolve()
  #checking = false
  #stopped = false

  constructor(options: CleanerOptions) {
    this.#options = options
    this.#scheduleRound()
  }

  /** Takes note of a commit. */
  committed(bytes: number): void {
    this.#appendedBytes += bytes
    if (this.#appendedBytes < SIZE_CHECK_BYTES || this.#checking) return
    this.#appendedBytes = 0
    this.#checking = true
    void this.#background(() => this.#cleanGrown()).finally(() => {
      this.#checking = false
    })
  }

  /** Applies every limit now, and compacts. */
  cleanAll(nowMs: number): Promise<void> {
    const round = this.#running.then(async () => {
      await this.#dropOrphans()
      for (const { topic, id } of this.#partitions()) {
        await this.#retain(topic, id, nowMs)
        if (topic.info.cleanup !== 'delete') await this.#compact(id, nowMs)
      }
      await this.#shrink()
    })
    this.#running = round.catch(() => {})
    return round
  }

  stop(): void {
    this.#stopped = true
    this.#cancelRound()
  }

  #scheduleRound(): void {
    const { clock, options } = this.#options
    this.#cancelRound = clock.after(options.cleanEveryMs, () => {
      void this.#background(() => this.#round()).finally(() => {
        if (!this.#stopped) this.#scheduleRound()
      })
    })
  }

  /** One after the other; a failure shows as a warning, and the next round tries again. */
  #background(work: () => Promise<void>): Promise<void> {
    this.#running = this.#running.then(work).catch(error => {
      if (!this.#stopped) this.#options.onWarning(`Cleaning the log failed: ${(error as Error).message}`)
    })
    return this.#running
  }

  /** Partitions that this process has made larger, against their limit of size. */
  async #cleanGrown(): Promise<void> {
    const { store, clock } = this.#options
    for (const { topic, id } of this.#partitions()) {
      const { retentionBytes, cleanup } = topic.info
      const partition = store.partition(id)
      if (cleanup !== 'delete' || retentionBytes < 0 || partition.bytesSinceClean < retentionBytes / 8)
        continue
      partition.bytesSinceClean = 0
      await this.#retain(topic, id, clock.now())
    }
  }

  async #round(): Promise<void> {
    const nowMs = this.#options.clock.now()
    await this.#dropOrphans()
    for (const { topic, id } of this.#partitions()) {
      await this.#retain(topic, id, nowMs)
      if (topic.info.cleanup !== 'delete' && this.#isDirty(id)) await this.#compact(id, nowMs)
    }
    await this.#shrink()
  }

  #isDirty(partitionId: number): boolean {
    const dirty = this.#compaction(partitionId).dirtyBytes()
    return (
      dirty >= DIRTY_BYTES_MIN && dirty * 2 >= this.#options.store.partition(partitionId).batches.countBytes()
    )
  }

  #partitions(): { topic: Topic; id: number }[] {
    const { catalog } = this.#options.store
    catalog.refresh()
    return [...catalog.topics.values()].flatMap(topic => topic.partitionIds.map(id => ({ topic, id })))
  }

  async #retain(topic: Topic, partitionId: number, nowMs: number): Promise<void> {
    const offset = retainedFrom(this.#options.store.partition(partitionId).batches, topic.info, nowMs)
    if (offset !== undefined && !idle) await this.#dropBefore(topic.info.name, partitionId, offset)
  }

  async #dropBefore(topicName: string, partitionId: number, offset: number): Promise<void> {
    const { store } = this.#options
    for (let stop = -1; stop < offset && this.#exists(topicName, partitionId); ) {
      const { batches } = store.partition(partitionId)
      stop = nextStop(batches, offset, STEP_BYTES)
      await this.#change(() => {
        if (this.#exists(topicName, partitionId)) store.partition(partitionId).trim(stop)
      })
    }
  }

  #exists(topicName: string, partitionId: number): boolean {
    return this.#options.store.catalog.topics.get(topicName)?.partitionIds.includes(partitionId) ?? false
  }

  async #dropOrphans(): Promise<void> {
    const { store } = this.#options
    for (const id of store.topics.orphans()) {
      for (let more = true; more; ) {
        more = await this.#change(() => {
          // Another process may have come first.
          if (!store.topics.orphans().includes(id)) return false
          const { batches } = store.partition(id)
          const stop = nextStop(batches, Number.MAX_SAFE_INTEGER, STEP_BYTES)
          if (stop < Number.MAX_SAFE_INTEGER) store.partition(id).trim(stop)
          else store.drop(id)
          return stop < Number.MAX_SAFE_INTEGER
        })
      }
    }
  }

  #compaction(partitionId: number): PartitionCompaction {
    const { store } = this.#options
    return new PartitionCompaction(store.db, partitionId, store.partition(partitionId).batches)
  }

  async #compact(partitionId: number, nowMs: number): Promise<void> {
    const compaction = this.#compaction(partitionId)
    const offset = this.#options.store.partition(partitionId).edge().nextOffset
    let state = compaction.state()
    const newest = new Map<string, number>()
    await this.#slices(compaction.note(newest), () => {})
    let pending: Replacement[] = []
    const flush = async (next: number) => {
      const [expected, step, replacements] = [state, { offset: next, version: state.version + 1 }, pending]
      pending = []
      state = step
      const isMine = await this.#change(() => compaction.apply(expected, step, replacements))
      if (!isMine) throw new Error('another process compacts the same partition')
    }
    let bytes = 0
    await this.#slices(
      compaction.replacements(newest, nowMs - this.#options.options.tombstoneMs),
      async replacement => {
        if (replacement === undefined) return
        pending.push(replacement)
        bytes += replacement.batch?.length ?? 0
        if (bytes < STEP_BYTES) return
        bytes = 0
        await flush(state.offset)
      },
    )
    if (pending.length > 0 || state.offset !== offset) await flush(offset)
  }

  /** Runs through the steps, letting messages in between. */
  async #slices<T>(steps: Iterable<T>, each: (step: T) => void | Promise<void>): Promise<void> {
    const { clock } = this.#options
    let sliceEndMs = clock.monotonic() + SLICE_MS
    for (const step of steps) {
      await each(step)
      if (this.#stopped) return
      if (clock.monotonic() < sliceEndMs) continue
      await new Promise(resolve => setImmediate(resolve))
      sliceEndMs = clock.monotonic() + SLICE_MS
    }
  }

  /** Gives space back to the file system when most of the file is free; otherwise it is used again. */
  async #shrink(): Promise<void> {
    const { db } = this.#options.store
    const free = pragma(db, 'freelist_count') as number
    const pages = pragma(db, 'page_count') as number
    if (free <= FREE_PAGES_KEPT || free * 2 < pages) return
    const stepPages = STEP_BYTES / PAGE_BYTES
    for (let left = free - FREE_PAGES_KEPT; left > 0 && !this.#stopped; left -= stepPages) {
      await this.#change(() => db.exec(`PRAGMA incremental_vacuum(${Math.min(left, stepPages)})`))
    }
  }

  #change<T>(apply: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#options.queue.add({
        apply,
        done: answer => resolve(answer as T),
        failed: reject,
        bytes: 0,
        warnAfterMs: WARN_AFTER_MS,
        isCommit: false,
      })
    })
  }
}
