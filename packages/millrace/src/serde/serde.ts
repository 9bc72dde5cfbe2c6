import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Transformation } from './schema-nature.ts'
import type { ByteSink } from './sink.ts'

/**
 * Turns values into bytes and back.
 *
 * `deserialize` may throw; the engine sends such a record to `.rejected`. `serialize` may throw; the
 * engine sends such a record to `.failed`.
 */
export interface Serde<T, I = T> {
  /** Names the format in `describe` and in errors, for example `json`. */
  readonly format: string
  /** Two serdes with the same id write the same bytes, so a record may be copied as bytes between them. */
  readonly id: string
  serialize(value: I): Uint8Array
  /** Appends what `serialize` would give, without a copy in between. After a throw the sink stands where it stood. */
  serializeInto?(value: I, sink: ByteSink): void
  /** Reads the bytes `[start, end)` of `bytes`. The value must not keep a view of `bytes`. */
  deserialize(bytes: Uint8Array, start: number, end: number): T
  /** Present on JSON serdes: the engine may then decode single fields (SEMANTICS 5.5, 5.6). */
  readonly json?: JsonTraits
  /** Present where something must be fetched before values can be read or written, such as a schema of a registry. */
  readonly preparation?: Preparation
  /** The serde as keys or values of one topic use it; `topic()` calls it. */
  forTopic?(place: SerdePlace): Serde<T, I>
  /** Phantom, for inference only. */
  readonly types?: { readonly value: T; readonly input: I }
}

/** Where a serde is used. */
export interface SerdePlace {
  readonly topic: string
  readonly part: 'key' | 'value'
}

/**
 * What a serde has to fetch. Records are read and written synchronously, so whoever calls the serde awaits this
 * before. A rejection with `retriable: true` may go better later.
 */
export interface Preparation {
  /** Resolves when values can be written; called before the first one, and again at will. */
  forWriting(): Promise<void>
  /**
   * Undefined when the bytes `[start, end)` can be read, or never will be. Otherwise resolves once that has become true;
   * the bytes are not looked at after the call.
   */
  forReading(bytes: Uint8Array, start: number, end: number): Promise<void> | undefined
}

/** What the engine may assume of a JSON serde, and its parts one by one (SEMANTICS 5.6). */
export interface JsonTraits<T = unknown> {
  /** `undefined`: types only. Otherwise the Standard Schema that values are checked against. */
  readonly schema?: StandardSchemaV1
  /** Only where this is `none` may reading leave the check out, or decode single fields. */
  readonly transformation: Transformation
  /** Values are turned back into the schema's input by the user's `encode` before they are written. */
  readonly encodes: boolean
  /** `JSON.parse` without the check. Throws `SyntaxError`. */
  parse(bytes: Uint8Array, start: number, end: number): unknown
  /** Checks a parsed value and gives the schema's output; without a schema the value itself. Throws `SchemaError`. */
  check(value: unknown): T
  /** Checks and writes a value of the schema's input type, past `encode`: JSON that came from outside. */
  serializeInput(input: unknown): Uint8Array
}

/** The kind of a key: how its bytes are read back (SEMANTICS 5.1). Values are persisted: never renumber. */
export const KeyKind = {
  string: 1,
  number: 2,
  bigint: 3,
  boolean: 4,
  bytes: 5,
  json: 6,
  /** Written by a key serde of the user's; only that serde can read it. */
  serde: 7,
} as const
export type KeyKind = (typeof KeyKind)[keyof typeof KeyKind]

/** Whether nothing stands between a value and the JSON text that is written of it. */
export function isPlainJson({ json }: Pick<Serde<unknown>, 'json'>): boolean {
  return json !== undefined && json.schema === undefined && !json.encodes
}
