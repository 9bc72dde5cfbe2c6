import type { StandardSchemaV1 } from '@standard-schema/spec'
import { checkWithSchema, isStandardSchema } from './schema-check.ts'
import { SchemaError } from './schema-error.ts'
import { inspectSchema, type Transformation, transformationOf } from './schema-nature.ts'
import type { SchemaFinding } from './schema-walk.ts'
import type { JsonTraits, Serde } from './serde.ts'
import { readUtf8, utf8Bytes, writeUtf8 } from './utf8.ts'

/** A serde that writes JSON; the engine may decode single fields of it. */
export interface JsonSerde<T, I = T> extends Serde<T, I> {
  readonly json: JsonTraits<T>
}

export interface JsonOptions<Output, Input> {
  /**
   * Turns what a reader sees back into what the schema takes, for a schema that transforms. `false`: values
   * that are written already are of the schema's input type.
   */
  readonly encode?: ((value: Output) => Input) | false
}

type Output<S extends StandardSchemaV1> = StandardSchemaV1.InferOutput<S>
type Input<S extends StandardSchemaV1> = StandardSchemaV1.InferInput<S>

/** Options may be left out where an output of the schema is a valid input too. */
type OptionsOf<S extends StandardSchemaV1> = [Output<S>] extends [Input<S>]
  ? [options?: { readonly encode?: false }]
  : [options: { readonly encode: false }]

/**
 * JSON values. `json<View>()` is types only. With a Standard Schema (zod, valibot, arktype …) every value is checked:
 * reading gives the schema's output, writing takes its input (SEMANTICS 5.6).
 *
 * Schemas are synchronous. A schema that transforms needs `encode`, from output back to input; writing then takes outputs. Throws `SchemaError` with
 * reason `encode` when it is missing, and `async-schema`, where that can be seen from the schema; otherwise the first record fails.
 * Bytes that are not valid UTF-8 are read as U+FFFD.
 */
export function json<T>(): JsonSerde<T>
export function json<S extends StandardSchemaV1>(
  schema: S,
  options: { readonly encode: (value: Output<S>) => Input<S> },
): JsonSerde<Output<S>>
export function json<S extends StandardSchemaV1>(
  schema: S,
  ...options: OptionsOf<S>
): JsonSerde<Output<S>, Input<S>>
export function json(schema?: unknown, options: JsonOptions<unknown, unknown> = {}): JsonSerde<unknown> {
  if (schema === undefined) return typesOnly
  if (!isStandardSchema(schema)) {
    throw new TypeError(
      'json(schema): this is not a Standard Schema. Give a schema of zod 4, valibot 1, arktype 2 or any other library ' +
        'that follows the specification, or no argument: json<View>()',
    )
  }
  const findings = inspectSchema(schema)
  refuseAsync(findings)
  const transformation = transformationOf(findings)
  if (transformation === 'transforms' && options.encode === undefined) {
    throw new SchemaError(
      'encode',
      'json(schema): the schema transforms values, so say how they are written: { encode: value => … } turns an output ' +
        'of the schema back into its input; { encode: false } if inputs are written',
    )
  }
  return checked(schema, transformation, options.encode === false ? undefined : options.encode)
}

const typesOnly: JsonSerde<unknown> = serdeOf('json', value => value, {
  transformation: 'none',
  encodes: false,
  parse,
  check: value => value,
  serializeInput: input => utf8Bytes(stringify(input)),
})

function checked(
  schema: StandardSchemaV1,
  transformation: Transformation,
  encode: ((value: unknown) => unknown) | undefined,
): JsonSerde<unknown> {
  const hint = encode === undefined ? writeHint(transformation) : '. This is what encode returned'
  const writable = (input: unknown) => {
    const output = checkWithSchema(schema, input, hint)
    // Where nothing transforms, the output is the input without unknown members: what a checked reader will see.
    return transformation === 'none' ? output : input
  }
  const toJson = encode === undefined ? writable : (value: unknown) => writable(encode(value))
  return serdeOf(encode === undefined ? 'json' : 'json:encoded', toJson, {
    schema,
    transformation,
    encodes: encode !== undefined,
    parse,
    check: value => checkWithSchema(schema, value),
    serializeInput: input => utf8Bytes(stringify(writable(input))),
  })
}

function serdeOf(id: string, toJson: (value: unknown) => unknown, traits: JsonTraits): JsonSerde<unknown> {
  return {
    format: 'json',
    id,
    json: traits,
    serialize: value => utf8Bytes(stringify(toJson(value))),
    serializeInto: (value, sink) => writeUtf8(sink, stringify(toJson(value))),
    deserialize: (bytes, start, end) => traits.check(parse(bytes, start, end)),
  }
}

function parse(bytes: Uint8Array, start: number, end: number): unknown {
  return JSON.parse(readUtf8(bytes, start, end))
}

function stringify(value: unknown): string {
  const text: string | undefined = JSON.stringify(value)
  if (text !== undefined) return text
  throw new TypeError(
    `A value of type ${typeof value} cannot be written as JSON; return a value, or null for a tombstone`,
  )
}

/**
 * Early, because zod starts an async check once more than it answers for: a rejection of that first promise
 * is out of anybody's reach.
 */
function refuseAsync(findings: readonly SchemaFinding[] | undefined): void {
  const found = findings?.find(finding => finding.effect === 'asynchronous')
  if (found === undefined) return
  const at = found.path === '' ? '' : ` at ${found.path}`
  throw new SchemaError(
    'async-schema',
    `json(schema): the schema has ${found.what}${at}. Schemas run once per record and must be synchronous; ` +
      'do asynchronous checks in asyncMap',
  )
}

function writeHint(transformation: Transformation): string {
  if (transformation === 'none') return ''
  return ". What is written must be of the schema's input type; where the schema transforms, give json(schema, { encode })"
}
