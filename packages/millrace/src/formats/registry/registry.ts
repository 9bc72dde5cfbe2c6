/** The languages a registry keeps schemas in. */
export type SchemaType = 'AVRO' | 'PROTOBUF' | 'JSON'

/** That a schema uses another one: `name` is what it calls it by, such as a record's full name or an imported file. */
export interface SchemaReference {
  readonly name: string
  readonly subject: string
  readonly version: number
}

/** A schema as it is registered. */
export interface Schema {
  readonly type: SchemaType
  readonly text: string
  readonly references?: readonly SchemaReference[]
}

/** A schema with the texts of all that it refers to, each behind those it needs itself. */
export interface WholeSchema extends Schema {
  readonly needs: readonly { readonly name: string; readonly text: string }[]
}

/** A version of a subject. */
export interface SubjectVersion {
  readonly subject: string
  readonly version: number
  readonly id: number
  readonly schema: Schema
}

/** What a subject allows of a new version. */
export type Compatibility =
  | 'NONE'
  | 'BACKWARD'
  | 'BACKWARD_TRANSITIVE'
  | 'FORWARD'
  | 'FORWARD_TRANSITIVE'
  | 'FULL'
  | 'FULL_TRANSITIVE'

export interface CompatibilityAnswer {
  readonly compatible: boolean
  /** Why it is not, as the registry says it. */
  readonly reasons: readonly string[]
}

/**
 * A registry of schemas, by the API of Confluent's. What never changes is asked for once: a schema's text by its id, and the id of
 * a schema. All methods reject with `RegistryError`.
 */
export interface SchemaRegistry {
  /** Names the registry in errors. */
  readonly name: string
  /** The schema that records carry the id of, with everything it refers to. */
  schema(id: number): Promise<WholeSchema>
  /** Adds the texts of what a schema refers to. */
  whole(schema: Schema): Promise<WholeSchema>
  /** Registers a schema as a subject's newest version, unless it is one already; gives its id. */
  register(subject: string, schema: Schema): Promise<number>
  /** The version of a subject that has this schema; undefined when none has. */
  lookup(subject: string, schema: Schema): Promise<SubjectVersion | undefined>
  version(subject: string, version: number | 'latest'): Promise<SubjectVersion>
  subjects(): Promise<string[]>
  versions(subject: string): Promise<number[]>
  /** Whether a schema could become the next version of a subject that has one. */
  check(subject: string, schema: Schema, version?: number | 'latest'): Promise<CompatibilityAnswer>
  /** The rule of a subject, or the registry's own. */
  compatibility(subject?: string): Promise<Compatibility>
  setCompatibility(compatibility: Compatibility, subject?: string): Promise<void>
}
