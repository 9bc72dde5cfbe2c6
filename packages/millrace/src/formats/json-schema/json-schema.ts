import { plainSerde } from '../plain-serde.ts'
import { FramedSerde, type RegistryOptions } from '../registry/framed-serde.ts'
import type { SchemaReference, WholeSchema } from '../registry/registry.ts'
import type { SchemaSerde } from '../schema-serde.ts'
import { loadAjv } from './ajv.ts'
import { JsonSchemaLanguage } from './json-schema-language.ts'

interface JsonSchemaChecks {
  /** Holds values against the schema, on both sides; true by default. */
  readonly validate?: boolean
}

/** JSON Schema with a registry. */
export interface RegistryJsonSchemaOptions extends RegistryOptions, JsonSchemaChecks {
  /** What values must be, and what is registered. Without one they are held against the schema they were written with. */
  readonly schema?: string | object
  /** Where the schemas stand that `$ref` names. */
  readonly references?: readonly SchemaReference[]
}

/** JSON Schema without a registry. */
export interface PlainJsonSchemaOptions extends JsonSchemaChecks {
  readonly registry?: undefined
  readonly schema: string | object
}

/**
 * JSON values with a JSON Schema (draft-07, 2019-09, 2020-12): with a `registry` behind the id of their schema, as Confluent's
 * serializers write them, else alone. Needs the package `ajv`. Formats such as `date-time` are not checked.
 *
 * For JSON without a registry `json(schema)` with a schema of zod or the like is faster: it decodes only what is read.
 *
 * @example
 * const order = { title: 'Order', type: 'object', properties: { id: { type: 'string' } }, required: ['id'] }
 * const orders = topic('orders', { value: jsonSchema<Order>({ registry, schema: order }) })
 */
export function jsonSchema<T = any>(
  options: RegistryJsonSchemaOptions | PlainJsonSchemaOptions,
): SchemaSerde<T> {
  const { schema, validate = true, registry } = options
  if (validate) loadAjv()
  const references = registry === undefined ? undefined : (options as RegistryJsonSchemaOptions).references
  const own: WholeSchema | undefined =
    schema === undefined
      ? undefined
      : {
          type: 'JSON',
          text: typeof schema === 'string' ? schema : JSON.stringify(schema),
          references,
          needs: [],
        }
  const language = new JsonSchemaLanguage(own, validate)
  return registry === undefined
    ? plainSerde(language)
    : new FramedSerde(language, options as RegistryJsonSchemaOptions)
}
