/**
 * Pieces of generated source that the scanner and the layouts share. In it `u` is the buffer, `v` a DataView
 * on it, `p` the position, `e` the record's end, `c x m q n` scratch; `R F T` are the slots' arrays. Only
 * integers are ever put into the text.
 */

/** True while code may be made from strings; `--disallow-code-generation-from-strings` forbids it. */
export function canGenerateCode(): boolean {
  try {
    return new Function('return true')() === true
  } catch {
    return false
  }
}

/** Reads at most this far past a position need no check: the buffer has 64 readable bytes behind a record. */
export const FREE_READ_BYTES = 40

/** The condition that the bytes at `base` are not `literal`, four at a time; the last word overlaps the one before. */
export function differs(literal: Uint8Array, base: string): string {
  const view = new DataView(literal.buffer, literal.byteOffset, literal.byteLength)
  const tests: string[] = []
  const { length } = literal
  if (length < 4) return Array.from(literal, (byte, i) => `u[${at(base, i)}] !== ${byte}`).join(' || ')

  for (let i = 0; i + 4 <= length; i += 4) tests.push(wordDiffers(view, base, i))
  if (length % 4 !== 0) tests.push(wordDiffers(view, base, length - 4))
  return tests.join(' || ')
}

function wordDiffers(view: DataView, base: string, offset: number): string {
  return `v.getInt32(${at(base, offset)}, true) !== ${view.getInt32(offset, true)}`
}

function at(base: string, offset: number): string {
  return offset === 0 ? base : `${base} + ${offset}`
}

/**
 * Has the top bit of a byte of x set where that is `"`, `\\`, a control character or above 0x7f. Bits above the first such byte may be false
 * hits: a subtraction borrows only out of a true one.
 */
const stop = (x: string) =>
  `((${x} ^ 0x22222222) - 0x01010101 | (${x} ^ 0x5c5c5c5c) - 0x01010101 | ${x} - 0x20202020 | ${x})`

/** Moves p to the next byte that `stop` finds, eight bytes at a time; false where the record ends before it. */
const toStop = `x = v.getInt32(p, true); y = v.getInt32(p + 4, true)
  m = ${stop('x')} & 0x80808080
  if (m === 0) {
    m = ${stop('y')} & 0x80808080
    p += 4
    if (m === 0) { p += 4; if (p >= e) return false; continue }
  }
  p += (31 - Math.clz32(m & -m)) >> 3
  if (p >= e) return false
  c = u[p]`

/** Moves p, which stands behind the opening quote, onto the closing one; `n` ends as the string's tag. */
export function stringToQuote(): string {
  return `n = 1
for (;;) {
  ${toStop}
  if (c === 34) break
  if (c === 92) { n = 3; p = skipEscape(u, p); if (p < 0 || p >= e) return false }
  else if (c < 32) return false
  else { if (n === 1) n = 2; do p++; while (p < e && u[p] > 127); if (p >= e) return false }
}`
}

/** As above for a member name: one with an escape is left to the whole parser. */
export function nameToQuote(): string {
  return `for (;;) {
  ${toStop}
  if (c === 34) break
  if (c < 128) return false
  do p++; while (p < e && u[p] > 127)
  if (p >= e) return false
}`
}

const FOUR_DIGITS = '((x & 0xf0f0f0f0) | (((x + 0x06060606) & 0xf0f0f0f0) >>> 4)) === 0x33333333'

/**
 * Reads an integer of up to 15 digits at p into n and moves p behind it; anything else goes to \`fallback\`
 * with q at the number's first byte. Four digits at a time: pairs, then the two pairs together.
 */
export function integerAt(fallback: string): string {
  return `q = p; n = 0
x = v.getInt32(p, true)
while (${FOUR_DIGITS} && p < e) {
  x &= 0x0f0f0f0f
  x = (x * 10 + (x >>> 8)) & 0x00ff00ff
  n = n * 10000 + ((x * 100 + (x >>> 16)) & 0xffff)
  p += 4
  x = v.getInt32(p, true)
}
c = u[p]
while (c >= 48 && c <= 57 && p < e) { n = n * 10 + (c - 48); c = u[++p] }
if (p - q > 15 || p === q || c === 46 || (c | 32) === 101 || (u[q] === 48 && p - q > 1)) { ${fallback} }`
}
