import { joinPath } from './schema-error.ts'
import { elements, entries, member } from './schema-walk.ts'

/** Why a value does not match: `path` leads from the checked value to the part that is wrong. */
export interface Mismatch {
  readonly path: string
  readonly message: string
}

/** Gives the first mismatch, or `undefined` for a value that matches. Allocates nothing for a value that matches. */
export type Check = (value: unknown) => Mismatch | undefined

/** A part of a JSON Schema that cannot be checked here; the message completes "not possible, because …". */
export class UnsupportedSchemaError extends Error {
  override readonly name = 'UnsupportedSchemaError'
}

/** How a library counts the length of a text: arktype counts UTF-16 units, JSON Schema and newer zod 4 characters. */
export type TextLength = (text: string) => number

type Compile = (value: unknown, schema: unknown, lengthOf: TextLength) => Check

const ANNOTATIONS = new Set(
  '$schema $comment title description examples deprecated readOnly writeOnly'.split(' '),
)
/** Compiled by the keyword beside them. */
const COMPANIONS = new Set(['required', 'additionalProperties', 'prefixItems'])

/**
 * Compiles a JSON Schema (draft 2020-12) into a function. Throws `UnsupportedSchemaError` for every keyword it
 * does not check, rather than skip it.
 */
export function compileJsonSchema(schema: unknown, lengthOf: TextLength = characters): Check {
  if (schema === true) return () => undefined
  if (typeof schema !== 'object' || schema === null) return () => mismatch('must not be there')
  const checks: Check[] = []
  for (const [keyword, value] of entries(schema)) {
    if (ANNOTATIONS.has(keyword)) continue
    const compile = KEYWORDS.get(COMPANIONS.has(keyword) ? companionOf(keyword) : keyword)
    if (compile === undefined) throw new UnsupportedSchemaError(`its JSON Schema uses '${keyword}'`)
    const alone = !COMPANIONS.has(keyword) || !Object.hasOwn(schema, companionOf(keyword))
    if (alone) checks.push(compile(value, schema, lengthOf))
  }
  return all(checks)
}

function companionOf(keyword: string): string {
  return keyword === 'prefixItems' ? 'items' : 'properties'
}

const TYPES: ReadonlyMap<unknown, (value: unknown) => boolean> = new Map([
  ['string', (value: unknown) => typeof value === 'string'],
  ['number', (value: unknown) => Number.isFinite(value)],
  ['integer', (value: unknown) => Number.isInteger(value)],
  ['boolean', (value: unknown) => typeof value === 'boolean'],
  ['null', (value: unknown) => value === null],
  ['array', (value: unknown) => Array.isArray(value)],
  ['object', isObject],
])

/** Without `multipleOf`: libraries allow for rounding there, each in its own way. */
const KEYWORDS: ReadonlyMap<string, Compile> = new Map<string, Compile>([
  ['type', compileType],
  ['enum', value => compileOneOfValues(elements(value))],
  ['const', value => compileOneOfValues([value])],
  ['minimum', limit => onNumber(value => value >= Number(limit), `must be at least ${limit}`)],
  ['maximum', limit => onNumber(value => value <= Number(limit), `must be at most ${limit}`)],
  ['exclusiveMinimum', limit => onNumber(value => value > Number(limit), `must be more than ${limit}`)],
  ['exclusiveMaximum', limit => onNumber(value => value < Number(limit), `must be less than ${limit}`)],
  [
    'minLength',
    (limit, _, lengthOf) =>
      onText(text => lengthOf(text) >= Number(limit), `must be at least ${limit} characters long`),
  ],
  [
    'maxLength',
    (limit, _, lengthOf) =>
      onText(text => lengthOf(text) <= Number(limit), `must be at most ${limit} characters long`),
  ],
  ['pattern', compilePattern],
  ['format', compileFormat],
  [
    'minItems',
    limit => onArray(array => array.length >= Number(limit), `must have at least ${limit} elements`),
  ],
  [
    'maxItems',
    limit => onArray(array => array.length <= Number(limit), `must have at most ${limit} elements`),
  ],
  ['items', (_, schema, lengthOf) => compileItems(schema, lengthOf)],
  ['properties', (_, schema, lengthOf) => compileProperties(schema, lengthOf)],
  ['propertyNames', (names, _, lengthOf) => compilePropertyNames(names, lengthOf)],
  [
    'anyOf',
    (value, _, lengthOf) =>
      compileCount(compileEach(value, lengthOf), count => count > 0, 'matches none of the alternatives'),
  ],
  [
    'oneOf',
    (value, _, lengthOf) =>
      compileCount(
        compileEach(value, lengthOf),
        count => count === 1,
        'does not match exactly one of the alternatives',
      ),
  ],
  ['allOf', (value, _, lengthOf) => all(compileEach(value, lengthOf))],
])

function compileType(value: unknown): Check {
  const names = Array.isArray(value) ? value : [value]
  const tests = names.map(name => {
    const test = TYPES.get(name)
    if (test === undefined)
      throw new UnsupportedSchemaError(`its JSON Schema uses the type '${String(name)}'`)
    return test
  })
  const failure = mismatch(`must be of type ${names.join(' or ')}`)
  if (tests.length === 1) return given => (tests[0]!(given) ? undefined : failure)
  return given => (tests.some(test => test(given)) ? undefined : failure)
}

function compileOneOfValues(allowed: readonly unknown[]): Check {
  if (allowed.some(value => typeof value === 'object' && value !== null)) {
    throw new UnsupportedSchemaError('its JSON Schema compares with objects')
  }
  const values = new Set(allowed)
  const failure = mismatch(`must be ${allowed.map(value => JSON.stringify(value)).join(' or ')}`)
  return value => (values.has(value) ? undefined : failure)
}

function compilePattern(source: unknown): Check {
  const pattern = new RegExp(String(source))
  return onText(text => pattern.test(text), `must match ${pattern}`)
}

/** A format beside the pattern that defines it says nothing more; alone it stands for code of the library's. */
function compileFormat(format: unknown, schema: unknown): Check {
  for (const definition of ['pattern', 'enum', 'const', 'anyOf']) {
    if (member(schema, definition) !== undefined) return () => undefined
  }
  throw new UnsupportedSchemaError(`its JSON Schema only names the format '${String(format)}'`)
}

function compileItems(schema: unknown, lengthOf: TextLength): Check {
  const rest = member(schema, 'items')
  if (Array.isArray(rest)) throw new UnsupportedSchemaError('its JSON Schema is older than draft 2020-12')
  const first = compileEach(member(schema, 'prefixItems'), lengthOf)
  const others = compileJsonSchema(rest ?? true, lengthOf)
  return value => {
    if (!Array.isArray(value)) return undefined
    for (let i = 0; i < value.length; i++) {
      const found = (first[i] ?? others)(value[i])
      if (found !== undefined) return within(i, found)
    }
    return undefined
  }
}

function compileProperties(schema: unknown, lengthOf: TextLength): Check {
  const known = new Map(
    entries(member(schema, 'properties')).map(([name, part]) => [name, compileJsonSchema(part, lengthOf)]),
  )
  const required = elements(member(schema, 'required')).map(String)
  const additional = member(schema, 'additionalProperties')
  const others =
    additional === undefined || additional === true ? undefined : compileJsonSchema(additional, lengthOf)
  return value => {
    if (!isObject(value)) return undefined
    for (const name of required) if (!Object.hasOwn(value, name)) return { path: name, message: 'is missing' }
    for (const name of Object.keys(value)) {
      const found = (known.get(name) ?? others)?.((value as Record<string, unknown>)[name])
      if (found !== undefined) return within(name, found)
    }
    return undefined
  }
}

function compilePropertyNames(schema: unknown, lengthOf: TextLength): Check {
  const check = compileJsonSchema(schema, lengthOf)
  return value => {
    if (!isObject(value)) return undefined
    for (const name of Object.keys(value)) {
      const found = check(name)
      if (found !== undefined) return { path: name, message: `as a name ${found.message}` }
    }
    return undefined
  }
}

function compileCount(checks: readonly Check[], accepts: (count: number) => boolean, message: string): Check {
  const failure = mismatch(message)
  return value => {
    let count = 0
    for (const check of checks) if (check(value) === undefined) count++
    return accepts(count) ? undefined : failure
  }
}

function compileEach(schemas: unknown, lengthOf: TextLength): readonly Check[] {
  return elements(schemas).map(schema => compileJsonSchema(schema, lengthOf))
}

function all(checks: readonly Check[]): Check {
  if (checks.length === 1) return checks[0]!
  return value => {
    for (const check of checks) {
      const found = check(value)
      if (found !== undefined) return found
    }
    return undefined
  }
}

function onNumber(passes: (value: number) => boolean, message: string): Check {
  const failure = mismatch(message)
  return value => (typeof value !== 'number' || passes(value) ? undefined : failure)
}

/** Unicode characters, without building an array of them. */
function characters(text: string): number {
  let count = text.length
  for (let i = text.length - 2; i >= 0; i--) {
    const pair = (text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00
    if (pair) count--
  }
  return count
}

function onText(passes: (text: string) => boolean, message: string): Check {
  const failure = mismatch(message)
  return value => (typeof value !== 'string' || passes(value) ? undefined : failure)
}

function onArray(passes: (array: readonly unknown[]) => boolean, message: string): Check {
  const failure = mismatch(message)
  return value => (!Array.isArray(value) || passes(value) ? undefined : failure)
}

function mismatch(message: string): Mismatch {
  return { path: '', message }
}

function within(key: PropertyKey, { path, message }: Mismatch): Mismatch {
  const separator = path === '' || path.startsWith('[') ? '' : '.'
  return { path: `${joinPath('', key)}${separator}${path}`, message }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
