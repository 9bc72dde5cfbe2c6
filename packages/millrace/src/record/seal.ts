import { crc32c } from './crc32c.ts'
import { AT, ATTRIBUTE, LENGTH_OVERHEAD, writeInt16, writeInt32, writeInt64 } from './layout.ts'

/** Header fields that most batches leave as they are. */
export interface FinishOptions {
  readonly baseOffset?: number
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly transactional?: boolean
  readonly control?: boolean
  /** Every record's time becomes this one, the time of the append. */
  readonly logAppendTimeMs?: number
}

/** Writes the header in front of the records of a batch, and the CRC. */
export function seal(
  batch: Uint8Array,
  codecId: number,
  count: number,
  offsets: number,
  baseTimestamp: number,
  maxTimestamp: number,
  options: FinishOptions,
): void {
  const appendTime = options.logAppendTimeMs
  writeInt64(batch, AT.baseOffset, options.baseOffset ?? 0)
  writeInt32(batch, AT.batchLength, batch.length - LENGTH_OVERHEAD)
  writeInt32(batch, AT.leaderEpoch, -1)
  batch[AT.magic] = 2
  const attributes =
    codecId |
    (appendTime === undefined ? 0 : ATTRIBUTE.logAppendTime) |
    (options.transactional ? ATTRIBUTE.transactional : 0) |
    (options.control ? ATTRIBUTE.control : 0)
  writeInt16(batch, AT.attributes, attributes)
  writeInt32(batch, AT.lastOffsetDelta, offsets - 1)
  writeInt64(batch, AT.baseTimestamp, baseTimestamp)
  writeInt64(batch, AT.maxTimestamp, appendTime ?? maxTimestamp)
  writeInt64(batch, AT.producerId, options.producerId ?? -1)
  writeInt16(batch, AT.producerEpoch, options.producerEpoch ?? -1)
  writeInt32(batch, AT.baseSequence, options.baseSequence ?? -1)
  writeInt32(batch, AT.recordCount, count)
  writeInt32(batch, AT.crc, crc32c(batch, AT.attributes, batch.length))
}
