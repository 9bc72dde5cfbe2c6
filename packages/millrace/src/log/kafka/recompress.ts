import { checkBatch } from '../../record/batch.ts'
import { type Codec, codecById } from '../../record/compression.ts'
import { crc32c, crc32cChanged } from '../../record/crc32c.ts'
import { CorruptBatchError } from '../../record/errors.ts'
import {
  AT,
  ATTRIBUTE,
  LENGTH_OVERHEAD,
  PADDING_BYTES,
  readInt32,
  writeInt16,
  writeInt32,
  writeInt64,
} from '../../record/layout.ts'
import { kafkaCodecs } from './codecs.ts'

/** A batch that unpacks to more is refused. */
const UNPACKED_BYTES_MAX = 128 * 1024 * 1024
/** What the record cursor reads by itself: none, gzip, zstd. */
const READABLE = new Set([0, 1, 4])

/** `batch` itself when the record cursor can read it, else the same records uncompressed. Throws `CorruptBatchError`. */
export function readable(batch: Uint8Array): Uint8Array {
  const codecId = batch[AT.attributes + 1]! & ATTRIBUTE.codecMask
  if (READABLE.has(codecId)) return batch
  checkBatch(batch)
  let records: Uint8Array
  try {
    const block = batch.subarray(AT.records)
    records =
      readInt32(batch, AT.recordCount) === 0
        ? new Uint8Array(0)
        : codecById(codecId, kafkaCodecs).decompress(block, UNPACKED_BYTES_MAX)
  } catch (cause) {
    throw new CorruptBatchError(`its records do not unpack: ${(cause as Error).message}`, AT.records, {
      cause,
    })
  }
  return withRecords(batch, records, 0)
}

/** The same batch with its records packed by `codec`; one that is packed already, or does not get smaller, stays. */
export function packed(batch: Uint8Array, codec: Codec): Uint8Array {
  if ((batch[AT.attributes + 1]! & ATTRIBUTE.codecMask) !== 0) return batch
  const block = codec.compress(batch.subarray(AT.records))
  return block.length < batch.length - AT.records ? withRecords(batch, block, codec.id) : batch
}

function withRecords(batch: Uint8Array, records: Uint8Array, codecId: number): Uint8Array {
  const length = AT.records + records.length
  const made = Buffer.allocUnsafeSlow(length + PADDING_BYTES).subarray(0, length)
  made.set(batch.subarray(0, AT.records))
  made.set(records, AT.records)
  writeInt32(made, AT.batchLength, length - LENGTH_OVERHEAD)
  made[AT.attributes + 1] = (batch[AT.attributes + 1]! & ~ATTRIBUTE.codecMask) | codecId
  return sealed(made)
}

/** Writes who produces a batch into it, in place. A CRC that was right stays right, and a wrong one wrong. */
export function signed(
  batch: Uint8Array,
  producerId: number,
  producerEpoch: number,
  sequence: number,
  isTransactional: boolean,
): Uint8Array {
  const was = new Uint8Array(batch.subarray(AT.attributes, AT.records))
  writeInt64(batch, AT.producerId, producerId)
  writeInt16(batch, AT.producerEpoch, producerEpoch)
  writeInt32(batch, AT.baseSequence, sequence)
  if (isTransactional) batch[AT.attributes + 1] = batch[AT.attributes + 1]! | ATTRIBUTE.transactional
  const rest = batch.length - AT.records
  const crc = crc32cChanged(readInt32(batch, AT.crc) >>> 0, was, batch, AT.attributes, AT.records, rest)
  writeInt32(batch, AT.crc, crc)
  return batch
}

/**
 * A batch without records that stands for the offsets `first` to `last`: transaction markers and aborted records, over which a
 * reader's position moves on.
 */
export function emptyBatch(first: number, last: number): Uint8Array {
  const batch = Buffer.alloc(AT.records + PADDING_BYTES).subarray(0, AT.records)
  writeInt64(batch, AT.baseOffset, first)
  writeInt32(batch, AT.batchLength, AT.records - LENGTH_OVERHEAD)
  batch[AT.magic] = 2
  writeInt32(batch, AT.lastOffsetDelta, last - first)
  writeInt64(batch, AT.baseTimestamp, -1)
  writeInt64(batch, AT.maxTimestamp, -1)
  writeInt64(batch, AT.producerId, -1)
  writeInt16(batch, AT.producerEpoch, -1)
  writeInt32(batch, AT.baseSequence, -1)
  return sealed(batch)
}

function sealed(batch: Uint8Array): Uint8Array {
  writeInt32(batch, AT.crc, crc32c(batch, AT.attributes, batch.length))
  return batch
}
