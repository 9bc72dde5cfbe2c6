import { compressionsAlgorithms } from '@platformatic/kafka'
import { type Codec, gzip, zstd } from '../../record/compression.ts'

const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
/** Magic and the two version numbers. */
const XERIAL_HEADER_BYTES = 16
/** Java's writer cuts its input into blocks of this size. */
const XERIAL_BLOCK_BYTES = 32 * 1024

/** Snappy in the framing of xerial, which Java writes and expects; read also without it. */
export const snappy: Codec = {
  id: 2,
  name: 'snappy',
  compress: bytes => {
    const header = Buffer.alloc(XERIAL_HEADER_BYTES)
    XERIAL.copy(header)
    header.writeInt32BE(1, 8)
    header.writeInt32BE(1, 12)
    const parts: Uint8Array[] = [header]
    for (let at = 0; at < bytes.length; at += XERIAL_BLOCK_BYTES) {
      const block = compressionsAlgorithms.snappy.compressSync(
        Buffer.from(bytes.subarray(at, at + XERIAL_BLOCK_BYTES)),
      )
      const length = Buffer.alloc(4)
      length.writeInt32BE(block.length)
      parts.push(length, block)
    }
    return Buffer.concat(parts)
  },
  decompress: (bytes, maxBytes) => {
    const blocks = snappyBlocks(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
    const total = blocks.reduce((sum, block) => sum + snappyLength(block), 0)
    if (total > maxBytes) throw new Error(`it unpacks to ${total} bytes`)
    return Buffer.concat(blocks.map(block => compressionsAlgorithms.snappy.decompressSync(block)))
  },
}

export const lz4: Codec = {
  id: 3,
  name: 'lz4',
  compress: bytes => compressionsAlgorithms.lz4.compressSync(Buffer.from(bytes)),
  decompress: (bytes, maxBytes) => {
    const unpacked = compressionsAlgorithms.lz4.decompressSync(Buffer.from(bytes))
    if (unpacked.length > maxBytes) throw new Error(`it unpacks to ${unpacked.length} bytes`)
    return unpacked
  },
}

/** All that Kafka knows. */
export const kafkaCodecs: readonly Codec[] = [gzip, snappy, lz4, zstd]

function snappyBlocks(bytes: Buffer): Buffer[] {
  if (!bytes.subarray(0, XERIAL.length).equals(XERIAL)) return [bytes]
  const blocks: Buffer[] = []
  for (let at = XERIAL_HEADER_BYTES; at < bytes.length; ) {
    const end = at + 4 + bytes.readInt32BE(at)
    if (end > bytes.length || end <= at + 4) throw new Error('a snappy block is cut off')
    blocks.push(bytes.subarray(at + 4, end))
    at = end
  }
  return blocks
}

/** The size before compression, which a block begins with. */
function snappyLength(block: Buffer): number {
  let length = 0
  let scale = 1
  for (let at = 0; at < Math.min(5, block.length); at++) {
    length += (block[at]! & 127) * scale
    if (block[at]! < 128) return length
    scale *= 128
  }
  throw new Error('a snappy block has no length')
}
