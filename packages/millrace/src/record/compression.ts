import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { UnsupportedCodecError } from './errors.ts'

/** Compresses the record section of a batch; `id` is the codec's number in the batch attributes. */
export interface Codec {
  readonly id: number
  readonly name: string
  compress(bytes: Uint8Array): Uint8Array
  /** Throws when the bytes are damaged or give more than `maxBytes`. */
  decompress(bytes: Uint8Array, maxBytes: number): Uint8Array
}

export const gzip: Codec = {
  id: 1,
  name: 'gzip',
  compress: bytes => gzipSync(bytes),
  decompress: (bytes, maxBytes) => gunzipSync(bytes, { maxOutputLength: maxBytes }),
}

export const zstd: Codec = {
  id: 4,
  name: 'zstd',
  compress: bytes => zstdCompressSync(bytes),
  decompress: (bytes, maxBytes) => zstdDecompressSync(bytes, { maxOutputLength: maxBytes }),
}

/** The codecs Node itself brings. */
export const builtInCodecs: readonly Codec[] = [gzip, zstd]

const KAFKA_NAMES: readonly string[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

/** The codec with this number; throws `UnsupportedCodecError` when `codecs` has none. */
export function codecById(id: number, codecs: readonly Codec[]): Codec {
  const codec = codecs.find(candidate => candidate.id === id)
  if (codec !== undefined) return codec
  const known = codecs.map(candidate => candidate.name).join(', ')
  throw new UnsupportedCodecError(
    `The batch is compressed with ${KAFKA_NAMES[id] ?? `codec ${id}`}, which is not available here (available: ${known})`,
  )
}
