import { copyWords } from './copy-words.ts'
import { type Constant, isComputed, isOf, type PickedField, type PickedMember } from './picked.ts'
import type { ByteSink } from './sink.ts'
import type { SliceBuffer, Slots } from './slots.ts'
import { writeCopiedNumber, writeNumber, writeString, writeText } from './text.ts'
import { slotValue } from './values.ts'
import { literal, NUMBER_BYTES_MAX } from './writer.ts'

/** What is written of the row: one range for each run of members that are of the row or constant, each of them with a comma before it. */
export interface RowTexts {
  /** With eight readable bytes behind the last range. */
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Where the ranges of a row lie: run r of the row at i is `[bounds[i + r], bounds[i + r + 1])`. */
  readonly bounds: Int32Array
}

/** Members that follow one another and are written in the same way. */
type Run = readonly PickedMember[]

/**
 * Appends the object that is picked of a value whose fields a scan has found in `bytes`, of the row whose texts are at `i`, and of the `result` of
 * the callback, where that computes members. False, having appended nothing, where a member is an object or an array.
 */
export type WritePicked = (
  sink: ByteSink,
  bytes: SliceBuffer,
  view: DataView,
  row: RowTexts,
  i: number,
  result?: unknown,
) => boolean

/** The runs of members that are of the row or constant: what `RowTexts` has ranges for. */
export function rowRuns(members: readonly PickedMember[]): Run[] {
  return runsOf(members).filter(([first]) => originOf(first!) === 'row')
}

function originOf(member: PickedMember): 'value' | 'computed' | 'row' {
  if (isComputed(member)) return 'computed'
  return isOf(member, 0) ? 'value' : 'row'
}

function runsOf(members: readonly PickedMember[]): Run[] {
  const runs: PickedMember[][] = []
  members.forEach((member, i) => {
    const isNew = i === 0 || originOf(member) !== originOf(members[i - 1]!)
    if (isNew) runs.push([member])
    else runs.at(-1)!.push(member)
  })
  return runs
}

/** Generates the writer of one callback's objects; `fields` are those of the projection that the slots belong to. */
export function compilePickedWriter(
  members: readonly PickedMember[],
  fields: readonly string[],
  slots: Slots,
): WritePicked {
  const tools = { copyWords, slotValue, writeCopiedNumber, writeNumber, writeString, writeText }
  const make = new Function('slots', ...Object.keys(tools), source(members, fields))
  return make(slots, ...Object.values(tools))
}

/**
 * Every member is written with a comma before it, and the first comma then becomes the opening brace. Words are copied whole, so up to seven
 * bytes behind a range are overwritten.
 */
function source(members: readonly PickedMember[], fields: readonly string[]): string {
  const ofValue = members.filter(member => isOf(member, 0))
  const slotOf = ({ field }: PickedField) => fields.indexOf(field)
  const computed = members.filter(isComputed)
  const fixed = [...ofValue, ...computed].reduce((sum, member) => sum + fixedBytes(member), 16)
  const rows = rowRuns(members).length
  let run = 0
  const parts = runsOf(members).flatMap(each => {
    if (originOf(each[0]!) === 'row') return [rowCode(run++)]
    return each.map(member =>
      isComputed(member)
        ? computedCode(member, computed.indexOf(member))
        : memberCode(member as PickedField & PickedMember, slotOf(member as never)),
    )
  })
  const used = [...new Set(ofValue.map(slotOf))]
  return `'use strict'
const R = slots.ranges, F = slots.numbers, T = slots.tags
let current, v
return function write(sink, bytes, view, row, i, result) {
  ${used.map(k => `if (T[${k}] === 8) return false`).join('\n  ')}
  ${computed.map(({ name }, j) => `const c${j} = result[${JSON.stringify(name)}]`).join('\n  ')}
  ${computed.map((_, j) => `if (${isLeftToStringify(`c${j}`)}) return false`).join('\n  ')}
  const bounds = row.bounds
  let room = ${fixed}${rows === 0 ? '' : ` + bounds[i + ${rows}] - bounds[i]`}
  ${ofValue.map(member => `if (T[${slotOf(member)}] <= 3) room += 6 * (R[${2 * slotOf(member) + 1}] - R[${2 * slotOf(member)}])`).join('\n  ')}
  ${computed.map((_, j) => `if (typeof c${j} === 'string') room += 6 * c${j}.length`).join('\n  ')}
  sink.ensure(room)
  const u = sink.buffer, s = sink.position
  if (u !== current) { current = u; v = new DataView(u.buffer, u.byteOffset, u.byteLength) }
  let p = s
  ${parts.join('\n  ')}
  if (p === s) p++
  u[s] = 123
  u[p] = 125
  sink.position = p + 1
  return true
}
//# sourceURL=millrace-json-picked-writer.js`
}

/** The longest of what a member takes beside the text of a string. */
function fixedBytes(member: PickedMember): number {
  const otherwise = isOf(member, 0) ? otherwiseOf(member) : undefined
  return prefixOf(member).length + Math.max(NUMBER_BYTES_MAX, otherwise?.length ?? 0) + 8
}

function prefixOf({ name }: PickedMember): Buffer {
  return Buffer.from(`,${JSON.stringify(name)}:`)
}

function otherwiseOf({ otherwise }: PickedField): Buffer | undefined {
  return otherwise === undefined ? undefined : Buffer.from(textOf(otherwise))
}

/** A constant as it is written. */
export function textOf(constant: Constant): string {
  return JSON.stringify(constant)
}

function memberCode(member: PickedMember & PickedField, k: number): string {
  const prefix = prefixOf(member)
  const name = `${literal(prefix)}; p += ${prefix.length}`
  const write = (text: Buffer | string) =>
    `${name}; ${literal(Buffer.from(text))}; p += ${Buffer.from(text).length}`
  const from = `R[${2 * k}]`
  const to = `R[${2 * k + 1}]`
  const otherwise = otherwiseOf(member)
  return `switch (T[${k}]) {
    case 1: ${name}; copyWords(view, ${from} - 1, ${to} + 1, v, p); p += ${to} - ${from} + 2; break
    case 4: ${name}; p = writeCopiedNumber(u, p, bytes, ${from}, ${to}, F[${k}]); break
    case 0: ${otherwise === undefined ? '' : `${write(otherwise)};`} break
    case 5: ${write('true')}; break
    case 6: ${write('false')}; break
    case 7: ${write(otherwise ?? 'null')}; break
    default: ${name}; p = writeString(u, p, slotValue(bytes, slots, ${k}))
  }`
}

/** Whether a computed value is written by `JSON.stringify`, which may call it, throw, or leave it out. */
function isLeftToStringify(value: string): string {
  return `(typeof ${value} === 'object' && ${value} !== null) || typeof ${value} === 'bigint' || typeof ${value} === 'function' || typeof ${value} === 'symbol'`
}

function computedCode(member: PickedMember, j: number): string {
  const prefix = prefixOf(member)
  const c = `c${j}`
  return `if (${c} !== undefined) {
    ${literal(prefix)}; p += ${prefix.length}
    p = typeof ${c} === 'number' ? writeNumber(u, p, ${c}) : typeof ${c} === 'string' ? writeString(u, p, ${c}) : writeText(u, p, String(${c}))
  }`
}

function rowCode(run: number): string {
  return `{ const from = bounds[i + ${run}], to = bounds[i + ${run + 1}]; copyWords(row.view, from, to, v, p); p += to - from }`
}
