import type { StandardSchemaV1 } from '@standard-schema/spec'

/**
 * `schema`: the value does not match. `schema-threw`: the schema's own code threw. `async-schema`: it answered with
 * a promise. `encode`: it transforms, and nothing says how values are turned back.
 */
export type SchemaErrorReason = 'schema' | 'schema-threw' | 'async-schema' | 'encode'

const ISSUES_SHOWN = 3

/** A value that its schema did not let through, or a schema that cannot be used. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError'
  readonly reason: SchemaErrorReason
  /** `path: message` of every mismatch; empty for the other reasons. */
  readonly issues: readonly string[]

  constructor(
    reason: SchemaErrorReason,
    message: string,
    options: { issues?: readonly string[]; cause?: unknown } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.reason = reason
    this.issues = options.issues ?? []
  }
}

/** The error for a value with these mismatches; `hint` follows them. */
export function mismatch(issues: readonly string[], hint = ''): SchemaError {
  const more = issues.length > ISSUES_SHOWN ? `; and ${issues.length - ISSUES_SHOWN} more` : ''
  const message = `The value does not match its schema: ${issues.slice(0, ISSUES_SHOWN).join('; ')}${more}${hint}`
  return new SchemaError('schema', message, { issues })
}

/** An issue of a Standard Schema as `user.tags[0]: message`. */
export function issueText(issue: StandardSchemaV1.Issue): string {
  let path = ''
  for (const segment of issue.path ?? [])
    path = joinPath(path, typeof segment === 'object' ? segment.key : segment)
  return path === '' ? issue.message : `${path}: ${issue.message}`
}

/** One step further into a value: `user` and `tags` give `user.tags`, a number gives `tags[0]`. */
export function joinPath(path: string, key: PropertyKey): string {
  if (typeof key === 'number') return `${path}[${key}]`
  return path === '' ? String(key) : `${path}.${String(key)}`
}
