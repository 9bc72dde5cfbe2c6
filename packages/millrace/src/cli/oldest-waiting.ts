import type { FetchPosition, Log } from '../log/log.ts'
import { RecordCursor } from '../record/cursor.ts'

/** One batch is enough, and the first is always whole. */
const FETCH = { maxWaitMs: 0, maxBytes: 1 << 20, partitionMaxBytes: 1 }

/** The time of the first record at or behind each position, in their order; undefined where there is none, or it has none. */
export async function oldestWaiting(
  log: Log,
  positions: readonly FetchPosition[],
): Promise<(number | undefined)[]> {
  return Promise.all(positions.map(position => firstTime(log, position)))
}

async function firstTime(log: Log, position: FetchPosition): Promise<number | undefined> {
  const [fetched] = await log.fetch([position], FETCH)
  const cursor = new RecordCursor()
  for (const batch of fetched?.batches ?? []) {
    cursor.open(batch)
    while (cursor.next())
      if (cursor.offset >= position.offset) return cursor.timestamp < 0 ? undefined : cursor.timestamp
  }
  return undefined
}
