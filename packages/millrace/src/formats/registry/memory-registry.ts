import { References } from './references.ts'
import type {
  Compatibility,
  CompatibilityAnswer,
  Schema,
  SchemaRegistry,
  SubjectVersion,
  WholeSchema,
} from './registry.ts'
import { RegistryError } from './registry-error.ts'

/**
 * A schema registry that lives in this process, for tests of pipelines. It gives ids from 1 and takes every schema: rules of
 * compatibility are kept, but nothing is held against them.
 *
 * @example
 * const registry = memoryRegistry()
 * const orders = topic('orders', { value: avro<Order>({ registry, schema: orderSchema }) })
 */
export function memoryRegistry(): SchemaRegistry {
  return new MemoryRegistry()
}

class MemoryRegistry implements SchemaRegistry {
  readonly name = 'memory'
  /** By id, from 1. */
  readonly #schemas: Schema[] = []
  readonly #subjects = new Map<string, number[]>()
  readonly #rules = new Map<string | undefined, Compatibility>()
  readonly #references = new References(
    async ({ subject, version }) => (await this.version(subject, version)).schema,
  )

  async schema(id: number): Promise<WholeSchema> {
    const schema = this.#schemas[id - 1]
    if (schema === undefined) throw new RegistryError('not-found', `There is no schema ${id}`)
    return this.whole(schema)
  }

  whole(schema: Schema): Promise<WholeSchema> {
    return this.#references.whole(schema)
  }

  async register(subject: string, schema: Schema): Promise<number> {
    await this.whole(schema)
    const ids = this.#subjects.get(subject) ?? []
    const known = this.#idOf(schema)
    const id = known ?? this.#schemas.push(schema)
    if (!ids.includes(id)) this.#subjects.set(subject, [...ids, id])
    return id
  }

  async lookup(subject: string, schema: Schema): Promise<SubjectVersion | undefined> {
    const id = this.#idOf(schema)
    const version = id === undefined ? -1 : (this.#subjects.get(subject) ?? []).indexOf(id)
    return version < 0 ? undefined : this.version(subject, version + 1)
  }

  async version(subject: string, version: number | 'latest'): Promise<SubjectVersion> {
    const ids = this.#idsOf(subject)
    const number = version === 'latest' ? ids.length : version
    const id = ids[number - 1]
    if (id === undefined) throw new RegistryError('not-found', `Subject ${subject} has no version ${version}`)
    return { subject, version: number, id, schema: this.#schemas[id - 1]! }
  }

  async subjects(): Promise<string[]> {
    return [...this.#subjects.keys()].sort()
  }

  async versions(subject: string): Promise<number[]> {
    return this.#idsOf(subject).map((_, i) => i + 1)
  }

  async check(subject: string): Promise<CompatibilityAnswer> {
    this.#idsOf(subject)
    return { compatible: true, reasons: [] }
  }

  async compatibility(subject?: string): Promise<Compatibility> {
    return this.#rules.get(subject) ?? this.#rules.get(undefined) ?? 'BACKWARD'
  }

  async setCompatibility(compatibility: Compatibility, subject?: string): Promise<void> {
    this.#rules.set(subject, compatibility)
  }

  #idOf({ type, text, references = [] }: Schema): number | undefined {
    const id = this.#schemas.findIndex(
      each =>
        each.type === type &&
        each.text === text &&
        JSON.stringify(each.references ?? []) === JSON.stringify(references),
    )
    return id < 0 ? undefined : id + 1
  }

  #idsOf(subject: string): readonly number[] {
    const ids = this.#subjects.get(subject)
    if (ids === undefined) throw new RegistryError('not-found', `There is no subject ${subject}`)
    return ids
  }
}
