import { deserialize, serialize } from 'node:v8'

/** The member under which what is no JSON is packed. */
const tag = '\u0000v8'
/** What the JSON of every packed value holds, and almost no other. */
export const packedTagText = '\\u0000'

/** Gives something `JSON.stringify` keeps whole: JSON as itself, and whatever holds a bigint, bytes, a Date or the like as V8 writes it. */
export function packValue(value: unknown): unknown {
  return isJson(value) ? value : { [tag]: serialize(value).toString('base64') }
}

/** The value that was packed. */
export function unpackValue(packed: unknown): unknown {
  return isTagged(packed) ? deserialize(Buffer.from(packed[tag]!, 'base64')) : packed
}

function isTagged(packed: unknown): packed is Record<string, string> {
  return typeof packed === 'object' && packed !== null && Object.hasOwn(packed, tag)
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
