import { differs, FREE_READ_BYTES, integerAt, stringToQuote } from './code.ts'
import type { Locate, SliceBuffer, Slots } from './slots.ts'
import { skipEscape, skipSpace, takeValue } from './tokens.ts'

/** Records with more members or longer text between the values are left to the scanner: their code would be large. */
const MEMBERS_MAX = 64
const LITERAL_BYTES_MAX = 512

/** One value of a layout: the exact bytes before it, and the field it fills (-1: none). */
interface Hole {
  readonly literal: Uint8Array
  readonly k: number
  /** First byte of the value when the layout was learned; only what the generated code tests first. */
  readonly firstByte: number
}

/** The way one writer spells its records: everything but the values, byte for byte. */
export interface Layout {
  readonly holes: readonly Hole[]
  readonly tail: Uint8Array
}

/**
 * Reads the layout off a record that the scanner has accepted; undefined when it is not worth having.
 *
 * From the raw bytes, because only they hold the writer's order and spacing.
 */
export function learnLayout(
  u: SliceBuffer,
  start: number,
  end: number,
  fields: readonly string[],
  slots: Slots,
): Layout | undefined {
  const holes: Hole[] = []
  let literalStart = start
  let p = skipSpace(u, skipSpace(u, start, end) + 1, end)
  while (u[p] === 34) {
    const nameEnd = takeValue(u, p, end, slots, -1)
    const name = u.utf8Slice(p + 1, nameEnd - 1)
    p = skipSpace(u, skipSpace(u, nameEnd, end) + 1, end)
    if (holes.length === MEMBERS_MAX || p - literalStart > LITERAL_BYTES_MAX) return undefined
    holes.push({ literal: copy(u, literalStart, p), k: fields.indexOf(name), firstByte: u[p]! })
    p = takeValue(u, p, end, slots, -1)
    literalStart = p
    p = skipSpace(u, p, end)
    if (u[p] === 44) p = skipSpace(u, p + 1, end)
  }
  if (holes.length === 0 || end - literalStart > LITERAL_BYTES_MAX) return undefined
  return { holes, tail: copy(u, literalStart, end) }
}

function copy(u: Uint8Array, start: number, end: number): Uint8Array {
  return Uint8Array.from(u.subarray(start, end))
}

/** Whether two layouts accept the same bytes. */
export function sameLayout(a: Layout, b: Layout): boolean {
  return (
    a.holes.length === b.holes.length &&
    Buffer.compare(a.tail, b.tail) === 0 &&
    a.holes.every((hole, i) => Buffer.compare(hole.literal, b.holes[i]!.literal) === 0)
  )
}

/** Generates the matcher of one layout. A value may change its type without a miss; any other byte may not change. */
export function compileLayout(layout: Layout, fieldCount: number, slots: Slots): Locate {
  const make = new Function('slots', 'skipEscape', 'takeValue', source(layout, fieldCount))
  return make(slots, skipEscape, takeValue)
}

function source({ holes, tail }: Layout, fieldCount: number): string {
  const missing = Array.from({ length: fieldCount }, (_, k) => k).filter(k =>
    holes.every(hole => hole.k !== k),
  )
  return `'use strict'
const R = slots.ranges, F = slots.numbers, T = slots.tags
return function layout(u, v, s, e) {
  let p = s, c = 0, x = 0, y = 0, m = 0, n = 0, q = 0
  ${missing.map(k => `T[${k}] = 0`).join('\n')}
  ${holes.map(hole => `${literal(hole.literal)}\n${value(hole)}`).join('\n')}
  ${literal(tail)}
  return p === e
}
//# sourceURL=millrace-json-layout.js`
}

function literal(bytes: Uint8Array): string {
  const bound = bytes.length > FREE_READ_BYTES ? `p + ${bytes.length} > e || ` : ''
  return `if (${bound}${differs(bytes, 'p')}) return false\np += ${bytes.length}`
}

function value({ k, firstByte }: Hole): string {
  const general = `p = takeValue(u, p, e, slots, ${k})\nif (p < 0) return false`
  if (firstByte === 34)
    return `if (u[p] === 34) {
  q = ++p
  ${stringToQuote()}
  ${k < 0 ? '' : `T[${k}] = n; R[${2 * k}] = q; R[${2 * k + 1}] = p`}
  p++
} else { ${general} }`
  if (firstByte < 48 || firstByte > 57) return general
  const store = `T[${k}] = 4; F[${k}] = n; R[${2 * k}] = q; R[${2 * k + 1}] = p`
  return `${integerAt(`p = takeValue(u, q, e, slots, ${k}); if (p < 0) return false`)}
  ${k < 0 ? '' : `else { ${store} }`}`
}
