import type { Log, TopicPartition } from '../../log/log.ts'
import { type BatchInfo, batchInfo, setBaseOffset } from '../../record/batch.ts'
import { RecordCursor } from '../../record/cursor.ts'
import { BatchWriter } from '../../record/writer.ts'

const LIMITS = { maxWaitMs: 0, maxBytes: 8 << 20, partitionMaxBytes: 4 << 20 }
/** Larger batches are divided: brokers take none above 1 MiB unless they are told to. */
const BATCH_BYTES_MAX = 900 * 1024

/** A batch of the source as it lies there. */
export interface SourceBatch {
  readonly bytes: Uint8Array
  readonly info: BatchInfo
}

/** All batches of a partition between two offsets, in order; the first may begin before. Throws what the log answers. */
export async function* sourceBatches(
  log: Log,
  { topic, partition }: TopicPartition,
  start: number,
  end: number,
): AsyncIterable<SourceBatch> {
  for (let offset = start; offset < end; ) {
    const [fetched] = await log.fetch([{ topic, partition, offset }], LIMITS)
    if (fetched!.error !== undefined) throw fetched!.error
    if (fetched!.batches.length === 0) return
    for (const bytes of fetched!.batches) {
      const info = batchInfo(bytes)
      offset = Math.max(offset, info.lastOffset + 1)
      yield { bytes, info }
    }
  }
}

/** The offsets of a batch's records from `start` on. */
export function offsetsIn({ bytes, info }: SourceBatch, start: number): readonly number[] | Range {
  if (isWhole(info, start)) return { first: info.baseOffset, count: info.recordCount }
  const offsets: number[] = []
  const cursor = new RecordCursor()
  cursor.open(bytes)
  while (cursor.next()) if (cursor.offset >= start) offsets.push(cursor.offset)
  return offsets
}

/** Offsets without a gap. */
export interface Range {
  readonly first: number
  readonly count: number
}

/** Every offset of it has a record, and none lies before `start`. */
function isWhole({ baseOffset, lastOffset, recordCount }: BatchInfo, start: number): boolean {
  return baseOffset >= start && lastOffset - baseOffset + 1 === recordCount
}

/**
 * The records of a batch from `start` on, without the first `skip` of them, as batches that a log takes: bytes as they are where nothing
 * is left out and the batch is not too large, else written again.
 */
export function batchesToAppend(source: SourceBatch, start: number, skip: number): Uint8Array[] {
  const { bytes, info } = source
  if (skip === 0 && isWhole(info, start) && bytes.length <= BATCH_BYTES_MAX) return [unplaced(bytes)]
  const batches: Uint8Array[] = []
  const writer = new BatchWriter({ maxBytes: BATCH_BYTES_MAX })
  const cursor = new RecordCursor()
  cursor.open(bytes)
  for (let seen = 0; cursor.next(); ) {
    if (cursor.offset < start || seen++ < skip) continue
    if (write(writer, cursor)) continue
    batches.push(writer.finish())
    write(writer, cursor)
  }
  if (writer.count > 0) batches.push(writer.finish())
  return batches
}

/** A copy without its place in the source: what a log has given out is not the caller's to change. */
function unplaced(bytes: Uint8Array): Uint8Array {
  // A Buffer's own slice would be a view.
  const copy = new Uint8Array(bytes)
  setBaseOffset(copy, 0)
  return copy
}

function write(writer: BatchWriter, cursor: RecordCursor): boolean {
  const { buffer, keyStart, keyEnd, valueStart, valueEnd, headersStart, headersEnd } = cursor
  return writer.append(
    cursor.timestamp,
    keyStart < 0 ? null : buffer,
    keyStart,
    keyEnd,
    valueStart < 0 ? null : buffer,
    valueStart,
    valueEnd,
    cursor.headerCount === 0 ? null : buffer,
    headersStart,
    headersEnd,
  )
}
