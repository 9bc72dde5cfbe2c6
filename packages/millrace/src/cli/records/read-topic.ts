import type { Log } from '../../log/log.ts'
import { RecordCursor } from '../../record/cursor.ts'

/** A part of a partition; `end` is exclusive. */
export interface ReadRange {
  readonly partition: number
  readonly start: number
  readonly end: number
}

export interface ReadOptions {
  /** Goes on behind the ends for as long as nobody aborts. */
  readonly follow: boolean
  readonly signal: AbortSignal
}

const FETCH = { maxBytes: 4 * 1024 * 1024, partitionMaxBytes: 1024 * 1024 }
const FOLLOW_WAIT_MS = 1000

/**
 * Reads ranges of a topic, a batch at a time; the cursor stands before the batch's first record, and records
 * outside of `range` are the caller's to skip. Ends when all ranges are read, or the signal aborts.
 */
export async function* readTopic(
  log: Log,
  topic: string,
  ranges: readonly ReadRange[],
  { follow, signal }: ReadOptions,
): AsyncGenerator<{ readonly cursor: RecordCursor; readonly range: ReadRange }> {
  const cursor = new RecordCursor()
  const open = new Map(ranges.map(range => [range.partition, { range, offset: range.start }]))
  while (!signal.aborted) {
    if (!follow)
      for (const [partition, { range, offset }] of open) if (offset >= range.end) open.delete(partition)
    if (open.size === 0) return
    const positions = [...open].map(([partition, { offset }]) => ({ topic, partition, offset }))
    const found = await fetchUnlessAborted(log, positions, follow ? FOLLOW_WAIT_MS : 0, signal)
    for (const { partition, batches, error, offset, highWatermark } of found) {
      if (error !== undefined) throw error
      const at = open.get(partition)!
      for (const batch of batches) {
        cursor.open(batch)
        const next = cursor.lastOffset + 1
        if (!cursor.isControl) yield { cursor, range: { ...at.range, start: at.offset } }
        at.offset = next
        if (signal.aborted) return
      }
      // Compaction may have taken the last records before the end.
      if (batches.length === 0 && offset < at.range.end && !follow)
        at.offset = Math.max(highWatermark, at.range.end)
    }
  }
}

async function fetchUnlessAborted(
  log: Log,
  positions: Parameters<Log['fetch']>[0],
  maxWaitMs: number,
  signal: AbortSignal,
) {
  try {
    return await log.fetch(positions, { ...FETCH, maxWaitMs, waitForOpen: maxWaitMs === 0, signal })
  } catch (error) {
    if (signal.aborted) return []
    throw error
  }
}
