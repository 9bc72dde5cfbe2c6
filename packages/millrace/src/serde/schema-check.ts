import type { StandardSchemaV1 } from '@standard-schema/spec'
import { issueText, mismatch, SchemaError } from './schema-error.ts'

/** True for anything that follows the Standard Schema specification, functions included (arktype). */
export function isStandardSchema(value: unknown): value is StandardSchemaV1 {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false
  const standard: unknown = (value as Partial<StandardSchemaV1>)['~standard']
  return typeof (standard as Partial<StandardSchemaV1.Props> | undefined)?.validate === 'function'
}

/**
 * Checks a value and gives the schema's output.
 *
 * Throws `SchemaError` in every other case: the value does not match, the schema threw, or it answered with
 * a promise, which is then never left to reject unhandled (SEMANTICS 7.5). `hint` ends the message of a mismatch.
 */
export function checkWithSchema(schema: StandardSchemaV1, value: unknown, hint?: string): unknown {
  const result = runSchema(schema, value)
  if (result.issues) throw mismatch(result.issues.map(issueText), hint)
  return result.value
}

function runSchema(schema: StandardSchemaV1, value: unknown): StandardSchemaV1.Result<unknown> {
  let result: unknown
  let promised: boolean
  try {
    result = schema['~standard'].validate(value)
    promised = isThenable(result)
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    throw new SchemaError('schema-threw', `The schema threw instead of answering: ${message}`, { cause })
  }
  if (promised) {
    Promise.resolve(result).then(ignore, ignore)
    throw new SchemaError(
      'async-schema',
      'The schema answered with a promise: it is asynchronous, or a refinement in it threw (zod then gives a rejected promise). ' +
        'Schemas run once per record and must be synchronous; do asynchronous checks in asyncMap',
    )
  }
  return result as StandardSchemaV1.Result<unknown>
}

function isThenable(result: unknown): boolean {
  return typeof (result as { then?: unknown }).then === 'function'
}

function ignore(): void {}
