import { canGenerateCode } from './code.ts'
import type { ByteSink } from './sink.ts'
import {
  decode,
  memberText,
  type WriteBuffer,
  writeNumber,
  writeQuoted,
  writeRaw,
  writeText,
} from './text.ts'

/**
 * One member of a row, written in the order of the shape. `number`: from `numbers`; `value`: any value from
 * `values`, left out where `JSON.stringify` leaves it out; `text`: the given bytes as a string, quoted;
 * `raw`: the given bytes as they are, which must be JSON (the key bytes of numbers, booleans and objects).
 */
export interface RowMember {
  readonly name: string
  readonly from: 'number' | 'value' | 'text' | 'raw'
}

/** Writes rows of one shape as JSON: fill `numbers` and `values` by member index, then call `write`. */
export interface RowWriter {
  readonly numbers: Float64Array
  readonly values: unknown[]
  /**
   * Appends one row; `bytes[start, end)` is what its `text` and `raw` members take. Throws what
   * `JSON.stringify` throws for one of the values; nothing is written then.
   */
  write(sink: ByteSink, bytes: Uint8Array, start: number, end: number): void
}

/** What a writer is made with; tests force the paths that a process takes only under a flag. */
export interface RowWriterOptions {
  /** False where code must not be generated; by default found out. */
  readonly generate?: boolean
}

/** A number takes at most 25 bytes (`-1.2345678901234567e-300`). */
export const NUMBER_BYTES_MAX = 25

/** Compiles the writer of one shape; its output equals `JSON.stringify` of the same object. */
export function compileRowWriter(
  shape: readonly RowMember[],
  { generate = canGenerateCode() }: RowWriterOptions = {},
): RowWriter {
  const numbers = new Float64Array(shape.length)
  const values: unknown[] = shape.map(() => undefined)
  const write = generate ? compileWrite(shape, numbers, values) : plainWrite(shape, numbers, values)
  return { numbers, values, write }
}

function compileWrite(
  shape: readonly RowMember[],
  numbers: Float64Array,
  values: unknown[],
): RowWriter['write'] {
  const tools = { memberText, writeNumber, writeQuoted, writeRaw, writeText }
  const names = Object.keys(tools)
  const make = new Function('numbers', 'values', ...names, source(shape))
  return make(numbers, values, ...Object.values(tools))
}

/**
 * Every member is written with a comma before it, and the first comma then becomes the opening brace. Texts
 * are made before the first byte, so a value that throws leaves no half row.
 */
function source(shape: readonly RowMember[]): string {
  const names = shape.map(({ name }) => Buffer.from(`,${JSON.stringify(name)}:`))
  const texts = shape.flatMap(({ from, name }, k) =>
    from === 'value' ? [`const t${k} = memberText(values[${k}], ${JSON.stringify(name)})`] : [],
  )
  return `'use strict'
let current, v
return function write(sink, bytes, start, end) {
  ${texts.join('\n')}
  sink.ensure(${room(shape, names)})
  const u = sink.buffer, s = sink.position
  if (u !== current) { current = u; v = new DataView(u.buffer, u.byteOffset, u.byteLength) }
  let p = s
  ${shape.map((member, k) => memberCode(member, k, names[k]!)).join('\n')}
  if (p === s) p++
  u[s] = 123
  u[p] = 125
  sink.position = p + 1
}
//# sourceURL=millrace-json-row.js`
}

function room(shape: readonly RowMember[], names: readonly Buffer[]): string {
  // Names are written in whole words, so the last one may spill over by three bytes.
  let fixed = 8
  const parts: string[] = []
  shape.forEach(({ from }, k) => {
    fixed += names[k]!.length + (from === 'number' ? NUMBER_BYTES_MAX : 2)
    if (from === 'value') parts.push(`(t${k} === undefined ? 0 : 3 * t${k}.length)`)
    if (from === 'text' || from === 'raw') parts.push('6 * (end - start)')
  })
  return [fixed, ...parts].join(' + ')
}

function memberCode({ from }: RowMember, k: number, name: Buffer): string {
  const prefix = `${literal(name)}; p += ${name.length}`
  switch (from) {
    case 'number':
      return `${prefix}; p = writeNumber(u, p, numbers[${k}])`
    case 'text':
      return `${prefix}; p = writeQuoted(u, p, bytes, start, end)`
    case 'raw':
      return `${prefix}; p = writeRaw(u, p, bytes, start, end)`
    case 'value':
      return `if (t${k} !== undefined) { ${prefix}; p = writeText(u, p, t${k}) }`
  }
}

/** Stores that put `bytes` at `p`, in whole words: up to three bytes behind them are overwritten. */
export function literal(bytes: Buffer): string {
  const words = Buffer.alloc(Math.ceil(bytes.length / 4) * 4)
  bytes.copy(words)
  const stores: string[] = []
  for (let i = 0; i < words.length; i += 4) stores.push(`v.setInt32(p + ${i}, ${words.readInt32LE(i)}, true)`)
  return stores.join('; ')
}

function plainWrite(
  shape: readonly RowMember[],
  numbers: Float64Array,
  values: unknown[],
): RowWriter['write'] {
  return (sink, bytes, start, end) => {
    const members = shape.flatMap(({ name, from }, k) => {
      const text = plainText(from, name, k)
      return text === undefined ? [] : [`${JSON.stringify(name)}:${text}`]
    })
    const row = `{${members.join(',')}}`
    sink.ensure(row.length * 3)
    sink.position = writeText(sink.buffer as unknown as WriteBuffer, sink.position, row)

    function plainText(from: RowMember['from'], name: string, k: number): string | undefined {
      if (from === 'number') return JSON.stringify(numbers[k])
      if (from === 'value') return memberText(values[k], name)
      const text = decode(bytes, start, end)
      return from === 'text' ? JSON.stringify(text) : text
    }
  }
}
