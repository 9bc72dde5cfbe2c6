import { plainSerde } from '../plain-serde.ts'
import { FramedSerde, type RegistryOptions } from '../registry/framed-serde.ts'
import type { SchemaReference, WholeSchema } from '../registry/registry.ts'
import type { SchemaSerde } from '../schema-serde.ts'
import { ProtobufLanguage } from './protobuf-language.ts'
import { loadProtobufjs } from './protobufjs.ts'

interface ProtobufReading {
  /** Which message of the schema values are, `shop.Order` or `Order`; the first one by default. */
  readonly message?: string
  /** How a field of 64 bits is read; by default as a number, and one beyond 2^53 is rejected. */
  readonly longs?: 'number' | 'bigint'
}

/** Protobuf with a registry. */
export interface RegistryProtobufOptions extends RegistryOptions, ProtobufReading {
  /**
   * The text of the `.proto` file: what values look like, and what is written. Without one, values look as they were written,
   * and are written with the subject's newest schema.
   */
  readonly schema?: string
  /** Where the files stand that the schema imports; Google's own need none. */
  readonly references?: readonly SchemaReference[]
}

/** Protobuf without a registry. */
export interface PlainProtobufOptions extends ProtobufReading {
  readonly registry?: undefined
  readonly schema: string
  /** Texts of the files that the schema imports, each behind those it imports itself; Google's own are there. */
  readonly imports?: readonly string[]
}

/**
 * Values in Protobuf's encoding: with a `registry` behind the id of their schema and the place of their message in it, as
 * Confluent's serializers write them, else alone. Needs the package `protobufjs`.
 *
 * Messages are plain objects with fields in camelCase; absent fields are zero, empty, or absent where the schema can tell. Enums
 * are names, bytes Buffers, maps objects, and of a oneof the one field that is set is there. What does not match the schema goes to
 * `.failed` when written, never cut to size; what cannot be read goes to `.rejected`.
 *
 * @example
 * const order = 'syntax = "proto3"; package shop; message Order { string id = 1; double amount = 2; }'
 * const orders = topic('orders', { value: protobuf<Order>({ registry, schema: order }) })
 */
export function protobuf<T = any>(options: RegistryProtobufOptions | PlainProtobufOptions): SchemaSerde<T> {
  loadProtobufjs()
  const { schema, message, longs = 'number', registry } = options
  if (registry === undefined) {
    const { imports = [] } = options as PlainProtobufOptions
    const needs = imports.map(text => ({ name: '', text }))
    const own: WholeSchema = { type: 'PROTOBUF', text: schema!, needs }
    return plainSerde(new ProtobufLanguage({ own, message, longs, hasIndexes: false }))
  }
  const { references } = options as RegistryProtobufOptions
  const own: WholeSchema | undefined =
    schema === undefined ? undefined : { type: 'PROTOBUF', text: schema, references, needs: [] }
  return new FramedSerde(
    new ProtobufLanguage({ own, message, longs, hasIndexes: true }),
    options as RegistryProtobufOptions,
  )
}
