/**
 * Writes pieces of JSON at a position and gives the position behind them. The caller has made room: 25 bytes
 * for a number, 3 bytes per unit of a text, 6 per byte of a key and 2 for its quotes.
 */

/** Buffer methods that Node has on every Buffer, though its types leave them out. */
export interface WriteBuffer extends Uint8Array {
  utf8Write(text: string, position: number): number
}

/** Up to this length a loop over the characters beats the call into Node. */
const LOOP_MAX = 24

/** Text as UTF-8. */
export function writeText(u: WriteBuffer, p: number, text: string): number {
  const { length } = text
  if (length > LOOP_MAX) return p + u.utf8Write(text, p)
  for (let i = 0; i < length; i++) {
    const c = text.charCodeAt(i)
    if (c > 127) return p + u.utf8Write(text, p)
    u[p + i] = c
  }
  return p + length
}

/** A number as `JSON.stringify` writes it: NaN and the infinities are null, −0 is 0. */
export function writeNumber(u: WriteBuffer, p: number, n: number): number {
  if (!Number.isSafeInteger(n)) return writeFraction(u, p, n)
  if (n < 0) {
    u[p++] = 45
    n = -n
  }
  if (n < 100_000_000) return writeDigits(u, p, n)
  // Two halves that fit 32 bits: 1700000000123 is 17000 and 00000123.
  const high = Math.floor(n / 100_000_000)
  p = writeDigits(u, p, high)
  let low = (n - high * 100_000_000) | 0
  for (let i = p + 7; i >= p; i--) {
    const rest = (low / 10) | 0
    u[i] = 48 + low - rest * 10
    low = rest
  }
  return p + 8
}

/** Up to this length a text of nothing but digits is the one that its number is written as. */
const DIGITS_MAX = 15

/** The number that `bytes[start, end)` says, as `JSON.stringify` writes it: mostly just as it stands there. */
export function writeCopiedNumber(
  u: WriteBuffer,
  p: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  n: number,
): number {
  if (end - start > DIGITS_MAX) return writeNumber(u, p, n)
  for (let i = start, q = p; i < end; i++, q++) {
    const c = bytes[i]!
    if (c < 48 || c > 57) return writeNumber(u, p, n)
    u[q] = c
  }
  return p + end - start
}

/** Below it a number of thousandths has at most 15 digits. */
const FAST_FRACTION_MAX = 1e12

/**
 * What has at most three decimals, as prices and rates have, is written digit by digit: a double that is the nearest one to a decimal of up to
 * 15 digits has no shorter text than that decimal, for no two of those share a double.
 */
function writeFraction(u: WriteBuffer, p: number, n: number): number {
  const size = Math.abs(n)
  const thousandths = Math.round(size * 1000)
  if (!(size < FAST_FRACTION_MAX) || thousandths / 1000 !== size || thousandths === 0)
    return writeText(u, p, Number.isFinite(n) ? String(n) : 'null')
  if (n < 0) u[p++] = 45
  const whole = Math.floor(thousandths / 1000)
  const decimals = thousandths - whole * 1000
  p = writeNumber(u, p, whole)
  u[p++] = 46
  const tenths = (decimals / 100) | 0
  u[p++] = 48 + tenths
  const rest = decimals - tenths * 100
  if (rest === 0) return p
  const hundredths = (rest / 10) | 0
  u[p++] = 48 + hundredths
  const last = rest - hundredths * 10
  if (last !== 0) u[p++] = 48 + last
  return p
}

function writeDigits(u: WriteBuffer, p: number, n: number): number {
  let left = n | 0
  let end = p + 1
  for (let bound = 10; left >= bound; bound *= 10) end++
  for (let i = end - 1; i >= p; i--) {
    const rest = (left / 10) | 0
    u[i] = 48 + left - rest * 10
    left = rest
  }
  return end
}

/** The bytes of a string, in quotes. ASCII that needs no escape is copied; anything else goes through `JSON.stringify`. */
export function writeQuoted(
  u: WriteBuffer,
  p: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  let q = p
  u[q++] = 34
  for (let i = start; i < end; i++) {
    const c = bytes[i]!
    if (c < 32 || c > 126 || c === 34 || c === 92)
      return writeText(u, p, JSON.stringify(decode(bytes, start, end)))
    u[q++] = c
  }
  u[q++] = 34
  return q
}

/** Longer strings are quoted by the runtime. */
const QUOTE_LOOP_MAX = 48

/** A string as `JSON.stringify` writes it. The caller has made room for 6 bytes per unit and 2 for the quotes. */
export function writeString(u: WriteBuffer, p: number, text: string): number {
  const { length } = text
  if (length > QUOTE_LOOP_MAX) return writeText(u, p, JSON.stringify(text))
  u[p] = 34
  for (let i = 0; i < length; i++) {
    const c = text.charCodeAt(i)
    if (c < 32 || c > 126 || c === 34 || c === 92) return writeText(u, p, JSON.stringify(text))
    u[p + 1 + i] = c
  }
  u[p + 1 + length] = 34
  return p + length + 2
}

/** Bytes that are JSON already. */
export function writeRaw(u: WriteBuffer, p: number, bytes: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) u[p++] = bytes[i]!
  return p
}

export function decode(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8')
}

/** The JSON text of a member, or undefined where `JSON.stringify` leaves the member out. */
export function memberText(value: unknown, name: string): string | undefined {
  if (value === null) return 'null'
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  // toJSON is told the member's name, so such a value is written as the member it is.
  if (typeof value === 'bigint' || hasToJson(value)) {
    const text = JSON.stringify({ [name]: value })
    return text === '{}' ? undefined : text.slice(JSON.stringify(name).length + 2, -1)
  }
  return JSON.stringify(value)
}

function hasToJson(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { toJSON?: unknown }).toJSON === 'function'
  )
}
