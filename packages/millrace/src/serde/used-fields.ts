import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Check, compileJsonSchema, UnsupportedSchemaError } from './json-schema.ts'
import { mismatch as schemaMismatch } from './schema-error.ts'
import { inspectSchema } from './schema-nature.ts'
import { elements, entries, member, type SchemaFinding } from './schema-walk.ts'

/** Whether single fields can be checked apart from their record; `because` completes "not possible, because …". */
export type UsedFieldsValidator =
  | { readonly possible: true; check(record: object): void }
  | { readonly possible: false; readonly because: string }

/** What may stand at the top of a schema besides annotations: anything else could tie fields together. */
const ROOT_KEYWORDS = new Set(
  '$schema $id $comment $defs title description type properties required additionalProperties'.split(' '),
)

/**
 * Checks of just these top-level fields, for `validate: 'used'` (SEMANTICS 5.6).
 *
 * `check` throws `SchemaError` and looks at these members of `record` alone. It accepts what the whole schema accepts as far as
 * these fields go: possible only where the schema gives a JSON Schema (zod 4, arktype 2, any other library with
 * `~standard.jsonSchema`), transforms nothing, and has no check on these fields that its JSON Schema leaves out
 * (refinements, flags of regular expressions). Unknown members of nested objects stay where they are.
 */
export function usedFieldsValidator(
  schema: StandardSchemaV1,
  fields: readonly string[],
): UsedFieldsValidator {
  try {
    const findings = inspectSchema(schema)
    refuseFindings(findings ?? [], fields)
    const root = jsonSchemaOf(schema, 'input')
    if (findings === undefined) requireSameOutput(schema, root, fields)
    const checks = fields.map(name => compileField(root, name, schema['~standard'].vendor))
    return { possible: true, check: record => checkFields(record, checks) }
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) return { possible: false, because: error.message }
    throw error
  }
}

function refuseFindings(findings: readonly SchemaFinding[], fields: readonly string[]): void {
  for (const { effect, path, what } of findings) {
    const changesValues = effect === 'transforms' || effect === 'normalises'
    const concerned = path === '' || fields.some(name => path === name || path.startsWith(`${name}.`))
    if (!changesValues && !concerned) continue
    const at = path === '' ? '' : ` at '${path}'`
    const why = changesValues ? 'which changes values' : 'which its JSON Schema does not say'
    throw new UnsupportedSchemaError(`the schema has ${what}${at}, ${why}`)
  }
}

function jsonSchemaOf(schema: StandardSchemaV1, side: 'input' | 'output'): Record<string, unknown> {
  const convert = member(member(schema['~standard'], 'jsonSchema'), side)
  if (typeof convert !== 'function') {
    throw new UnsupportedSchemaError(`a schema of ${schema['~standard'].vendor} gives no JSON Schema`)
  }
  let root: Record<string, unknown>
  try {
    root = convert({ target: 'draft-2020-12' })
  } catch (cause) {
    throw new UnsupportedSchemaError(
      `it has no JSON Schema: ${cause instanceof Error ? cause.message : cause}`,
    )
  }
  for (const [keyword] of entries(root)) {
    if (!ROOT_KEYWORDS.has(keyword))
      throw new UnsupportedSchemaError(`the whole record is subject to '${keyword}'`)
  }
  if (root.type !== 'object') throw new UnsupportedSchemaError('its values are not objects')
  return root
}

/** A library that is not known to us is believed only as far as its two JSON Schemas agree. */
function requireSameOutput(
  schema: StandardSchemaV1,
  input: Record<string, unknown>,
  fields: readonly string[],
): void {
  const output = jsonSchemaOf(schema, 'output')
  for (const name of fields) {
    const same = JSON.stringify(fieldOf(input, name)) === JSON.stringify(fieldOf(output, name))
    if (!same) throw new UnsupportedSchemaError(`the schema changes '${name}'`)
  }
}

function fieldOf(
  root: Record<string, unknown>,
  name: string,
): { schema: unknown; required: boolean } | undefined {
  const required = elements(root.required).includes(name)
  const { properties, additionalProperties: additional } = root
  if (typeof properties === 'object' && properties !== null && Object.hasOwn(properties, name)) {
    return { schema: member(properties, name), required }
  }
  return additional === undefined || additional === false ? undefined : { schema: additional, required }
}

interface FieldCheck {
  readonly name: string
  readonly required: boolean
  readonly check: Check
}

function compileField(root: Record<string, unknown>, name: string, vendor: string): FieldCheck {
  const field = fieldOf(root, name)
  if (field === undefined) throw new UnsupportedSchemaError(`the schema does not know the field '${name}'`)
  const lengthOf = vendor === 'arktype' ? (text: string) => text.length : undefined
  return { name, required: field.required, check: compileJsonSchema(field.schema, lengthOf) }
}

function checkFields(record: object, fields: readonly FieldCheck[]): void {
  let issues: string[] | undefined
  for (const { name, required, check } of fields) {
    const present = Object.hasOwn(record, name)
    if (!present && !required) continue
    const found = present
      ? check((record as Record<string, unknown>)[name])
      : { path: '', message: 'is missing' }
    if (found === undefined) continue
    const separator = found.path === '' || found.path.startsWith('[') ? '' : '.'
    issues ??= []
    issues.push(`${name}${separator}${found.path}: ${found.message}`)
  }
  if (issues !== undefined) throw schemaMismatch(issues)
}
