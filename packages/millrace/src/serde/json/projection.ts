import { canGenerateCode } from './code.ts'
import { unprojectable } from './projectable.ts'
import { compileScanner } from './scanner.ts'
import { createSlots, type Locate, type SliceBuffer, type Slots, Tag } from './slots.ts'
import { compileTiers, type TierHits } from './tiers.ts'
import { type BuildObject, compileBuilder, slotValue } from './values.ts'

export { Tag } from './slots.ts'

/**
 * Decodes chosen members of JSON objects, with the answers of `JSON.parse`. It keeps what the last scan found
 * and learns from what it reads, so one projection serves one source and one thread.
 */
export interface JsonProjection extends Slots {
  readonly fields: readonly string[]
  /**
   * A fresh object with those of the fields that the record has, in the order of `fields` and without those that are
   * only scanned; a record that is no object is returned as it is. Throws the SyntaxError of `JSON.parse`. The buffer has
   * at least 64 readable bytes behind `end`; they may hold anything.
   */
  decode(buffer: Buffer, start: number, end: number): unknown
  /** The same with all of the fields. */
  decodeAll(buffer: Buffer, start: number, end: number): unknown
  /**
   * Fills the slots without making a value. False: not an object, malformed, or in need of the whole parser;
   * the slots then mean nothing and `decode` has the answer. The same 64 bytes as for `decode`.
   */
  scan(buffer: Buffer, start: number, end: number): boolean
  /**
   * Sees to it that the slots are those of a record whose bytes have not changed since it was last decoded or scanned, and gives a view of
   * its buffer; undefined where `scan` is false.
   */
  viewAt(buffer: Buffer, start: number, end: number): DataView | undefined
  /** The value of field k after a scan that succeeded, while the buffer is unchanged; undefined when absent. */
  value(k: number): unknown
  /** The text of field k, whose tag is one of the three of strings. */
  text(k: number): string
  /** How many records each tier has answered. */
  readonly stats: TierHits
}

/** What a projection is made with; tests force the paths that a process takes only under a flag. */
export interface ProjectionOptions {
  /** False where code must not be generated; by default found out. */
  readonly generate?: boolean
  /** Fields that are scanned and that `decode` leaves out. */
  readonly scannedOnly?: ReadonlySet<string>
}

const nothing: ReadonlySet<string> = new Set()

/** Compiles the decoder of a set of fields; they should be ones that `unprojectable` lets pass, others are decoded whole. */
export function compileProjection(
  fields: readonly string[],
  { generate = canGenerateCode(), scannedOnly = nothing }: ProjectionOptions = {},
): JsonProjection {
  const slots = createSlots(fields.length)
  const hits: TierHits = { layout: 0, scanner: 0, parser: 0 }
  const isGenerated = generate && fields.every(field => unprojectable(field) === undefined)
  const locate = isGenerated ? compileLocate(fields, slots, hits) : never
  const made = fields.filter(field => !scannedOnly.has(field))
  const maker = (names: readonly string[]): Maker => ({
    names,
    build: isGenerated ? compileBuilder(names, fields, slots) : undefined,
  })
  const all = maker(fields)
  return assemble(fields, slots, hits, locate, made.length === fields.length ? all : maker(made), all)
}

/** Makes objects of some of the fields. */
interface Maker {
  readonly names: readonly string[]
  readonly build: BuildObject | undefined
}

function compileLocate(fields: readonly string[], slots: Slots, hits: TierHits): Locate {
  const scanner = compileScanner(
    fields.map(field => Buffer.from(field)),
    slots,
  )
  return compileTiers(fields, slots, scanner, hits)
}

function never(): boolean {
  return false
}

function assemble(
  fields: readonly string[],
  slots: Slots,
  hits: TierHits,
  locate: Locate,
  made: Maker,
  all: Maker,
): JsonProjection {
  let scannedAt = -1
  let current: Buffer | undefined
  let bytes = Buffer.alloc(0) as unknown as SliceBuffer
  let view: DataView = new DataView(new ArrayBuffer(0))

  function scan(buffer: Buffer, start: number, end: number): boolean {
    if (buffer !== current) {
      current = buffer
      bytes = buffer as unknown as SliceBuffer
      view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    }
    const isFound = locate(bytes, view, start, end)
    scannedAt = isFound ? start : -1
    return isFound
  }

  function decode({ names, build }: Maker, buffer: Buffer, start: number, end: number): unknown {
    if (build !== undefined && scan(buffer, start, end)) return build(bytes, view)
    hits.parser++
    return pick(decodeWhole(buffer, start, end), names)
  }

  return {
    fields,
    ...slots,
    stats: hits,
    scan,
    decode: (buffer, start, end) => decode(made, buffer, start, end),
    decodeAll: (buffer, start, end) => decode(all, buffer, start, end),
    viewAt: (buffer, start, end) =>
      (buffer === current && start === scannedAt) || scan(buffer, start, end) ? view : undefined,
    value: k => slotValue(bytes, slots, k),
    text: k => (slots.tags[k]! <= Tag.Escaped ? (slotValue(bytes, slots, k) as string) : ''),
  }
}

/** Decodes all of a record, as `JSON.parse` does. */
export function decodeWhole(buffer: Buffer, start: number, end: number): unknown {
  return JSON.parse((buffer as unknown as SliceBuffer).utf8Slice(start, end))
}

function pick(value: unknown, fields: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const picked: Record<string, unknown> = {}
  for (const field of fields)
    if (Object.hasOwn(value, field)) define(picked, field, (value as Record<string, unknown>)[field])
  return picked
}

/** Defined, not assigned: `__proto__` is a member like any other in JSON. */
function define(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true })
}
