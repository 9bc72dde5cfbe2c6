import { KeyKind, type Preparation, type SerdePlace } from '../../serde/serde.ts'
import { type ByteSink, KeyBuffer } from '../../serde/sink.ts'
import { type Clock, systemClock } from '../../std/clock.ts'
import { FormatError, messageOf } from '../format-error.ts'
import { asBuffer, type Language, type ReadValue, type WriteValue } from '../language.ts'
import { wholly } from '../plain-serde.ts'
import type { SchemaSerde } from '../schema-serde.ts'
import { frameBytes, noFrame, schemaIdAt, writeFrame } from './frame.ts'
import type { Schema, SchemaRegistry, WholeSchema } from './registry.ts'
import { RegistryError } from './registry-error.ts'
import { type SubjectStrategy, subjectOf } from './subject.ts'

/** How a topic uses its registry. */
export interface RegistryOptions {
  readonly registry: SchemaRegistry
  /** The subject that values are written under; `TopicName` by default: `orders-value`. */
  readonly subject?: SubjectStrategy
  /** Registers the schema where the subject does not have it; true by default. False: it must be there already. */
  readonly autoRegister?: boolean
  /** Writes with the subject's newest schema, whatever its own is; so does a topic that gives no schema. */
  readonly useLatestVersion?: boolean
}

/** An id that the registry does not know is asked for again after this: a follower may lag behind. */
const unknownMs = 60_000

/**
 * Values behind the id of their schema, as Confluent's serializers write them. Schemas are fetched by `preparation`; reading and
 * writing themselves never wait.
 */
export class FramedSerde implements SchemaSerde<any>, Preparation {
  readonly format: string
  readonly id: string
  readonly kind = KeyKind.serde
  readonly #language: Language
  readonly #options: RegistryOptions
  readonly #place: SerdePlace | undefined
  readonly #clock: Clock
  readonly #readers = new Map<number, ReadValue>()
  readonly #asked = new Map<number, Promise<void>>()
  /** By id, monotonic time until which it counts as unknown. */
  readonly #unknownUntil = new Map<number, number>()
  #lastId = -1
  #lastReader: ReadValue | undefined
  #writer: { readonly id: number; readonly write: WriteValue } | undefined
  #writing: Promise<void> | undefined

  constructor(language: Language, options: RegistryOptions, place?: SerdePlace, clock: Clock = systemClock) {
    this.#language = language
    this.#options = options
    this.#place = place
    this.#clock = clock
    this.format = language.format
    // A key serde's name is part of a store's layout, so that it says nothing that changes. Values of two topics are two subjects'.
    this.id =
      place?.part === 'value' ? `${language.format}:registry:${place.topic}` : `${language.format}:registry`
  }

  forTopic(place: SerdePlace): FramedSerde {
    return new FramedSerde(this.#language, this.#options, place, this.#clock)
  }

  get preparation(): Preparation {
    return this
  }

  // Reading

  deserialize(bytes: Uint8Array, start: number, end: number): any {
    const id = schemaIdAt(bytes, start, end)
    if (id < 0) throw noFrame(bytes, start, end)
    const reader = id === this.#lastId ? this.#lastReader! : this.#readerOf(id)
    return reader(asBuffer(bytes), start + frameBytes, end)
  }

  #readerOf(id: number): ReadValue {
    const reader = this.#readers.get(id)
    if (reader !== undefined) {
      // An unknown one is looked at anew each time.
      this.#lastId = this.#unknownUntil.has(id) ? -1 : id
      this.#lastReader = reader
      return reader
    }
    throw new FormatError('not-prepared', `Schema ${id} was not fetched before the record was read`)
  }

  forReading(bytes: Uint8Array, start: number, end: number): Promise<void> | undefined {
    const id = schemaIdAt(bytes, start, end)
    if (id < 0 || id === this.#lastId || (this.#readers.has(id) && !this.#isDueAgain(id))) return undefined
    let asked = this.#asked.get(id)
    if (asked === undefined) {
      asked = this.#fetch(id).finally(() => this.#asked.delete(id))
      this.#asked.set(id, asked)
    }
    return asked
  }

  #isDueAgain(id: number): boolean {
    return (this.#unknownUntil.get(id) ?? Number.POSITIVE_INFINITY) <= this.#clock.monotonic()
  }

  async #fetch(id: number): Promise<void> {
    const { registry } = this.#options
    const own = await this.#own()
    let schema: WholeSchema
    try {
      schema = await registry.schema(id)
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code !== 'not-found') throw error
      this.#unknownUntil.set(id, this.#clock.monotonic() + unknownMs)
      const message = `The schema registry (${registry.name}) has no schema ${id}: ${error.message}. Was the record written with another registry?`
      this.#readers.set(id, refusing(new FormatError('schema-unknown', message, { cause: error })))
      return
    }
    this.#unknownUntil.delete(id)
    this.#readers.set(id, this.#read(schema, `schema ${id}`, own))
  }

  /** The topic's own schema with all that it refers to. */
  async #own(): Promise<WholeSchema | undefined> {
    const { own } = this.#language
    if (own === undefined || (own.references?.length ?? 0) === 0) return own
    return this.#options.registry.whole(own)
  }

  #read(schema: WholeSchema, name: string, own: WholeSchema | undefined): ReadValue {
    const { type } = this.#language
    try {
      if (schema.type !== type)
        throw new FormatError(
          'schema-unusable',
          `${name} is a schema of ${schema.type}, the topic's are of ${type}`,
        )
      return this.#language.reader(schema, name, own)
    } catch (error) {
      return refusing(error)
    }
  }

  // Writing

  serialize(value: any): Uint8Array {
    const sink = new KeyBuffer()
    this.#write(value, sink)
    return sink.toBytes()
  }

  serializeInto(value: any, sink: ByteSink): void {
    wholly(sink, () => this.#write(value, sink))
  }

  #write(value: unknown, sink: ByteSink): void {
    if (this.#writer === undefined)
      throw new FormatError(
        'not-prepared',
        this.#place === undefined
          ? 'A serde with a registry writes as part of a topic: topic(name, { value: … })'
          : `Nothing is known yet of the schema that ${this.#place.part}s of ${this.#place.topic} are written with; a topic that is only read is written to by nobody here`,
      )
    writeFrame(this.#writer.id, sink)
    this.#writer.write(value, sink)
  }

  forWriting(): Promise<void> {
    this.#writing ??= this.#prepareWriter().catch(error => {
      this.#writing = undefined
      throw error
    })
    return this.#writing
  }

  async #prepareWriter(): Promise<void> {
    const place = this.#place
    if (place === undefined) throw new TypeError('A serde with a registry is used as part of a topic')
    const { registry, subject: strategy = 'TopicName' } = this.#options
    const own = await this.#own()
    const record = own && this.#language.recordName(own)
    const subject = subjectOf(strategy, { ...place, record })
    const { id, schema } = await this.#schemaToWrite(subject, own)
    const whole = schema === own ? own : await registry.whole(schema)
    const name = `schema ${id} (subject ${subject})`
    this.#writer = { id, write: this.#language.writer(whole, name) }
    if (!this.#readers.has(id)) this.#readers.set(id, this.#read(whole, name, own))
  }

  async #schemaToWrite(
    subject: string,
    own: WholeSchema | undefined,
  ): Promise<{ id: number; schema: Schema }> {
    const { registry, autoRegister = true, useLatestVersion = own === undefined } = this.#options
    if (own === undefined || useLatestVersion) return this.#latest(subject)
    const { type, text, references } = own
    const plain: Schema = { type, text, references }
    if (autoRegister) return { id: await registry.register(subject, plain), schema: own }
    const known = await registry.lookup(subject, plain)
    if (known !== undefined) return { id: known.id, schema: own }
    throw new RegistryError(
      'not-found',
      `Subject ${subject} of the schema registry (${registry.name}) does not have the schema of topic ${this.#place!.topic}. Register it, or set autoRegister: true, or useLatestVersion: true`,
    )
  }

  async #latest(subject: string): Promise<{ id: number; schema: Schema }> {
    try {
      return await this.#options.registry.version(subject, 'latest')
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code !== 'not-found') throw error
      throw new RegistryError(
        'not-found',
        `The schema registry (${this.#options.registry.name}) has no schema to write topic ${this.#place!.topic} with: there is no subject ${subject}. Give the topic's serde a schema, or register one`,
        { cause: error },
      )
    }
  }
}

/** Whatever is read by it is rejected, each record with an error of its own. */
function refusing(error: unknown): ReadValue {
  const reason = error instanceof FormatError ? error.reason : 'schema-unusable'
  return () => {
    throw new FormatError(reason, messageOf(error), { cause: error })
  }
}
