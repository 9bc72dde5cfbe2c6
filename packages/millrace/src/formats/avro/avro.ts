import { plainSerde } from '../plain-serde.ts'
import { FramedSerde, type RegistryOptions } from '../registry/framed-serde.ts'
import type { SchemaReference, WholeSchema } from '../registry/registry.ts'
import type { SchemaSerde } from '../schema-serde.ts'
import { AvroLanguage } from './avro-language.ts'
import { loadAvsc } from './avsc.ts'

/** An Avro schema: as an object, its JSON text, or the name of a type such as `string`. */
export type AvroSchema = string | object

/** How a `long` is read: as a number, which fails beyond 2^53, or as a bigint. */
export type Longs = 'number' | 'bigint'

interface AvroReading {
  /** How a `long` is read; by default as a number, and one beyond 2^53 is rejected. */
  readonly longs?: Longs
}

/** Avro with a registry. */
export interface RegistryAvroOptions extends RegistryOptions, AvroReading {
  /**
   * What values look like: records of every version that can be read as it are, and it is what is written. Without one, values
   * look as they were written, and are written with the subject's newest schema.
   */
  readonly schema?: AvroSchema
  /** Where the types stand that the schema uses and does not define. */
  readonly references?: readonly SchemaReference[]
}

/** Avro without a registry. */
export interface PlainAvroOptions extends AvroReading {
  readonly registry?: undefined
  readonly schema: AvroSchema
  /** What the topic's bytes are written with, where that is another schema than values are read as. */
  readonly writtenWith?: AvroSchema
}

/**
 * Values in Avro's binary encoding: with a `registry` behind the id of their schema, as Confluent's serializers write them, else
 * alone. Needs the package `avsc`.
 *
 * Records are plain objects, unions plain values where the kinds of their branches differ and else `{ 'shop.Card': … }`; bytes are
 * a Buffer, enums texts, times numbers in the unit they are written in, and decimals texts. What does not match the schema
 * goes to `.failed` when written; what cannot be read as it goes to `.rejected`.
 *
 * @example
 * const order = { type: 'record', name: 'Order', fields: [{ name: 'id', type: 'string' }, { name: 'amount', type: 'double' }] }
 * const orders = topic('orders', { value: avro<Order>({ registry, schema: order }) })
 */
export function avro<T = any>(options: RegistryAvroOptions | PlainAvroOptions): SchemaSerde<T> {
  loadAvsc()
  const { schema, longs = 'number', registry } = options
  if (registry === undefined) {
    const { writtenWith } = options as PlainAvroOptions
    const language = new AvroLanguage(asSchema(schema!), longs)
    return plainSerde(language, writtenWith === undefined ? undefined : asSchema(writtenWith))
  }
  const { references } = options as RegistryAvroOptions
  const own = schema === undefined ? undefined : asSchema(schema, references)
  return new FramedSerde(new AvroLanguage(own, longs), options as RegistryAvroOptions)
}

function asSchema(schema: AvroSchema, references?: readonly SchemaReference[]): WholeSchema {
  // A bare name is no JSON yet.
  const isText = typeof schema === 'string' && !/^\s*[\w.]+\s*$/.test(schema)
  const text = isText ? schema : JSON.stringify(typeof schema === 'string' ? schema.trim() : schema)
  return { type: 'AVRO', text, references, needs: [] }
}
