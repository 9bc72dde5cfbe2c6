import type { AggregateStep } from '../engine/aggregate-step.ts'
import type { StartPosition } from '../engine/create-task.ts'
import { nextOffset } from '../engine/next-offset.ts'
import type { Task } from '../engine/task.ts'
import type { Log, TopicPartition } from '../log/log.ts'
import { changelogTopic } from '../plan/names.ts'
import { RecordCursor } from '../record/cursor.ts'
import { CorruptBatchError } from '../record/errors.ts'
import type { Preparation } from '../serde/serde.ts'
import { WINDOW_START_BYTES } from '../state/changelog-key.ts'
import { SnapshotDamagedError } from '../state/snapshot-format.ts'
import type { Clock } from '../std/clock.ts'

/** Bytes fetched at once while restoring. */
const restoreBytesMax = 8 * 1024 * 1024

/** What a snapshot offers to a restore: its records, and where the changelog goes on behind them. */
export interface RestoreSource {
  readonly offset: number
  batches(): AsyncIterable<Uint8Array>
}

export interface RestoreOptions {
  readonly log: Log
  readonly clock: Clock
  /** The newest usable snapshot of a changelog partition, or undefined. */
  readonly snapshotOf: (partition: TopicPartition) => Promise<RestoreSource | undefined>
  /** Lets the loop go on; awaited after every batch. */
  readonly pause: () => Promise<void>
  /** Present where the keys of the stores cannot be read before something is fetched, such as their schemas. */
  readonly keys?: Preparation
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

async function earliestOffset(log: Log, topic: string, partition: number): Promise<number> {
  return (await log.offsets(topic)).find(each => each.partition === partition)?.earliest ?? 0
}

/**
 * Fills a new task's stores from snapshot and changelog (SEMANTICS 2.3). Gives the records read. After a
 * `SnapshotDamagedError` the task is of no use: make another and restore it without the snapshot.
 */
export async function restoreTask(task: Task, options: RestoreOptions): Promise<number> {
  let records = 0
  for (const { node } of task.plan.steps) {
    const topic = changelogTopic(task.plan.app, task.plan.graph.name, node.name)
    records += await restoreStep(task.steps[node.id]!, { topic, partition: task.partition }, options)
  }
  task.restored()
  return records
}

/** A row's key will be read when the row goes out. */
async function prepareKeys(cursor: RecordCursor, step: AggregateStep, keys: Preparation): Promise<void> {
  const before = step.window === undefined ? 0 : WINDOW_START_BYTES
  const { mark, left } = cursor
  const fetches = new Set<Promise<void>>()
  while (cursor.next()) {
    const fetch = keys.forReading(cursor.buffer, cursor.keyStart + before, cursor.keyEnd)
    if (fetch !== undefined) fetches.add(fetch)
  }
  cursor.rewind(mark, left)
  await Promise.all(fetches)
}

async function restoreStep(
  step: AggregateStep,
  changelog: TopicPartition,
  { log, clock, snapshotOf, pause, keys }: RestoreOptions,
): Promise<number> {
  const cursor = new RecordCursor()
  let records = 0
  const apply = async (batch: Uint8Array, from: number) => {
    cursor.open(batch)
    if (keys !== undefined) await prepareKeys(cursor, step, keys)
    while (cursor.next()) {
      if (cursor.offset < from) continue
      step.store.apply(cursor, clock.now())
      records++
    }
  }
  const { topic, partition } = changelog
  const ends = (await log.offsets(topic)).find(each => each.partition === partition)
  const end = ends?.latest ?? 0
  let offset = ends?.earliest ?? 0
  const snapshot = await snapshotOf(changelog)
  if (snapshot !== undefined) {
    for await (const batch of snapshot.batches()) {
      try {
        await apply(batch, 0)
      } catch (error) {
        if (error instanceof CorruptBatchError) throw new SnapshotDamagedError(error.message)
        throw error
      }
    }
    offset = Math.max(offset, snapshot.offset)
  }
  while (offset < end) {
    const options = {
      maxWaitMs: 0,
      maxBytes: restoreBytesMax,
      partitionMaxBytes: restoreBytesMax,
      waitForOpen: true,
    }
    const [fetched] = await log.fetch([{ topic, partition, offset }], options)
    // Trimmed meanwhile by the process that had the task before: nothing that an open row needs (SEMANTICS 2.6).
    if (fetched!.error?.code === 'offset-out-of-range' && fetched!.logStartOffset > offset) {
      offset = fetched!.logStartOffset
      continue
    }
    if (fetched!.error !== undefined) throw fetched!.error
    for (const batch of fetched!.batches) {
      await apply(batch, offset)
      offset = Math.max(offset, nextOffset(batch))
      await pause()
    }
    // What compaction left may end before the end: an empty answer below the high watermark means just that.
    if (fetched!.batches.length === 0) offset = Math.max(end, fetched!.logStartOffset)
  }
  return records
}
