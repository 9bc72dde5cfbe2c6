import type { Clock } from '../../std/clock.ts'
import { messageOf } from '../format-error.ts'
import { RegistryError, type RegistryErrorCode } from './registry-error.ts'

/** How to log in. A token may be made anew for each request. */
export type RegistryAuth =
  | { readonly user: string; readonly password: string }
  | { readonly token: string | (() => string | Promise<string>) }

export interface HttpOptions {
  readonly urls: readonly string[]
  readonly auth: RegistryAuth | undefined
  readonly timeoutMs: number
  /** Rounds over all urls after the first one. */
  readonly retries: number
  readonly retryMs: number
  readonly clock: Clock
  readonly fetch: typeof fetch
}

export interface RegistryRequest {
  readonly method: 'GET' | 'POST' | 'PUT'
  readonly path: string
  readonly body?: object
  /** The answer may change within a moment, as that of a follower which lags: a 404 is asked again. */
  readonly mayLag?: boolean
}

/** Codes of answers that mean "no such": schema, version, subject, and a subject without a rule of its own. */
const notFoundCodes = new Set([40401, 40402, 40403, 40408])

/**
 * Speaks to a registry that has one or several urls: what one does not answer, the next one is asked for, and after the last
 * one all of them again after a while.
 */
export class RegistryHttp {
  readonly name: string
  readonly #options: HttpOptions
  /** The url that answered last. */
  #current = 0

  constructor(options: HttpOptions) {
    this.#options = options
    this.name = options.urls.map(withoutLogin).join(', ')
  }

  async ask(request: RegistryRequest): Promise<any> {
    const { urls, retries, retryMs } = this.#options
    for (let round = 0; ; round++) {
      let last: RegistryError | undefined
      for (let i = 0; i < urls.length; i++) {
        try {
          return await this.#askOne(urls[this.#current]!, request)
        } catch (error) {
          if (!isWorthAnotherTry(error, request)) throw error
          last = error as RegistryError
          this.#current = (this.#current + 1) % urls.length
        }
      }
      if (round >= retries) throw last
      await this.#pause(retryMs * 2 ** round)
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => this.#options.clock.after(ms, resolve))
  }

  async #askOne(url: string, request: RegistryRequest): Promise<unknown> {
    const { clock, timeoutMs } = this.#options
    const place = `${request.method} ${withoutLogin(url)}${request.path}`
    const abort = new AbortController()
    const cancel = clock.after(timeoutMs, () => abort.abort(new Error(`no answer within ${timeoutMs} ms`)))
    let response: Response
    let text: string
    try {
      response = await this.#send(url, request, abort.signal)
      text = await response.text()
    } catch (cause) {
      if (cause instanceof RegistryError) throw cause
      throw new RegistryError(
        'unreachable',
        `The schema registry does not answer (${place}): ${reasonOf(cause)}`,
        { cause },
      )
    } finally {
      cancel()
    }
    const answer = parsed(text)
    if (response.ok && answer !== undefined) return answer
    throw refusal(response.status, answer, place)
  }

  async #send(url: string, { method, path, body }: RegistryRequest, signal: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { accept: 'application/vnd.schemaregistry.v1+json' }
    if (body !== undefined) headers['content-type'] = 'application/vnd.schemaregistry.v1+json'
    const login = await this.#login(url)
    if (login !== undefined) headers.authorization = login
    const { fetch } = this.#options
    return fetch(`${withoutLogin(url)}${path}`, {
      method,
      headers,
      body: body && JSON.stringify(body),
      signal,
    })
  }

  async #login(url: string): Promise<string | undefined> {
    const { auth } = this.#options
    if (auth === undefined) {
      const { username, password } = new URL(url)
      return username === '' ? undefined : basic(decodeURIComponent(username), decodeURIComponent(password))
    }
    if ('user' in auth) return basic(auth.user, auth.password)
    try {
      return `Bearer ${typeof auth.token === 'function' ? await auth.token() : auth.token}`
    } catch (cause) {
      throw new RegistryError(
        'unreachable',
        `There is no token for the schema registry: ${messageOf(cause)}`,
        {
          cause,
        },
      )
    }
  }
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
}

/** Without the login that may stand in it, and without a slash at its end. */
function withoutLogin(url: string): string {
  const bare = new URL(url)
  bare.username = ''
  bare.password = ''
  return bare.href.replace(/\/+$/, '')
}

function isWorthAnotherTry(error: unknown, { mayLag = false }: RegistryRequest): boolean {
  return error instanceof RegistryError && (error.retriable || (mayLag && error.code === 'not-found'))
}

/** What the network said: fetch itself says nothing but that it failed. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof AggregateError && cause.errors.length > 0) return messageOf(cause.errors[0])
  return messageOf(cause instanceof Error ? cause : error)
}

function parsed(text: string): any {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function refusal(status: number, answer: any, place: string): RegistryError {
  const said = typeof answer?.message === 'string' ? `: ${answer.message}` : ''
  const code = codeOf(status, answer?.error_code)
  const hint =
    code === 'unauthorized'
      ? '. Check `auth`'
      : code === 'refused' && (status === 404 || status < 300)
        ? ". Is the url right? It ends before /subjects, for example '…/apis/ccompat/v7'"
        : ''
  return new RegistryError(code, `The schema registry answered ${status} to ${place}${said}${hint}`)
}

function codeOf(status: number, errorCode: unknown): RegistryErrorCode {
  if (status === 401 || status === 403) return 'unauthorized'
  if (status === 404 && notFoundCodes.has(errorCode as number)) return 'not-found'
  if (status === 409) return 'incompatible'
  return status >= 500 || status === 429 || status === 408 ? 'unreachable' : 'refused'
}
