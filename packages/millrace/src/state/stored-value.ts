import { deserialize, serialize } from 'node:v8'
import type { ObjectCodec } from './row-codec.ts'

/** The member under which what is no JSON is stored. */
const tag = '\u0000v8'

/**
 * Stores values of any kind that can be copied: JSON as itself, and whatever holds a bigint, bytes, a Date or the like as V8
 * writes it. A row that nobody has set is null.
 */
export const storedValue: ObjectCodec = {
  initial: () => null,
  encode: value => (isJson(value) ? value : { [tag]: serialize(value).toString('base64') }),
  decode: stored => (isTagged(stored) ? deserialize(Buffer.from(stored[tag]!, 'base64')) : stored),
}

function isTagged(stored: unknown): stored is Record<string, string> {
  return typeof stored === 'object' && stored !== null && Object.hasOwn(stored, tag)
}

/** Whether `JSON.parse` gives back what `JSON.stringify` writes of it. */
function isJson(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
    case 'object':
      return value === null || (Array.isArray(value) ? value.every(isJson) : isJsonObject(value))
    default:
      return false
  }
}

function isJsonObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if ((prototype !== Object.prototype && prototype !== null) || 'toJSON' in value) return false
  for (const name in value) {
    const member = (value as Record<string, unknown>)[name]
    // A member that is undefined is absent once it has been written.
    if (name === tag || (member !== undefined && !isJson(member))) return false
  }
  return true
}
