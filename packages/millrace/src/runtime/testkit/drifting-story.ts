import { batchOf } from '../../log/conformance/store.ts'
import type { Log } from '../../log/log.ts'
import type { App, PausedInput } from '../app.ts'
import type * as Drifting from './drifting.ts'
import { readTopic } from './read-topic.ts'

const t0 = 1_700_000_000_000 - (1_700_000_000_000 % 60_000)
const batches = 30
const perBatch = 4
const stepMs = 5_000
/** A partition begins so much later than the one before it. */
const shiftMs = 180_000

function readingsOf(partition: number): Drifting.Reading[] {
  return Array.from({ length: batches * perBatch }, (_, i) => ({
    id: partition * 1_000 + i,
    at: t0 + partition * shiftMs + i * stepMs,
  }))
}

/** Partitions of one length, each minutes ahead of the one before it. */
export async function appendReadings(log: Log, { readings }: typeof Drifting): Promise<void> {
  for (let partition = 0; partition < readings.partitions; partition++) {
    const all = readingsOf(partition)
    for (let i = 0; i < all.length; i += perBatch) {
      const bytes = batchOf(
        all.slice(i, i + perBatch).map(each => ({ value: JSON.stringify(each), timestamp: each.at })),
      )
      await log.append([{ topic: readings.name, partition, bytes }])
    }
  }
}

interface Minute {
  readonly start: number
  readonly n: number
  readonly ids: number
}

/** What comes of them. */
export function expectedMinutes({ readings }: typeof Drifting): Minute[] {
  const minutes = new Map<number, Minute>()
  for (let partition = 0; partition < readings.partitions; partition++)
    for (const { id, at } of readingsOf(partition)) {
      const start = at - (at % 60_000)
      const { n, ids } = minutes.get(start) ?? { n: 0, ids: 0 }
      minutes.set(start, { start, n: n + 1, ids: ids + id })
    }
  return [...minutes.values()].toSorted((a, b) => a.start - b.start)
}

export async function minutesIn(log: Log, { perMinute }: typeof Drifting): Promise<Minute[]> {
  const records = await readTopic(log, perMinute.name)
  return records
    .map(({ value }) => JSON.parse(value!) as Minute)
    .map(({ start, n, ids }) => ({ start, n, ids }))
    .toSorted((a, b) => a.start - b.start)
}

/** The partitions that wait for one of another process, as an app shows them now. */
export function pausedForOthers(app: App): PausedInput[] {
  return app.health().pipelines.flatMap(({ tasks }) => {
    const own = new Set(tasks.map(({ task }) => task))
    return tasks
      .flatMap(({ paused }) => paused)
      .filter(({ waitsFor }) => ![...own].some(name => name.endsWith(`/${waitsFor.partition}`)))
  })
}
