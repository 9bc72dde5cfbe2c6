/**
 * A snapshot file:
 *
 *   "MRSN" │ format u16 │ header length u32 │ header JSON │ CRC-32C of all before
 *   per batch: length u32 │ CRC-32C of the length and the batch's first 21 bytes (which its own CRC leaves out) │ batch
 *   length 0 │ record count u32 │ CRC of the header again │ "WHOL" │ CRC-32C of the 16 bytes before
 *
 * The batches are those of the changelog, compacted, with the offsets records had there. Numbers are big-endian.
 */
import { crc32c } from '../record/crc32c.ts'
import { CorruptBatchError } from '../record/errors.ts'

/** What a snapshot is of and where it stands. */
export interface SnapshotHeader {
  readonly topicId: string
  readonly partition: number
  /** The changelog offset from which the tail must be read on top. */
  readonly offset: number
  /** Wall time in ms at which it was made. */
  readonly createdMs: number
  /** The store's layout as of the snapshot, for people and tools; rows are read by the headers among them. */
  readonly layout: unknown
}

/** A snapshot that cannot be used: cut off, damaged or not one. The changelog alone is whole. */
export class SnapshotDamagedError extends Error {
  override readonly name: string = 'SnapshotDamagedError'
}

/** A snapshot into whose place another process of the same disk has put its own since it was opened: open it again. */
export class SnapshotReplacedError extends SnapshotDamagedError {
  override readonly name = 'SnapshotReplacedError'

  constructor() {
    super('The snapshot cannot be used: another one has come into its place')
  }
}

/** Throws what a corrupt batch says of the snapshot that it lies in, and any other error as it is. */
export function throwDamaged(error: unknown): never {
  throw error instanceof CorruptBatchError ? new SnapshotDamagedError(error.message) : error
}

export const PREAMBLE_BYTES = 10
export const FRAME_BYTES = 8
export const FOOTER_BYTES = 20
/** What of a batch its own CRC does not cover. */
const UNCOVERED_BYTES = 21
const FORMAT = 1
const MAGIC = 0x4d52534e
const WHOLE = 0x57484f4c

export function encodeHeader(header: SnapshotHeader): Buffer {
  const json = Buffer.from(JSON.stringify(header))
  const bytes = Buffer.alloc(PREAMBLE_BYTES + json.length + 4)
  bytes.writeUInt32BE(MAGIC)
  bytes.writeUInt16BE(FORMAT, 4)
  bytes.writeUInt32BE(json.length, 6)
  json.copy(bytes, PREAMBLE_BYTES)
  bytes.writeUInt32BE(crc32c(bytes, 0, bytes.length - 4), bytes.length - 4)
  return bytes
}

/** Length of the whole header by its first bytes. */
export function headerLength(preamble: Buffer): number {
  demand(preamble.length === PREAMBLE_BYTES && preamble.readUInt32BE() === MAGIC, 'it does not begin as one')
  demand(
    preamble.readUInt16BE(4) === FORMAT,
    `it has format ${preamble.readUInt16BE(4)}, this version reads ${FORMAT}`,
  )
  return PREAMBLE_BYTES + preamble.readUInt32BE(6) + 4
}

export function decodeHeader(bytes: Buffer): SnapshotHeader {
  demand(crcOf(bytes) === crc32c(bytes, 0, bytes.length - 4), 'its header is damaged')
  return JSON.parse(bytes.toString('utf8', PREAMBLE_BYTES, bytes.length - 4))
}

export function encodeFrame(batch: Uint8Array): Buffer {
  const frame = Buffer.alloc(FRAME_BYTES)
  frame.writeUInt32BE(batch.length)
  frame.writeUInt32BE(frameCrc(frame, batch), 4)
  return frame
}

/** The length of the batch that follows, 0 when what follows is the rest of the footer. */
export function frameLength(frame: Buffer): number {
  return frame.readUInt32BE()
}

export function checkFrame(frame: Buffer, batch: Uint8Array): void {
  demand(
    batch.length > UNCOVERED_BYTES && frame.readUInt32BE(4) === frameCrc(frame, batch),
    'a batch is damaged',
  )
}

export function encodeFooter(recordCount: number, header: Buffer): Buffer {
  const bytes = Buffer.alloc(FOOTER_BYTES)
  bytes.writeUInt32BE(recordCount, 4)
  bytes.writeUInt32BE(crcOf(header), 8)
  bytes.writeUInt32BE(WHOLE, 12)
  bytes.writeUInt32BE(crc32c(bytes, 0, 16), 16)
  return bytes
}

/** The record count, after checking that the footer is one and belongs to the header. */
export function decodeFooter(bytes: Buffer, header: Buffer): number {
  const isOne =
    bytes.length === FOOTER_BYTES && bytes.readUInt32BE() === 0 && bytes.readUInt32BE(12) === WHOLE
  demand(isOne && crcOf(bytes) === crc32c(bytes, 0, 16), 'it is cut off')
  demand(bytes.readUInt32BE(8) === crcOf(header), 'header and footer belong to two snapshots')
  return bytes.readUInt32BE(4)
}

export function demand(condition: boolean, what: string): asserts condition {
  if (!condition) throw new SnapshotDamagedError(`The snapshot cannot be used: ${what}`)
}

function crcOf(bytes: Buffer): number {
  return bytes.readUInt32BE(bytes.length - 4)
}

function frameCrc(frame: Buffer, batch: Uint8Array): number {
  const covered = Buffer.concat([frame.subarray(0, 4), batch.subarray(0, UNCOVERED_BYTES)])
  return crc32c(covered, 0, covered.length)
}
