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
import { changelogParts } from './changelog-parts.ts'

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
  /** Lets the loop go on; awaited after every answer of the log and every 10 ms. What it throws ends the restore. */
  readonly pause: () => Promise<void>
  /** Present where the keys of the stores cannot be read before something is fetched, such as their schemas. */
  readonly keys?: Preparation
  /** Ends waits for the log. */
  readonly signal?: AbortSignal
  /** Told once how much there is to read; the steps say from then on how far they are. */
  readonly onBegun?: (steps: readonly StepRestored[]) => void
}

/** How far the store of a step is, in records of the snapshot and offsets of the changelog. */
export interface StepRestored {
  readonly step: string
  readonly done: number
  readonly total: number
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
    stateful.map(async ({ node }) => {
      const changelog = { topic: changelogTopic(app, graph.name, node.name), partition: task.partition }
      return new StepRestore(await openRestore(task.steps[node.id]!, changelog, options), options)
    }),
  )
  options.onBegun?.(restores.map(({ progress }) => progress))
  let records = 0
  for (const restore of restores) records += await restore.run()
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
}

async function openRestore(
  step: StatefulStep,
  changelog: TopicPartition,
  { log, snapshotOf }: RestoreOptions,
): Promise<StepSource> {
  const [bounds, snapshot] = await Promise.all([log.offsets(changelog.topic), snapshotOf(changelog)])
  const ends = bounds.find(each => each.partition === changelog.partition)
  const { earliest = 0, latest: end = 0 } = ends ?? {}
  const from = Math.max(earliest, snapshot?.offset ?? 0)
  return { step, changelog, snapshot, from, end: Math.max(from, end) }
}

/** Fills one store. */
class StepRestore {
  readonly progress: { -readonly [K in keyof StepRestored]: StepRestored[K] }
  readonly #source: StepSource
  readonly #options: RestoreOptions
  readonly #cursor = new RecordCursor()
  #sliceEndMs: number

  constructor(source: StepSource, options: RestoreOptions) {
    const { step, snapshot, from, end } = source
    this.progress = { step: step.name, done: 0, total: (snapshot?.records ?? 0) + end - from }
    this.#source = source
    this.#options = options
    this.#sliceEndMs = options.clock.monotonic() + sliceMsMax
  }

  /** Gives the records read. */
  async run(): Promise<number> {
    const fromSnapshot = await this.#applySnapshot()
    const records = fromSnapshot + (await this.#applyChangelog(fromSnapshot))
    // What compaction left may have ended before the end.
    this.progress.done = this.progress.total
    return records
  }

  async #applySnapshot(): Promise<number> {
    let done = 0
    for await (const batch of this.#source.snapshot?.batches() ?? []) {
      done += await this.#apply(batch, 0).catch(throwDamaged)
      this.progress.done = done
      await this.#pause()
    }
    return done
  }

  async #applyChangelog(before: number): Promise<number> {
    const { changelog, from, end } = this.#source
    const { log, signal } = this.#options
    let records = 0
    for await (const { batches, offset } of changelogParts({ log, changelog, from, end, signal })) {
      for (const batch of batches) {
        records += await this.#apply(batch, offset)
        this.progress.done = before + Math.min(nextOffset(batch), end) - from
      }
      await this.#pause()
    }
    return records
  }

  /** Applies the records from an offset on, a slice at a time; gives their number. */
  async #apply(batch: Uint8Array, from: number): Promise<number> {
    const { clock, keys } = this.#options
    const { step } = this.#source
    const cursor = this.#cursor
    const nowMs = clock.now()
    let records = 0
    cursor.open(batch)
    if (keys !== undefined) await prepareKeys(cursor, step, keys)
    while (cursor.next()) {
      if (cursor.offset < from) continue
      step.store.apply(cursor, nowMs)
      if (++records % sliceRecords === 0 && this.#isSliceOver) await this.#pause()
    }
    // Batches may be small, and many.
    if (this.#isSliceOver) await this.#pause()
    return records
  }

  get #isSliceOver(): boolean {
    return this.#options.clock.monotonic() >= this.#sliceEndMs
  }

  async #pause(): Promise<void> {
    await this.#options.pause()
    this.#sliceEndMs = this.#options.clock.monotonic() + sliceMsMax
  }
}
