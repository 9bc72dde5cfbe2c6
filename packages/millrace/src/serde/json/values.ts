import { type SliceBuffer, type Slots, Tag } from './slots.ts'
import { StringCache } from './strings.ts'

/** The value in slot k as `JSON.parse` would give it; undefined where the member is absent. */
export function slotValue(bytes: SliceBuffer, slots: Slots, k: number): unknown {
  const start = slots.ranges[2 * k]!
  const end = slots.ranges[2 * k + 1]!
  switch (slots.tags[k]) {
    case Tag.Ascii:
      return bytes.latin1Slice(start, end)
    case Tag.Utf8:
      return bytes.utf8Slice(start, end)
    case Tag.Escaped:
      return JSON.parse(bytes.utf8Slice(start - 1, end + 1))
    case Tag.Number:
      return slots.numbers[k]
    case Tag.True:
      return true
    case Tag.False:
      return false
    case Tag.Null:
      return null
    case Tag.Json:
      return JSON.parse(bytes.utf8Slice(start, end))
    default:
      return undefined
  }
}

/** Makes a fresh object of the slots that are filled. */
export type BuildObject = (bytes: SliceBuffer, view: DataView) => Record<string, unknown>

/** Generates a builder of objects with those names among the fields of a projection: one literal, so one hidden class, while none is absent. */
export function compileBuilder(
  names: readonly string[],
  fields: readonly string[],
  slots: Slots,
): BuildObject {
  const strings = fields.map(field => (names.includes(field) ? new StringCache() : undefined))
  const slotsOf = names.map(name => fields.indexOf(name))
  const read = slotsOf.map(
    k => `const a${k} = T[${k}] === 1 ? s${k}.take(u, v, R[${2 * k}], R[${2 * k + 1}])
  : T[${k}] === 4 ? F[${k}] : slotValue(u, slots, ${k})`,
  )
  const members = slotsOf.map(k => `${JSON.stringify(fields[k])}: a${k}`)
  const partial = slotsOf.map(k => `if (T[${k}] !== 0) o[${JSON.stringify(fields[k])}] = a${k}`)
  const body = `'use strict'
const R = slots.ranges, F = slots.numbers, T = slots.tags
${slotsOf.map(k => `const s${k} = strings[${k}]`).join('\n')}
return function build(u, v) {
  ${read.join('\n')}
  if (${slotsOf.map(k => `T[${k}] !== 0`).join(' && ') || 'true'}) return { ${members.join(', ')} }
  const o = {}
  ${partial.join('\n')}
  return o
}
//# sourceURL=millrace-json-object.js`
  return new Function('slots', 'slotValue', 'strings', body)(slots, slotValue, strings)
}
