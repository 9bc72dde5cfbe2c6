import type { ByteSink } from '../sink.ts'
import { canGenerateCode } from './code.ts'
import { memberText, writeNumber, writeString, writeText } from './text.ts'
import { literal, NUMBER_BYTES_MAX } from './writer.ts'

/** A callback makes objects of one shape, or of few. */
const SHAPES_MAX = 4
const MEMBERS_MAX = 32
/** After so many misses in a row writers stand aside for so many objects, and longer each time. */
const MISSES_MAX = 64
const PAUSE = 4096
const PAUSE_MAX = 1 << 20

/** Writes an object of one shape; false, having written nothing, for any other value. */
type WriteShape = (sink: ByteSink, value: object) => boolean

/**
 * Writes plain objects as `JSON.stringify` would, straight into bytes: code is generated for the names and order of members that come
 * again. Values of any other kind are left to the caller.
 */
export class ObjectWriter {
  readonly #writers: WriteShape[] = []
  #misses = 0
  #pause: number
  #nextPause = PAUSE

  constructor({ generate = canGenerateCode() }: { readonly generate?: boolean } = {}) {
    this.#pause = generate ? 0 : Number.POSITIVE_INFINITY
  }

  /** Appends the value; false, having appended nothing, when `JSON.stringify` has to do it. Throws what that throws for a member. */
  write(sink: ByteSink, value: unknown): boolean {
    if (this.#pause > 0) {
      this.#pause--
      return false
    }
    if (typeof value !== 'object' || value === null) return false
    for (const write of this.#writers) {
      if (!write(sink, value)) continue
      this.#misses = 0
      return true
    }
    return this.#learn(value)?.(sink, value) ?? false
  }

  #learn(value: object): WriteShape | undefined {
    if (++this.#misses > MISSES_MAX) {
      this.#pause = this.#nextPause
      this.#nextPause = Math.min(this.#nextPause * 4, PAUSE_MAX)
      this.#misses = 0
    }
    if (this.#writers.length === SHAPES_MAX || !isPlain(value)) return undefined
    const names = Object.keys(value)
    if (names.length === 0 || names.length > MEMBERS_MAX) return undefined
    const write = compileShape(names)
    this.#writers.push(write)
    return write
  }
}

/** Nothing but its own members says how it is written. */
function isPlain(value: object): boolean {
  return Object.getPrototypeOf(value) === Object.prototype && !('toJSON' in value)
}

function compileShape(names: readonly string[]): WriteShape {
  const tools = { isPlain, memberText, writeNumber, writeString, writeText }
  const make = new Function('names', ...Object.keys(tools), source(names))
  return make([...names, undefined], ...Object.values(tools))
}

/**
 * Members are looked at in the order of `JSON.stringify`, and everything that can throw or refuse comes before the first byte. Every
 * member is written with a comma before it, and the first comma then becomes the opening brace.
 */
function source(names: readonly string[]): string {
  const prefixes = names.map(name => Buffer.from(`,${JSON.stringify(name)}:`))
  // Names are written in whole words, so the last one may spill over by three bytes.
  const fixed = prefixes.reduce((sum, { length }) => sum + length + NUMBER_BYTES_MAX, 8)
  const each = (code: (k: number) => string) => names.map((_, k) => code(k)).join('\n  ')
  return `'use strict'
let current, v
return function write(sink, o) {
  if (!isPlain(o)) return false
  let i = 0
  for (const name in o) if (name !== names[i++]) return false
  if (i !== ${names.length}) return false
  let room = ${fixed}
  ${each(k => `const a${k} = o[${JSON.stringify(names[k])}]`)}
  ${each(k => `let t${k} = ''`)}
  ${each(
    k => `if (typeof a${k} === 'string') room += 6 * a${k}.length
  else if (typeof a${k} !== 'number') { t${k} = memberText(a${k}, names[${k}]); if (t${k} !== undefined) room += 3 * t${k}.length }`,
  )}
  sink.ensure(room)
  const u = sink.buffer, s = sink.position
  if (u !== current) { current = u; v = new DataView(u.buffer, u.byteOffset, u.byteLength) }
  let p = s
  ${each(
    k => `if (t${k} !== undefined) {
    ${literal(prefixes[k]!)}; p += ${prefixes[k]!.length}
    p = typeof a${k} === 'number' ? writeNumber(u, p, a${k}) : typeof a${k} === 'string' ? writeString(u, p, a${k}) : writeText(u, p, t${k})
  }`,
  )}
  if (p === s) p++
  u[s] = 123
  u[p] = 125
  sink.position = p + 1
  return true
}
//# sourceURL=millrace-json-object-writer.js`
}
