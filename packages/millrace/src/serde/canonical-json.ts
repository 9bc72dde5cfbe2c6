import { KeyError, shown } from './key-error.ts'

const DEPTH_MAX = 500

/** Objects whose content JSON does not show: all of them would be the one key `{}`. */
const OPAQUE = [Map, Set, WeakMap, WeakSet, Promise, RegExp, Error, ArrayBuffer, SharedArrayBuffer]

/**
 * The JSON of an object or array with the members of every object in the order of their names (UTF-16 code
 * units), so that equal values give equal text whatever order they were built in. `toJSON` (a Date has it)
 * is asked and undefined members are left out, as `JSON.stringify` does.
 *
 * Throws `KeyError` `bad-key` for what JSON would silently turn into something else (NaN, ±Infinity, functions, symbols, Map,
 * Set), for a bigint inside, and for a value that is circular or nested deeper than 500.
 */
export function canonicalJson(value: object): string {
  const text = write(value, '', 0)
  if (text === undefined || text === 'null') {
    throw new KeyError('bad-key', 'The key turns itself into null (toJSON); give a key that is a value')
  }
  return text
}

/** `undefined` where JSON leaves the value out. */
function write(given: unknown, name: string, depth: number): string | undefined {
  const value = unwrap(given, name)
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value)
    case 'number':
      if (!Number.isFinite(value)) throw badMember(name, value)
      // `${-0}` is '0'.
      return `${value}`
    case 'boolean':
      return value ? 'true' : 'false'
    case 'undefined':
      return undefined
    case 'object':
      if (value === null) return 'null'
      if (depth === DEPTH_MAX) {
        throw new KeyError('bad-key', `The key is circular or nested deeper than ${DEPTH_MAX}`)
      }
      return Array.isArray(value) ? writeArray(value, depth) : writeObject(value, depth)
    default:
      throw badMember(name, value)
  }
}

function writeArray(values: readonly unknown[], depth: number): string {
  let text = '['
  for (let i = 0; i < values.length; i++) {
    if (i > 0) text += ','
    text += write(values[i], String(i), depth + 1) ?? 'null'
  }
  return `${text}]`
}

function writeObject(value: object, depth: number): string {
  for (const type of OPAQUE) {
    if (value instanceof type) {
      throw new KeyError('bad-key', `A ${type.name} cannot be a key: JSON does not show what is in it`)
    }
  }
  let text = '{'
  // Names come from Object.keys, so reading `__proto__` here reads an own member.
  for (const name of Object.keys(value).sort()) {
    const member = write((value as Record<string, unknown>)[name], name, depth + 1)
    if (member === undefined) continue
    if (text.length > 1) text += ','
    text += `${JSON.stringify(name)}:${member}`
  }
  return `${text}}`
}

/** `toJSON` and boxed primitives, in the order `JSON.stringify` looks at them. */
function unwrap(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return value
  const { toJSON } = value as { toJSON?: unknown }
  const result: unknown = typeof toJSON === 'function' ? toJSON.call(value, name) : value
  const boxed = result instanceof Number || result instanceof String || result instanceof Boolean
  return boxed ? result.valueOf() : result
}

function badMember(name: string, value: unknown): KeyError {
  const where = name === '' ? 'The key' : `The key's member '${name}'`
  return new KeyError('bad-key', `${where} is ${shown(value)}${hint(value)}`)
}

function hint(value: unknown): string {
  return typeof value === 'bigint'
    ? ' (a bigint), which JSON cannot hold; give text'
    : ', which cannot be a key'
}
