/** Compaction of one partition, in two passes over its batches: note the newest offset of each key, then rewrite. */
import { batchInfo } from '../record/batch.ts'
import { RecordCursor } from '../record/cursor.ts'
import { BatchWriter } from '../record/writer.ts'

/** Newest offset of each key, by the key's bytes as latin1 text. */
export type NewestOffsets = Map<string, number>

/** First pass: notes the records of a batch; batches come in offset order. */
export function noteNewest(newest: NewestOffsets, batch: Uint8Array, cursor = new RecordCursor()): void {
  cursor.open(batch)
  if (cursor.isControl) return
  while (cursor.next()) {
    if (cursor.keyStart >= 0)
      newest.set(cursor.buffer.toString('latin1', cursor.keyStart, cursor.keyEnd), cursor.offset)
  }
}

/**
 * Second pass: the batch without the records that a newer one replaces and, if `dropTombstones`, without
 * its tombstones. Returns `batch` itself when nothing goes, undefined when nothing stays. Offsets stay as they
 * are. Records without a key stay.
 */
export function compactBatch(
  newest: NewestOffsets,
  batch: Uint8Array,
  dropTombstones: boolean,
  cursor = new RecordCursor(),
): Uint8Array | undefined {
  cursor.open(batch)
  if (cursor.isControl) return batch
  const info = batchInfo(batch)
  const writer = new BatchWriter({ initialBytes: batch.length })
  while (cursor.next()) {
    if (!stays(newest, cursor, dropTombstones)) continue
    writer.skipOffsets(cursor.offset - cursor.baseOffset - writer.nextOffsetDelta)
    const keyBytes = cursor.keyStart < 0 ? null : cursor.buffer
    const valueBytes = cursor.valueStart < 0 ? null : cursor.buffer
    writer.append(
      cursor.timestamp,
      keyBytes,
      cursor.keyStart,
      cursor.keyEnd,
      valueBytes,
      cursor.valueStart,
      cursor.valueEnd,
      cursor.buffer,
      cursor.headersStart,
      cursor.headersEnd,
    )
  }
  if (writer.count === cursor.recordCount) return batch
  if (writer.count === 0) return undefined
  writer.skipOffsets(info.lastOffset - info.baseOffset + 1 - writer.nextOffsetDelta)
  return writer.finish({
    baseOffset: info.baseOffset,
    logAppendTimeMs: info.isAppendTime ? info.maxTimestamp : undefined,
    transactional: info.isTransactional,
    producerId: info.producerId,
    producerEpoch: info.producerEpoch,
    baseSequence: info.baseSequence,
  })
}

function stays(newest: NewestOffsets, cursor: RecordCursor, dropTombstones: boolean): boolean {
  if (cursor.keyStart < 0) return true
  if (dropTombstones && cursor.valueStart < 0) return false
  return newest.get(cursor.buffer.toString('latin1', cursor.keyStart, cursor.keyEnd)) === cursor.offset
}
