import type { ByteSink } from '../serde/sink.ts'
import type { SchemaType, WholeSchema } from './registry/registry.ts'

/** Reads the value that fills `[start, end)`. Throws `FormatError`; the value keeps no view of `bytes`. */
export type ReadValue = (bytes: Buffer, start: number, end: number) => unknown

/** Appends a value. Throws `FormatError`; the sink may then stand anywhere. */
export type WriteValue = (value: unknown, sink: ByteSink) => void

/** One of the languages of schemas, with what a topic's declaration says of its values. */
export interface Language {
  /** Names the format in `describe`: `avro`. */
  readonly format: string
  readonly type: SchemaType
  /** The schema that the declaration gives; undefined takes what the registry has. */
  readonly own: WholeSchema | undefined
  /** Full name of the record that values are; undefined where it has none. Throws `FormatError`. */
  recordName(schema: WholeSchema): string | undefined
  /** Reads values that were written with `schema` as those of `own`, where there is one. Throws `FormatError` where that cannot be. */
  reader(schema: WholeSchema, name: string, own: WholeSchema | undefined): ReadValue
  writer(schema: WholeSchema, name: string): WriteValue
}

/** The same memory as a Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}
