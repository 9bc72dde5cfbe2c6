import { crcTables } from './crc32c-tables.ts'
import { wasmCrc } from './crc32c-wasm.ts'

const TABLES = crcTables()
const continueInWasm = wasmCrc(TABLES)

/** Below it the copy into WebAssembly memory costs more than it saves. */
const WASM_BYTES_MIN = 192

/** CRC-32C (Castagnoli) of `bytes[start, end)`, as an unsigned 32-bit integer. */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  if (continueInWasm === undefined || end - start < WASM_BYTES_MIN) {
    return ~crc32cByTables(-1, bytes, start, end) >>> 0
  }
  return ~continueInWasm(-1, bytes, start, end) >>> 0
}

/** Continues an inverted CRC over `bytes[start, end)`, eight bytes a step. */
export function crc32cByTables(crc: number, bytes: Uint8Array, start: number, end: number): number {
  const t = TABLES
  let at = start
  if (end - start >= 16) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (const last = end - 8; at <= last; at += 8) {
      const a = crc ^ view.getInt32(at, true)
      const b = view.getInt32(at + 4, true)
      crc =
        t[1792 + (a & 255)]! ^
        t[1536 + ((a >>> 8) & 255)]! ^
        t[1280 + ((a >>> 16) & 255)]! ^
        t[1024 + (a >>> 24)]! ^
        t[768 + (b & 255)]! ^
        t[512 + ((b >>> 8) & 255)]! ^
        t[256 + ((b >>> 16) & 255)]! ^
        t[b >>> 24]!
    }
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ t[(crc ^ bytes[at]!) & 255]!
  return crc
}
