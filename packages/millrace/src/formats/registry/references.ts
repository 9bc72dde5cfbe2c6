import type { Schema, SchemaReference, WholeSchema } from './registry.ts'

/** Collects what schemas refer to. */
export class References {
  readonly #find: (reference: SchemaReference) => Promise<Schema>
  /** By subject and version, which never get another schema. */
  readonly #known = new Map<string, Schema>()

  constructor(find: (reference: SchemaReference) => Promise<Schema>) {
    this.#find = find
  }

  async whole(schema: Schema): Promise<WholeSchema> {
    const needs = new Map<string, string>()
    await this.#collect(schema.references ?? [], needs)
    return { ...schema, needs: [...needs].map(([name, text]) => ({ name, text })) }
  }

  /** Depth first, so that each stands behind what it needs itself. */
  async #collect(references: readonly SchemaReference[], needs: Map<string, string>): Promise<void> {
    for (const reference of references) {
      if (needs.has(reference.name)) continue
      const schema = await this.#schemaOf(reference)
      await this.#collect(schema.references ?? [], needs)
      needs.set(reference.name, schema.text)
    }
  }

  async #schemaOf(reference: SchemaReference): Promise<Schema> {
    const key = `${reference.version} ${reference.subject}`
    const known = this.#known.get(key) ?? (await this.#find(reference))
    this.#known.set(key, known)
    return known
  }
}
