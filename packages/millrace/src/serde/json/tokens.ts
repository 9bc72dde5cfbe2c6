/**
 * Strict JSON tokens over bytes. Each function takes the position of a token's first byte and gives the
 * position behind it, or -1 where `JSON.parse` would refuse or where its answer needs the whole parser.
 *
 * Positions may run a few bytes past `end` into the next record before they are caught: callers accept a
 * record only when its last token ends at `end` exactly, and a position never goes back.
 */
import { type SliceBuffer, type Slots, Tag } from './slots.ts'

/** Nesting deeper than this is left to `JSON.parse`, so that hostile input cannot exhaust the stack. */
const DEPTH_MAX = 64
/** Integers and decimals of up to this many digits are exact when made digit by digit. */
const DIGITS_MAX = 15
const POWERS_OF_TEN = Float64Array.from({ length: DIGITS_MAX + 1 }, (_, exponent) => 10 ** exponent)

export function skipSpace(u: Uint8Array, p: number, end: number): number {
  while (p < end) {
    const c = u[p]!
    if (c !== 32 && c !== 10 && c !== 13 && c !== 9) return p
    p++
  }
  return p
}

/** `p` stands on the backslash. An escape is stepped over as a unit, so that `\\"` ends where it should. */
export function skipEscape(u: Uint8Array, p: number): number {
  switch (u[p + 1]) {
    case 34: // "
    case 92: // \
    case 47: // /
    case 98: // b
    case 102: // f
    case 110: // n
    case 114: // r
    case 116: // t
      return p + 2
    case 117: // u
      return isHex(u[p + 2]!) && isHex(u[p + 3]!) && isHex(u[p + 4]!) && isHex(u[p + 5]!) ? p + 6 : -1
    default:
      return -1
  }
}

function isHex(c: number): boolean {
  return (c >= 48 && c <= 57) || ((c | 32) >= 97 && (c | 32) <= 102)
}

/** `p` stands behind the opening quote; the answer is the closing quote's position, `tagOf` says what lies between. */
function stringEnd(u: Uint8Array, p: number, end: number): number {
  while (p < end) {
    const c = u[p]!
    if (c === 34) return p
    if (c === 92) {
      p = skipEscape(u, p)
      if (p < 0) return -1
    } else if (c < 32) return -1
    else p++
  }
  return -1
}

function tagOf(u: Uint8Array, start: number, end: number): number {
  let tag: number = Tag.Ascii
  for (let p = start; p < end; p++) {
    const c = u[p]!
    if (c === 92) return Tag.Escaped
    if (c > 127) tag = Tag.Utf8
  }
  return tag
}

/** The end of a number by the JSON grammar: no `01`, `1.`, `+1`, `.5`. */
function numberEnd(u: Uint8Array, p: number, end: number): number {
  if (u[p] === 45) p++
  p = u[p] === 48 ? p + 1 : digitsEnd(u, p, end)
  if (p >= 0 && u[p] === 46) p = digitsEnd(u, p + 1, end)
  if (p >= 0 && (u[p]! | 32) === 101) {
    const sign = u[p + 1]
    p = digitsEnd(u, sign === 43 || sign === 45 ? p + 2 : p + 1, end)
  }
  return p
}

/** Behind one or more digits. */
function digitsEnd(u: Uint8Array, p: number, end: number): number {
  const start = p
  while (p < end && u[p]! >= 48 && u[p]! <= 57) p++
  return p > start ? p : -1
}

/** The value of a number whose grammar is checked. */
function numberValue(u: SliceBuffer, start: number, end: number): number {
  const negative = u[start] === 45
  let value = 0
  let digits = 0
  let point = -1
  for (let p = negative ? start + 1 : start; p < end; p++) {
    const c = u[p]!
    if (c === 46) point = digits
    else if (c > 57 || ++digits > DIGITS_MAX) return Number(u.latin1Slice(start, end))
    else value = value * 10 + (c - 48)
  }
  if (point >= 0) value /= POWERS_OF_TEN[digits - point]!
  return negative ? -value : value
}

/** Skips any value and, with `k` ≥ 0, puts it into slot k. The general way, for what generated code does not do itself. */
export function takeValue(u: SliceBuffer, p: number, end: number, slots: Slots, k: number): number {
  const c = u[p]!
  let q: number
  let tag: number
  if (c === 34) {
    q = stringEnd(u, p + 1, end)
    if (q < 0) return -1
    if (k >= 0) put(slots, k, tagOf(u, p + 1, q), p + 1, q)
    return q + 1
  }
  if (c === 45 || (c >= 48 && c <= 57)) {
    q = numberEnd(u, p, end)
    if (q >= 0 && k >= 0) slots.numbers[k] = numberValue(u, p, q)
    tag = Tag.Number
  } else if (c === 123 || c === 91) {
    q = skipNested(u, p, end, 1)
    tag = Tag.Json
  } else {
    q = wordEnd(u, p)
    tag = c === 116 ? Tag.True : c === 102 ? Tag.False : Tag.Null
  }
  if (q >= 0 && k >= 0) put(slots, k, tag, p, q)
  return q
}

function put(slots: Slots, k: number, tag: number, start: number, end: number): void {
  slots.tags[k] = tag
  slots.ranges[2 * k] = start
  slots.ranges[2 * k + 1] = end
}

function wordEnd(u: Uint8Array, p: number): number {
  const c = u[p]
  if (c === 116) return u[p + 1] === 114 && u[p + 2] === 117 && u[p + 3] === 101 ? p + 4 : -1
  if (c === 110) return u[p + 1] === 117 && u[p + 2] === 108 && u[p + 3] === 108 ? p + 4 : -1
  if (c !== 102) return -1
  return u[p + 1] === 97 && u[p + 2] === 108 && u[p + 3] === 115 && u[p + 4] === 101 ? p + 5 : -1
}

function skipAny(u: Uint8Array, p: number, end: number, depth: number): number {
  const c = u[p]!
  if (c === 34) {
    const q = stringEnd(u, p + 1, end)
    return q < 0 ? -1 : q + 1
  }
  if (c === 123 || c === 91) return depth >= DEPTH_MAX ? -1 : skipNested(u, p, end, depth + 1)
  return c === 45 || (c >= 48 && c <= 57) ? numberEnd(u, p, end) : wordEnd(u, p)
}

/** `p` stands on the opening bracket. Members are checked one by one: counting brackets would accept what the parser refuses. */
function skipNested(u: Uint8Array, p: number, end: number, depth: number): number {
  const isObject = u[p] === 123
  const closing = isObject ? 125 : 93
  p = skipSpace(u, p + 1, end)
  if (u[p] === closing) return p + 1
  while (p < end) {
    if (isObject) {
      p = skipKey(u, p, end)
      if (p < 0) return -1
    }
    p = skipAny(u, p, end, depth)
    if (p < 0) return -1
    p = skipSpace(u, p, end)
    if (u[p] === closing) return p + 1
    if (u[p] !== 44) return -1
    p = skipSpace(u, p + 1, end)
  }
  return -1
}

function skipKey(u: Uint8Array, p: number, end: number): number {
  if (u[p] !== 34) return -1
  p = stringEnd(u, p + 1, end)
  if (p < 0) return -1
  p = skipSpace(u, p + 1, end)
  return u[p] === 58 ? skipSpace(u, p + 1, end) : -1
}
