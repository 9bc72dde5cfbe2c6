import type { GlobalStart, StartPosition } from '../engine/create-task.ts'
import { nextOffset } from '../engine/next-offset.ts'
import type { StatefulStep } from '../engine/stateful-step.ts'
import type { Task } from '../engine/task.ts'
import type { Log, TopicPartition } from '../log/log.ts'
import { changelogTopic } from '../plan/names.ts'
import { RecordCursor } from '../record/cursor.ts'
import type { Preparation } from '../serde/serde.ts'
import { throwDamaged } from '../state/snapshot-format.ts'
import type { Clock } from '../std/clock.ts'

/** Bytes fetched at once while restoring. */
const restoreBytesMax = 8 * 1024 * 1024
/** Longest time in one go; looked at after so many records. */
const sliceMsMax = 10
const sliceRecords = 500

/** What a snapshot offers to a restore: its records, and where the changelog goes on behind them. */
export interface RestoreSource {
  readonly offset: number
  readonly records: number
  batches(): AsyncIterable<Uint8Array>
}

export interface RestoreOptions {
  readonly log: Log
  readonly clock: Clock
  /** The newest usable snapshot of a changelog partition, or undefined. */
  readonly snapshotOf: (partition: TopicPartition) => Promise<RestoreSource | undefined>
  /** Lets the loop go on; awaited after every batch and every 10 ms. What it throws ends the restore. */
  readonly pause: () => Promise<void>
  /** Present where the keys of the stores cannot be read before something is fetched, such as their schemas. */
  readonly keys?: Preparation
  /** Ends waits for the log. */
  readonly signal?: AbortSignal
  /** Told how far it is: records of the snapshot and offsets of the changelog. */
  readonly onProgress?: (done: number, total: number) => void
}

/** Where a task goes on: its committed positions; a partition without one is read from its beginning (SEMANTICS 1.6). */
export async function startPositions(
  log: Log,
  group: string,
  inputs: readonly TopicPartition[],
): Promise<StartPosition[]> {
  const committed = await log.committed(group, inputs)
  return Promise.all(
    inputs.map(async ({ topic, partition }) => {
      const known = committed.find(each => each.topic === topic && each.partition === partition)
      if (known !== undefined) return { ...known, committedOffset: known.offset }
      const offset = await earliestOffset(log, topic, partition)
      return { topic, partition, offset, committedOffset: -1, metadata: new Uint8Array(0) }
    }),
  )
}

/** The beginnings of all partitions of the global topics that the tasks of a plan read. */
export async function globalStarts(log: Log, { sub }: Task['plan']): Promise<GlobalStart[]> {
  const starts = sub.globals.map(async ({ node }) => {
    const topic = node.topic.name
    return (await log.offsets(topic)).map(({ partition, earliest }) => ({
      topic,
      partition,
      offset: earliest,
    }))
  })
  return (await Promise.all(starts)).flat()
}

async function earliestOffset(log: Log, topic: string, partition: number): Promise<number> {
  return (await log.offsets(topic)).find(each => each.partition === partition)?.earliest ?? 0
}

/**
 * Fills a new task's stores from snapshot and changelog (SEMANTICS 2.3). Gives the records read. After a
 * `SnapshotDamagedError`, or when `pause` threw, the task is of no use: make another.
 */
export async function restoreTask(task: Task, options: RestoreOptions): Promise<number> {
  const { app, graph, stateful } = task.plan
  const restores = await Promise.all(
    stateful.map(({ node }) => {
      const changelog = { topic: changelogTopic(app, graph.name, node.name), partition: task.partition }
      return openRestore(task.steps[node.id]!, changelog, options)
    }),
  )
  const total = restores.reduce((sum, each) => sum + each.total, 0)
  options.onProgress?.(0, total)
  let done = 0
  let records = 0
  for (const restore of restores) {
    const onPart = (part: number) => options.onProgress?.(done + part, total)
    records += await new StepRestore(restore, options, onPart).run()
    done += restore.total
  }
  task.restored()
  return records
}

/** A row's key will be read when the row goes out. */
async function prepareKeys(cursor: RecordCursor, step: StatefulStep, keys: Preparation): Promise<void> {
  const { mark, left } = cursor
  const fetches = new Set<Promise<void>>()
  while (cursor.next()) {
    const [start, end] = step.keyRange(cursor.buffer, cursor.keyStart, cursor.keyEnd)
    const fetch = keys.forReading(cursor.buffer, start, end)
    if (fetch !== undefined) fetches.add(fetch)
  }
  cursor.rewind(mark, left)
  await Promise.all(fetches)
}

/** What one store is filled from. */
interface StepSource {
  readonly step: StatefulStep
  readonly changelog: TopicPartition
  readonly snapshot: RestoreSource | undefined
  /** Where the changelog is read from, and up to where. */
  readonly from: number
  readonly end: number
  /** Records of the snapshot, and offsets of the changelog. */
  readonly total: number
}

async function openRestore(
  step: StatefulStep,
  changelog: TopicPartition,
  { log, snapshotOf }: RestoreOptions,
): Promise<StepSource> {
  const ends = (await log.offsets(changelog.topic)).find(each => each.partition === changelog.partition)
  const { earliest = 0, latest: end = 0 } = ends ?? {}
  const snapshot = await snapshotOf(changelog)
  const from = Math.max(earliest, snapshot?.offset ?? 0)
  const total = (snapshot?.records ?? 0) + Math.max(0, end - from)
  return { step, changelog, snapshot, from, end, total }
}

/** Fills one store. */
class StepRestore {
  readonly #source: StepSource
  readonly #options: RestoreOptions
  readonly #onProgress: (done: number) => void
  readonly #cursor = new RecordCursor()
  #sliceEndMs: number

  constructor(source: StepSource, options: RestoreOptions, onProgress: (done: number) => void) {
    this.#source = source
    this.#options = options
    this.#onProgress = onProgress
    this.#sliceEndMs = options.clock.monotonic() + sliceMsMax
  }

  /** Gives the records read. */
  async run(): Promise<number> {
    const fromSnapshot = await this.#applySnapshot()
    return fromSnapshot + (await this.#applyChangelog(fromSnapshot))
  }

  async #applySnapshot(): Promise<number> {
    let done = 0
    for await (const batch of this.#source.snapshot?.batches() ?? []) {
      done += await this.#apply(batch, 0).catch(throwDamaged)
      this.#onProgress(done)
    }
    return done
  }

  async #applyChangelog(before: number): Promise<number> {
    const { changelog, from, end } = this.#source
    const { log, signal } = this.#options
    let records = 0
    for (let offset = from; offset < end; ) {
      const limits = { maxWaitMs: 0, maxBytes: restoreBytesMax, partitionMaxBytes: restoreBytesMax }
      const [fetched] = await log.fetch([{ ...changelog, offset }], { ...limits, waitForOpen: true, signal })
      // Trimmed meanwhile by the process that had the task before: nothing that an open row needs (SEMANTICS 2.6).
      if (fetched!.error?.code === 'offset-out-of-range' && fetched!.logStartOffset > offset) {
        offset = fetched!.logStartOffset
        continue
      }
      if (fetched!.error !== undefined) throw fetched!.error
      for (const batch of fetched!.batches) {
        records += await this.#apply(batch, offset)
        offset = Math.max(offset, nextOffset(batch))
        this.#onProgress(before + Math.min(offset, end) - from)
      }
      // What compaction left may end before the end: an empty answer below the high watermark means just that.
      if (fetched!.batches.length === 0) offset = Math.max(end, fetched!.logStartOffset)
    }
    return records
  }

  /** Applies the records from an offset on, a slice at a time; gives their number. */
  async #apply(batch: Uint8Array, from: number): Promise<number> {
    const { clock, pause, keys } = this.#options
    const { step } = this.#source
    const cursor = this.#cursor
    let records = 0
    cursor.open(batch)
    if (keys !== undefined) await prepareKeys(cursor, step, keys)
    while (cursor.next()) {
      if (cursor.offset < from) continue
      step.store.apply(cursor, clock.now())
      if (++records % sliceRecords !== 0 || clock.monotonic() < this.#sliceEndMs) continue
      await pause()
      this.#sliceEndMs = clock.monotonic() + sliceMsMax
    }
    // However small they are, batches must not keep a restore from being given up.
    await pause()
    return records
  }
}
