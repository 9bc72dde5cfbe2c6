import { join } from 'node:path'
import { nextOffset } from '../engine/next-offset.ts'
import type { Log, TopicPartition } from '../log/log.ts'
import type { Disk } from '../state/disk.ts'
import type { StoreLayout } from '../state/layout.ts'
import { readSnapshot, reasonNotToUse, type Snapshot } from '../state/snapshot.ts'
import { foldSnapshot } from '../state/snapshot-fold.ts'
import { SnapshotDamagedError, SnapshotReplacedError } from '../state/snapshot-format.ts'
import type { Clock } from '../std/clock.ts'
import type { RestoreSource } from './restore.ts'

/** How long logs keep tombstones where the topic does not say; the default of each of them. */
const deleteRetentionDefaultMs = 86_400_000
const foldBytes = 8 * 1024 * 1024
/** Behind each slice of a standby's fold: some 400,000 records per second. */
const standbyPauseMs = 5

export interface SnapshotsOptions {
  readonly log: Log
  readonly clock: Clock
  readonly disk: Disk
  /** The pipeline's; it need not exist yet. */
  readonly folder: string
  /** Makes the folder. */
  readonly prepare: () => Promise<void>
  readonly random: () => number
  /** Lets the loop go on. */
  readonly pause: () => Promise<void>
  readonly warn: (message: string) => void
  /** Records behind the previous snapshot that make a new one worth while. Default 200,000. */
  readonly recordsMin?: number
  /** Bytes that do. Default 64 MB. */
  readonly bytesMin?: number
}

/** The changelog partition of a store. */
export interface SnapshotSubject extends TopicPartition {
  readonly layout: StoreLayout
  /** Its task runs elsewhere, so nothing here waits for the fold, and it takes its time. */
  readonly isStandby?: boolean
}

/** What lies behind the newest snapshot of one changelog partition. */
interface Backlog {
  records: number
  bytes: number
  /** Records in the snapshot. */
  kept: number
  /** When the snapshot was made; undefined where there is none. */
  createdMs?: number | undefined
  /** How long the log keeps the changelog's tombstones. */
  deleteRetentionMs: number
}

/**
 * The local snapshots of a pipeline's stores: used by restores, folded in the background from the changelog, one
 * at a time (SEMANTICS 2.3). A fold that fails costs a warning, never the pipeline.
 */
export class Snapshots {
  readonly #options: SnapshotsOptions
  readonly #recordsMin: number
  readonly #bytesMin: number
  readonly #backlogs = new Map<string, Backlog>()
  readonly #due = new Map<string, SnapshotSubject>()
  #folding: Promise<void> | undefined
  #isClosed = false

  constructor(options: SnapshotsOptions) {
    this.#options = options
    this.#recordsMin = options.recordsMin ?? 200_000
    this.#bytesMin = options.bytesMin ?? 64 * 1024 * 1024
  }

  /** The newest usable snapshot of a changelog partition. Throws what the log throws. */
  async find(partition: TopicPartition): Promise<RestoreSource | undefined> {
    const { id, deleteRetentionMs } = await this.#topic(partition.topic)
    const snapshot = await this.#usable(partition, id, deleteRetentionMs)
    const { latest, earliest } = await this.#ends(partition)
    const records = latest - (snapshot?.header.offset ?? earliest)
    const kept = snapshot?.recordCount ?? 0
    const createdMs = snapshot?.header.createdMs
    this.#backlogs.set(keyOf(partition), { records, bytes: 0, kept, createdMs, deleteRetentionMs })
    if (snapshot === undefined) return undefined
    const { header, recordCount } = snapshot
    return { offset: header.offset, records: recordCount, batches: () => snapshot.batches() }
  }

  /** Told of every acknowledged write to a changelog. */
  written(subject: SnapshotSubject, records: number, bytes: number): void {
    const key = keyOf(subject)
    const backlog = this.#backlogs.get(key) ?? nothingBehind()
    backlog.records += records
    backlog.bytes += bytes
    this.#backlogs.set(key, backlog)
    const isLong = backlog.records >= this.#recordsMin || backlog.bytes >= this.#bytesMin
    // A fold reads and writes the whole snapshot, so a large one waits for more; a restart reads it and half as much at most.
    const isWorthIt = isLong && backlog.records >= backlog.kept / 2
    if (this.#isClosed || !(isWorthIt || this.#isAging(backlog.createdMs, backlog.deleteRetentionMs))) return
    this.#due.set(key, subject)
    this.#folding ??= this.#foldAll()
  }

  /** From twice this age on a snapshot is of no use; it is made anew at the next write, however few came before. */
  #isAging(createdMs = Number.POSITIVE_INFINITY, deleteRetentionMs: number): boolean {
    return this.#options.clock.now() - createdMs > deleteRetentionMs / 4
  }

  /** Ends a fold under way without a result. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#folding
  }

  /** Resolves when no fold is under way or due. */
  async settled(): Promise<void> {
    while (this.#folding !== undefined) await this.#folding
  }

  async #foldAll(): Promise<void> {
    for (const [key, subject] of this.#due) {
      this.#due.delete(key)
      if (this.#isClosed) break
      const { kept, deleteRetentionMs } = this.#backlogs.get(key) ?? nothingBehind()
      const createdMs = this.#options.clock.now()
      this.#backlogs.set(key, { records: 0, bytes: 0, kept, createdMs, deleteRetentionMs })
      try {
        await this.#fold(subject)
      } catch (error) {
        if (error instanceof FoldEnded) break
        // The task's new owner, on the same disk, has made one: its own is the newer.
        if (error instanceof SnapshotReplacedError) continue
        this.#options.warn(
          `${nameOf(subject)}: no snapshot could be made: ${(error as Error).message}. Nothing is lost; a restart takes longer.`,
        )
      }
    }
    this.#folding = undefined
  }

  async #fold(subject: SnapshotSubject): Promise<void> {
    const { log, clock, disk, random, prepare } = this.#options
    await prepare()
    const { id: topicId, deleteRetentionMs } = await this.#topic(subject.topic)
    const previous = await this.#usable(subject, topicId, deleteRetentionMs)
    const { earliest, latest } = await this.#ends(subject)
    const from = previous?.header.offset ?? earliest
    if (from >= latest && !this.#isAging(previous?.header.createdMs, deleteRetentionMs)) return
    const target = {
      disk,
      path: this.#path(subject),
      topicId,
      partition: subject.partition,
      createdMs: clock.now(),
      layout: subject.layout,
      offset: latest,
      seed: Math.floor(random() * 2 ** 31),
      pause: () => this.#pause(subject),
    }
    const foldFrom = (offset: number, snapshot?: Snapshot) =>
      foldSnapshot(snapshot, () => this.#tail(log, subject, offset, latest), target)
    const kept = await foldFrom(from, previous).catch(error => {
      if (previous === undefined || error instanceof SnapshotReplacedError) throw error
      this.#warnOfDamage(subject, error)
      return foldFrom(earliest)
    })
    const backlog = this.#backlogs.get(keyOf(subject))
    if (backlog !== undefined) Object.assign(backlog, { kept, deleteRetentionMs })
  }

  /** The acknowledged batches from one offset up to another, read from the log. */
  async *#tail(log: Log, subject: SnapshotSubject, from: number, to: number): AsyncGenerator<Uint8Array> {
    const { topic, partition } = subject
    for (let offset = from; offset < to; ) {
      const limits = { maxWaitMs: 0, maxBytes: foldBytes, partitionMaxBytes: foldBytes, waitForOpen: true }
      const [fetched] = await log.fetch([{ topic, partition, offset }], limits)
      if (fetched!.error !== undefined) throw fetched!.error
      // What compaction left may end before the end.
      if (fetched!.batches.length === 0) return
      for (const batch of fetched!.batches) {
        yield batch
        offset = Math.max(offset, nextOffset(batch))
      }
      fetched!.release?.()
      await this.#pause(subject)
    }
  }

  async #pause({ isStandby = false }: SnapshotSubject): Promise<void> {
    const { clock, pause } = this.#options
    await (isStandby ? new Promise<void>(resolve => clock.after(standbyPauseMs, resolve)) : pause())
    if (this.#isClosed) throw new FoldEnded()
  }

  async #usable(
    changelog: TopicPartition,
    topicId: string,
    deleteRetentionMs: number,
  ): Promise<Snapshot | undefined> {
    const { disk, clock, warn } = this.#options
    try {
      const snapshot = await readSnapshot(disk, this.#path(changelog))
      if (snapshot === undefined) return undefined
      const { earliest, latest } = await this.#ends(changelog)
      const reason = reasonNotToUse(snapshot.header, {
        topicId,
        partition: changelog.partition,
        offsetStart: earliest,
        offsetEnd: latest,
        deleteRetentionMs,
        nowMs: clock.now(),
      })
      if (reason === undefined) return snapshot
      warn(`${nameOf(changelog)}: the snapshot is not used: ${reason}`)
    } catch (error) {
      this.#warnOfDamage(changelog, error)
    }
    return undefined
  }

  /** Throws what is no damage. */
  #warnOfDamage(changelog: TopicPartition, error: unknown): void {
    if (!(error instanceof SnapshotDamagedError)) throw error
    this.#options.warn(`${nameOf(changelog)}: ${error.message}; the changelog is read instead`)
  }

  async #ends({ topic, partition }: TopicPartition): Promise<{ earliest: number; latest: number }> {
    const found = (await this.#options.log.offsets(topic)).find(each => each.partition === partition)
    return found ?? { earliest: 0, latest: 0 }
  }

  async #topic(name: string): Promise<{ id: string; deleteRetentionMs: number }> {
    const [info] = await this.#options.log.describeTopics([name])
    const setting = info?.kafka?.['delete.retention.ms']
    const deleteRetentionMs = setting === undefined ? deleteRetentionDefaultMs : Number(setting)
    return { id: info?.id ?? '', deleteRetentionMs }
  }

  /** `<step>-<partition>.snapshot`: a changelog is called after its pipeline and its step (SEMANTICS 1.4). */
  #path({ topic, partition }: TopicPartition): string {
    const step = topic.split('.').at(-2)
    return join(this.#options.folder, `${step}-${partition}.snapshot`)
  }
}

/** The host closes: a fold under way is given up. */
class FoldEnded extends Error {}

const nothingBehind = (): Backlog => ({
  records: 0,
  bytes: 0,
  kept: 0,
  deleteRetentionMs: deleteRetentionDefaultMs,
})
const keyOf = ({ topic, partition }: TopicPartition) => `${partition} ${topic}`
const nameOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`
