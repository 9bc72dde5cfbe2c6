import type { StandardSchemaV1 } from '@standard-schema/spec'
import { inspectArktype } from './schema-arktype.ts'
import { inspectValibot } from './schema-valibot.ts'
import type { SchemaFinding } from './schema-walk.ts'
import { inspectZod } from './schema-zod.ts'

/**
 * What a schema does to a value that passes it.
 *
 * `none`: the output is the input, at most with unknown members taken out. `normalises`: defaults, coercion, trimming; an
 * output may be given as an input again. `transforms`: arbitrary code changes the value. `unknown`: cannot be told.
 */
export type Transformation = 'none' | 'normalises' | 'transforms' | 'unknown'

/**
 * What is known of a schema beyond its Standard Schema face, from the definition that zod 4, valibot 1 and arktype 2
 * lay open; `undefined` for other libraries.
 */
export function inspectSchema(schema: StandardSchemaV1): readonly SchemaFinding[] | undefined {
  switch (schema['~standard'].vendor) {
    case 'zod':
      return inspectZod(schema)
    case 'valibot':
      return inspectValibot(schema)
    case 'arktype':
      return inspectArktype(schema)
    default:
      return undefined
  }
}

/** What a schema with these findings does to values; `unknown` rather than a guess. */
export function transformationOf(findings: readonly SchemaFinding[] | undefined): Transformation {
  if (findings === undefined) return 'unknown'
  for (const effect of ['transforms', 'unknown', 'normalises'] as const) {
    if (findings.some(finding => finding.effect === effect)) return effect
  }
  return 'none'
}
