import { type Clock, systemClock } from '../../std/clock.ts'
import { type RegistryAuth, RegistryHttp } from './http.ts'
import { References } from './references.ts'
import type {
  Compatibility,
  CompatibilityAnswer,
  Schema,
  SchemaReference,
  SchemaRegistry,
  SubjectVersion,
  WholeSchema,
} from './registry.ts'
import { RegistryError } from './registry-error.ts'

export interface SchemaRegistryOptions {
  /** Where it is: `http://localhost:8081`. Of several the next is asked when one does not answer. */
  readonly url: string | readonly string[]
  /** By default what stands in the url: `http://user:password@…`. */
  readonly auth?: RegistryAuth
  /** How long one request may take; 10 s by default. */
  readonly timeoutMs?: number
  /** How often a request is tried again that got no answer; 3 by default. Pipelines go on trying by themselves. */
  readonly retries?: number
  /** How long to wait before the first further try; doubled for each. 100 ms by default. */
  readonly retryMs?: number
  readonly clock?: Clock
  /** What sends requests; Node's `fetch` by default. */
  readonly fetch?: typeof fetch
}

/**
 * A schema registry that speaks the API of Confluent's: its own, Karapace, Apicurio (`…/apis/ccompat/v7`), Redpanda. Nothing
 * is asked for until a topic needs it.
 *
 * @example
 * const registry = schemaRegistry({ url: 'http://localhost:8081', auth: { user: 'shop', password } })
 * const orders = topic('orders', { value: avro<Order>({ registry, schema: orderSchema }) })
 */
export function schemaRegistry(options: SchemaRegistryOptions): SchemaRegistry {
  return new HttpRegistry(options)
}

class HttpRegistry implements SchemaRegistry {
  readonly name: string
  readonly #http: RegistryHttp
  readonly #schemas = new Map<number, Promise<WholeSchema>>()
  readonly #ids = new Map<string, Promise<number>>()
  readonly #references: References

  constructor(options: SchemaRegistryOptions) {
    const { auth, timeoutMs = 10_000, retries = 3, retryMs = 100, clock = systemClock } = options
    const urls = typeof options.url === 'string' ? [options.url] : options.url
    checkUrls(urls)
    this.#http = new RegistryHttp({
      urls,
      auth,
      timeoutMs,
      retries,
      retryMs,
      clock,
      fetch: options.fetch ?? fetch,
    })
    this.name = this.#http.name
    this.#references = new References(async reference => {
      const { schema } = await this.version(reference.subject, reference.version)
      return schema
    })
  }

  schema(id: number): Promise<WholeSchema> {
    return remembered(this.#schemas, id, async () => {
      const answer = await this.#http.ask({ method: 'GET', path: `/schemas/ids/${id}`, mayLag: true })
      return this.whole(schemaOf(answer))
    })
  }

  whole(schema: Schema): Promise<WholeSchema> {
    return this.#references.whole(schema)
  }

  register(subject: string, schema: Schema): Promise<number> {
    return remembered(this.#ids, `${subject} ${JSON.stringify(schema)}`, async () => {
      const path = `/subjects/${encodeURIComponent(subject)}/versions`
      return (await this.#ask(subject, { method: 'POST', path, body: bodyOf(schema) })).id
    })
  }

  async lookup(subject: string, schema: Schema): Promise<SubjectVersion | undefined> {
    try {
      const path = `/subjects/${encodeURIComponent(subject)}`
      return versionOf(await this.#http.ask({ method: 'POST', path, body: bodyOf(schema) }))
    } catch (error) {
      if (error instanceof RegistryError && error.code === 'not-found') return undefined
      throw error
    }
  }

  async version(subject: string, version: number | 'latest'): Promise<SubjectVersion> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/${version}`
    return versionOf(await this.#http.ask({ method: 'GET', path }))
  }

  subjects(): Promise<string[]> {
    return this.#http.ask({ method: 'GET', path: '/subjects' })
  }

  versions(subject: string): Promise<number[]> {
    return this.#http.ask({ method: 'GET', path: `/subjects/${encodeURIComponent(subject)}/versions` })
  }

  async check(
    subject: string,
    schema: Schema,
    version: number | 'latest' = 'latest',
  ): Promise<CompatibilityAnswer> {
    const path = `/compatibility/subjects/${encodeURIComponent(subject)}/versions/${version}?verbose=true`
    const { is_compatible, messages, reason } = await this.#http.ask({
      method: 'POST',
      path,
      body: bodyOf(schema),
    })
    return { compatible: is_compatible === true, reasons: messages ?? (reason ? [reason] : []) }
  }

  async compatibility(subject?: string): Promise<Compatibility> {
    const path =
      subject === undefined ? '/config' : `/config/${encodeURIComponent(subject)}?defaultToGlobal=true`
    try {
      return (await this.#http.ask({ method: 'GET', path })).compatibilityLevel
    } catch (error) {
      const hasNone = error instanceof RegistryError && error.code === 'not-found' && subject !== undefined
      if (hasNone) return this.compatibility()
      throw error
    }
  }

  async setCompatibility(compatibility: Compatibility, subject?: string): Promise<void> {
    const path = subject === undefined ? '/config' : `/config/${encodeURIComponent(subject)}`
    await this.#http.ask({ method: 'PUT', path, body: { compatibility } })
  }

  async #ask(subject: string, request: Parameters<RegistryHttp['ask']>[0]): Promise<any> {
    try {
      return await this.#http.ask(request)
    } catch (error) {
      if (!(error instanceof RegistryError) || error.code !== 'incompatible') throw error
      throw new RegistryError(
        'incompatible',
        `${error.message}. The schema breaks the rule of subject ${subject}: change the schema so that both sides can read each other, or the rule`,
        { cause: error },
      )
    }
  }
}

function checkUrls(urls: readonly string[]): void {
  const wrong = urls.find(url => !/^https?:\/\//.test(url) || !URL.canParse(url))
  if (urls.length > 0 && wrong === undefined) return
  throw new TypeError(
    `schemaRegistry: url is ${urls.length === 0 ? 'empty' : `'${wrong}'`}; give one such as 'http://localhost:8081', or a list`,
  )
}

/** A failed answer is no answer: the next call asks again. */
function remembered<K, V>(known: Map<K, Promise<V>>, key: K, ask: () => Promise<V>): Promise<V> {
  let answer = known.get(key)
  if (answer === undefined) {
    answer = ask()
    known.set(key, answer)
    answer.catch(() => known.delete(key))
  }
  return answer
}

/** The type of an Avro schema may be left out, but then Apicurio does not take a bare name such as `"string"`. */
function bodyOf({ type, text, references = [] }: Schema): object {
  return {
    schema: text,
    schemaType: type,
    ...(references.length === 0 ? {} : { references }),
  }
}

function schemaOf(answer: any): Schema {
  const references: readonly SchemaReference[] = answer.references ?? []
  return { type: answer.schemaType ?? 'AVRO', text: answer.schema, references }
}

function versionOf(answer: any): SubjectVersion {
  return { subject: answer.subject, version: answer.version, id: answer.id, schema: schemaOf(answer) }
}
