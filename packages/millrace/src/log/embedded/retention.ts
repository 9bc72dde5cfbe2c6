import { agesFrom } from '../age.ts'
import type { TopicInfo } from '../log.ts'
import type { BatchReader, BatchRow } from './batch-table.ts'

/** The first offset that a topic's limits of age and size let stay; undefined when everything may. */
export function retainedFrom(batches: BatchReader, info: TopicInfo, nowMs: number): number | undefined {
  if (info.cleanup === 'compact') return undefined
  const byAge = info.retentionMs < 0 ? undefined : youngEnough(batches, nowMs - info.retentionMs)
  const bySize = info.retentionBytes < 0 ? undefined : smallEnough(batches, info)
  if (byAge === undefined || bySize === undefined) return byAge ?? bySize
  return Math.max(byAge, bySize)
}

function youngEnough(batches: BatchReader, oldestMs: number): number | undefined {
  let end: number | undefined
  for (const row of batches.from(0)) {
    if (agesFrom(row.timeMax, row.writtenAt) >= oldestMs) break
    end = row.key + row.lastDelta + 1
  }
  return end
}

/** The newest batch always stays. */
function smallEnough(batches: BatchReader, info: TopicInfo): number | undefined {
  const last = batches.last()
  if (last === undefined) return undefined
  if (info.cleanup === 'compact,delete') return smallEnoughByCounting(batches, last, info.retentionBytes)
  const isReached = (row: BatchRow) => last.bytesEnd - row.bytesEnd + row.bytes <= info.retentionBytes
  return (batches.search(isReached) ?? last).key
}

/** Compaction changes sizes afterwards, so the sums kept with the batches are of no use. */
function smallEnoughByCounting(batches: BatchReader, last: BatchRow, bytesMax: number): number {
  let bytes = batches.countBytes()
  for (const row of batches.from(0)) {
    if (bytes <= bytesMax || row.key === last.key) return row.key
    bytes -= row.bytes
  }
  return last.key
}

/** Where a deletion up to `offset` may pause, so that no transaction drops more than `bytesMax` (but one batch at least). */
export function nextStop(batches: BatchReader, offset: number, bytesMax: number): number {
  let bytes = 0
  for (const row of batches.from(0)) {
    if (row.key >= offset) break
    bytes += row.bytes
    if (bytes >= bytesMax) return Math.min(offset, row.key + row.lastDelta + 1)
  }
  return offset
}
