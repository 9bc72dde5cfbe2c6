import { VarintReader, writeVarint, writeVarlong } from '../../record/varint.ts'
import { LogError } from '../log.ts'

/**
 * What stands beside a position instead of metadata that is too long: where the record with it lies, and how to tell that it is
 * the one. A group has two slots for each position, and a commit writes to the one that the committed position does not name: what
 * the other holds stays in a compacted topic, whatever becomes of the commit.
 *
 *   mark u8 · form u8 · slot u8 · partition varint · offset varlong · length varint · CRC32C u32
 *
 * Of the engine's metadata the mark is a version that no Millrace knows, so an older one refuses it.
 */
export interface MetadataPlace {
  readonly slot: 0 | 1
  readonly partition: number
  readonly offset: number
  readonly length: number
  readonly crc: number
}

const mark = 254
const form = 1
const placeBytesMax = 3 + 5 + 8 + 5 + 4
/** As base64 the 3 KiB of SEMANTICS 2.1; brokers take 4096 bytes by default. */
export const besideBytesMaxDefault = 2304

/** Whether it must go into a record: what could be taken for a place goes as well. */
export function isLarge(metadata: Uint8Array, besideBytesMax: number): boolean {
  return metadata.length > besideBytesMax || metadata[0] === mark
}

export function encodePlace({ slot, partition, offset, length, crc }: MetadataPlace): Uint8Array {
  const bytes = Buffer.alloc(placeBytesMax)
  let at = bytes.writeUInt8(slot, bytes.writeUInt8(form, bytes.writeUInt8(mark, 0)))
  at = writeVarint(bytes, at, partition)
  at = writeVarlong(bytes, at, offset)
  at = writeVarint(bytes, at, length)
  at = bytes.writeUInt32BE(crc >>> 0, at)
  return new Uint8Array(bytes.subarray(0, at))
}

/** Undefined for metadata that stands beside its position. Throws `LogError` code `layout` for what a newer Millrace wrote. */
export function decodePlace(metadata: Uint8Array): MetadataPlace | undefined {
  if (metadata[0] !== mark) return undefined
  if (metadata[1] !== form) {
    throw new LogError(
      'layout',
      `Where the metadata of a position lies was written in form ${metadata[1]}, this Millrace reads ${form}: run the newer Millrace, or reset the pipeline`,
    )
  }
  const slot = metadata[2] === 1 ? 1 : 0
  const reader = new VarintReader(metadata, 3, metadata.length)
  const partition = reader.varint()
  const offset = reader.varlong()
  const length = reader.varint()
  const crc = new DataView(metadata.buffer, metadata.byteOffset).getUint32(reader.at)
  return { slot, partition, offset, length, crc }
}
