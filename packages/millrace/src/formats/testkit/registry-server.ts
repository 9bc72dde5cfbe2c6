import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { memoryRegistry } from '../registry/memory-registry.ts'
import type { Schema, SchemaRegistry, SubjectVersion } from '../registry/registry.ts'
import { RegistryError } from '../registry/registry-error.ts'

export interface Answer {
  readonly status: number
  readonly body: unknown
}

/** Says what a request is answered instead; `cut` ends the connection without an answer. */
export type Fault = (place: string) => Answer | 'cut' | undefined

/** A registry on a free port of this machine, for tests alone: the API of Confluent's over a registry in memory. */
export class RegistryServer implements AsyncDisposable {
  readonly registry: SchemaRegistry = memoryRegistry()
  /** `GET /subjects` and so on, in order. */
  readonly requests: string[] = []
  readonly logins: (string | undefined)[] = []
  fault: Fault = () => undefined
  readonly #server = createServer((request, response) => void this.#serve(request, response))

  static async start(): Promise<RegistryServer> {
    const server = new RegistryServer()
    await new Promise<void>(resolve => server.#server.listen(0, '127.0.0.1', resolve))
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const place = `${request.method} ${request.url}`
    this.requests.push(place)
    this.logins.push(request.headers.authorization)
    let text = ''
    for await (const chunk of request) text += chunk
    const fault = this.fault(place)
    if (fault === 'cut') return void response.destroy()
    const { status, body } = fault ?? (await this.#answer(place, text === '' ? {} : JSON.parse(text)))
    response.writeHead(status, { 'content-type': 'application/vnd.schemaregistry.v1+json' })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }

  async #answer(place: string, body: any): Promise<Answer> {
    try {
      return { status: 200, body: await this.#route(place, body) }
    } catch (error) {
      const isMissing = error instanceof RegistryError && error.code === 'not-found'
      return {
        status: isMissing ? 404 : 500,
        body: { error_code: isMissing ? 40403 : 50001, message: (error as Error).message },
      }
    }
  }

  async #route(place: string, body: any): Promise<unknown> {
    const { registry } = this
    const [method, path] = place.replace(/\?.*/, '').split(' ') as [string, string]
    const [, first, second, third, fourth] = path.split('/').map(decodeURIComponent)
    const version = fourth === 'latest' ? 'latest' : Number(fourth)
    const schema: Schema = { type: body.schemaType ?? 'AVRO', text: body.schema, references: body.references }
    if (first === 'schemas') return shown(await registry.schema(Number(third)))
    if (first === 'subjects' && second === undefined) return registry.subjects()
    if (first === 'subjects' && third === 'versions') {
      if (method === 'POST') return { id: await registry.register(second!, schema) }
      if (fourth === undefined) return registry.versions(second!)
      return shownVersion(await registry.version(second!, version))
    }
    if (first === 'subjects') {
      const found = await registry.lookup(second!, schema)
      if (found === undefined) throw new RegistryError('not-found', 'Schema not found')
      return shownVersion(found)
    }
    if (first === 'compatibility') return { is_compatible: true, messages: [] }
    if (method === 'PUT') await registry.setCompatibility(body.compatibility, second)
    return { compatibilityLevel: await registry.compatibility(second) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

function shown({ type, text, references = [] }: Schema): object {
  return { schema: text, ...(type === 'AVRO' ? {} : { schemaType: type }), references }
}

function shownVersion({ subject, version, id, schema }: SubjectVersion): object {
  return { subject, version, id, ...shown(schema) }
}
