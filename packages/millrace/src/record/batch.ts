import { crc32c } from './crc32c.ts'
import { CorruptBatchError } from './errors.ts'
import { AT, ATTRIBUTE, LENGTH_OVERHEAD, PADDING_BYTES, readInt32, readInt64, writeInt64 } from './layout.ts'

/** What a batch's header says; nothing of it is checked beyond magic and length. */
export interface BatchInfo {
  /** Size of the whole batch. */
  readonly byteLength: number
  readonly baseOffset: number
  readonly lastOffset: number
  readonly recordCount: number
  readonly baseTimestamp: number
  /** Largest record time, -1 when the records have none. */
  readonly maxTimestamp: number
  readonly attributes: number
  /** Record times are the time of the append (`maxTimestamp`), not the producer's. */
  readonly isAppendTime: boolean
  readonly isControl: boolean
  readonly isTransactional: boolean
  readonly producerId: number
  readonly producerEpoch: number
  readonly baseSequence: number
}

/** Reads the header of the batch that begins at `at`; throws `CorruptBatchError` when it is no v2 batch or not whole. */
export function batchInfo(bytes: Uint8Array, at = 0): BatchInfo {
  const byteLength = batchByteLength(bytes, at)
  if (at + byteLength > bytes.length) {
    throw new CorruptBatchError(
      `${byteLength} bytes long, but only ${bytes.length - at} are here`,
      AT.batchLength,
    )
  }
  const baseOffset = readInt64(bytes, at)
  const attributes = (bytes[at + AT.attributes]! << 8) | bytes[at + AT.attributes + 1]!
  return {
    byteLength,
    baseOffset,
    lastOffset: baseOffset + readInt32(bytes, at + AT.lastOffsetDelta),
    recordCount: readInt32(bytes, at + AT.recordCount),
    baseTimestamp: readInt64(bytes, at + AT.baseTimestamp),
    maxTimestamp: readInt64(bytes, at + AT.maxTimestamp),
    attributes,
    isAppendTime: (attributes & ATTRIBUTE.logAppendTime) !== 0,
    isControl: (attributes & ATTRIBUTE.control) !== 0,
    isTransactional: (attributes & ATTRIBUTE.transactional) !== 0,
    producerId: readInt64(bytes, at + AT.producerId),
    producerEpoch: (readInt32(bytes, at + AT.producerEpoch) >> 16) | 0,
    baseSequence: readInt32(bytes, at + AT.baseSequence),
  }
}

/** Size of the batch that begins at `at`, from its length field; throws `CorruptBatchError` when its header is not whole or not v2. */
export function batchByteLength(bytes: Uint8Array, at = 0): number {
  if (bytes.length - at < AT.records) {
    throw new CorruptBatchError(`${bytes.length - at} bytes are less than a batch header`, 0)
  }
  const magic = bytes[at + AT.magic]!
  if (magic !== 2) throw new CorruptBatchError(`magic ${magic}, only 2 can be read`, AT.magic)
  const batchLength = readInt32(bytes, at + AT.batchLength)
  if (batchLength < AT.records - LENGTH_OVERHEAD) {
    throw new CorruptBatchError(`length field ${batchLength}`, AT.batchLength)
  }
  return batchLength + LENGTH_OVERHEAD
}

/** Throws `CorruptBatchError` unless `batch` is exactly one whole batch with the right CRC and believable counts. */
export function checkBatch(batch: Uint8Array): void {
  const byteLength = batchByteLength(batch)
  if (byteLength !== batch.length) {
    throw new CorruptBatchError(
      `the length field says ${byteLength} bytes, there are ${batch.length}`,
      AT.batchLength,
    )
  }
  const stored = readInt32(batch, AT.crc) >>> 0
  const computed = crc32c(batch, AT.attributes, batch.length)
  if (stored !== computed) {
    throw new CorruptBatchError(`CRC is ${hex(computed)}, the batch says ${hex(stored)}`, AT.crc)
  }
  const lastOffsetDelta = readInt32(batch, AT.lastOffsetDelta)
  const recordCount = readInt32(batch, AT.recordCount)
  // A batch that lost all its records to compaction keeps its offsets, so the count may be the smaller one, even 0.
  if (recordCount < 0 || lastOffsetDelta < 0 || recordCount > lastOffsetDelta + 1) {
    throw new CorruptBatchError(
      `${recordCount} records up to offset delta ${lastOffsetDelta}`,
      AT.recordCount,
    )
  }
  const baseOffset = readInt64(batch, AT.baseOffset)
  if (baseOffset < 0 || !Number.isSafeInteger(baseOffset + lastOffsetDelta)) {
    throw new CorruptBatchError(`base offset ${baseOffset}`, AT.baseOffset)
  }
}

function hex(value: number): string {
  return value.toString(16).padStart(8, '0')
}

/** Writes the base offset into a batch; the CRC does not cover it. */
export function setBaseOffset(batch: Uint8Array, offset: number): void {
  writeInt64(batch, AT.baseOffset, offset)
}

/** Cuts concatenated batches apart without copying; a last one that is not whole is left out. */
export function splitBatches(bytes: Uint8Array): Uint8Array[] {
  const batches: Uint8Array[] = []
  for (let at = 0; bytes.length - at >= AT.records; ) {
    const end = at + batchByteLength(bytes, at)
    if (end > bytes.length) break
    batches.push(bytes.subarray(at, end))
    at = end
  }
  return batches
}

/** True when at least 64 bytes behind the end of `bytes` belong to the same memory and may be read. */
export function isPadded(bytes: Uint8Array): boolean {
  return bytes.byteOffset + bytes.byteLength + PADDING_BYTES <= bytes.buffer.byteLength
}

/** `bytes` itself if it is padded, else a copy that is. */
export function padded(bytes: Uint8Array): Uint8Array {
  if (isPadded(bytes)) return bytes
  const copy = Buffer.allocUnsafeSlow(bytes.length + PADDING_BYTES)
  copy.set(bytes)
  copy.fill(0, bytes.length)
  return copy.subarray(0, bytes.length)
}
