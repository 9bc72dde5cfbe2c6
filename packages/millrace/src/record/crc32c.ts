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

/** The polynomial, lowest power in the highest bit. */
const POLYNOMIAL = 0x82f63b78
const ONE = 0x80000000 | 0

/**
 * The CRC of bytes some of which were changed, from the CRC they had: `bytes[start, end)` are the changed ones as they are now, `was` as they
 * were, and `rest` is the number of unchanged bytes behind them that the CRC covers as well. Costs as much for long batches as
 * for short ones. A CRC that was wrong before is wrong behind.
 */
export function crc32cChanged(
  crc: number,
  was: Uint8Array,
  bytes: Uint8Array,
  start: number,
  end: number,
  rest: number,
): number {
  // A CRC is linear: the difference of two of them depends on the difference of the bytes alone.
  const difference = crc32cByTables(0, was, 0, end - start) ^ crc32cByTables(0, bytes, start, end)
  return (crc ^ times(difference, powerOfX(8 * rest))) >>> 0
}

/** The product of two polynomials, modulo the CRC's. */
function times(a: number, b: number): number {
  let product = 0
  for (let bit = ONE; bit !== 0 && a !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) {
      product ^= b
      a ^= bit
    }
    b = (b & 1) !== 0 ? (b >>> 1) ^ POLYNOMIAL : b >>> 1
  }
  return product
}

/** x to the power of `n`, modulo the CRC's polynomial. */
function powerOfX(n: number): number {
  let power = ONE
  let square = ONE >>> 1
  for (let left = n; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) power = times(power, square)
    square = times(square, square)
  }
  return power
}
