import { BufferPool } from '../../std/buffer-pool.ts'
import type { Clock } from '../../std/clock.ts'
import { LogError } from '../log.ts'
import { type AnswerOf, API_VERSIONS, type ApiName, type ArgsOf } from './apis.ts'
import { authenticate } from './authenticate.ts'
import { BrokerSocket } from './broker-socket.ts'
import { connectionFailure } from './connection-failure.ts'
import type { Dial } from './dial.ts'
import { AmbiguousError, CODE, KafkaError } from './errors.ts'
import type { KafkaSettings } from './settings.ts'
import { Versions } from './versions.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

/** A connection that is logged in, and what the broker behind it knows. */
export interface Link {
  readonly socket: BrokerSocket
  readonly versions: Versions
  /** When its login is about to run out (monotonic): nothing new may be sent over it then. */
  readonly renewAtMs: number
}

/** Of the time a login is good for; the rest is for requests on their way. */
const LOGIN_USED = 0.85

export interface LinksOptions {
  readonly settings: KafkaSettings
  readonly clock: Clock
  readonly dial: Dial
}

/**
 * The connections of one log. A broker serves a connection strictly in order, so what may wait long (fetch, join) has a lane, a
 * connection of its own; one that broke is made anew with the next request.
 */
export class Links {
  readonly #options: LinksOptions
  readonly #pool = new BufferPool()
  readonly #links = new Map<string, Promise<Link>>()
  #closed = false

  constructor(options: LinksOptions) {
    this.#options = options
  }

  /** The connection of a lane to a broker. Throws `UnreachableError`, and `LogError` code `closed`. */
  async link(address: Address, lane: string): Promise<Link> {
    const key = `${address.host}:${address.port} ${lane}`
    for (;;) {
      this.throwIfClosed()
      const opening = this.#links.get(key) ?? this.#remember(key, this.open(address))
      const link = await opening
      if (this.isFresh(link)) return link
      if (this.#links.get(key) !== opening) continue
      if (link.socket.isOpen) this.#remember(key, this.#succeed(link, address))
      else this.#links.delete(key)
    }
  }

  /** Whether requests may be sent over it: it is open, and its login is good for a while. */
  isFresh(link: Link): boolean {
    return link.socket.isOpen && this.#options.clock.monotonic() < link.renewAtMs
  }

  /** A new login on a new connection, once nothing is under way on the old one: a lane keeps its order. */
  async #succeed(old: Link, address: Address): Promise<Link> {
    await old.socket.idle()
    old.socket.close()
    return this.open(address)
  }

  #remember(key: string, opening: Promise<Link>): Promise<Link> {
    this.#links.set(key, opening)
    opening.catch(() => this.#links.delete(key))
    return opening
  }

  /** A new connection outside the lanes; whoever opened it closes it. */
  async open(address: Address): Promise<Link> {
    const { settings, clock, dial } = this.#options
    const { clientId, connectTimeoutMs, requestTimeoutMs, sasl } = settings
    const broker = `${address.host}:${address.port}`
    const isTls = settings.tls !== undefined
    const pool = this.#pool
    const socket = await BrokerSocket.open({
      ...address,
      clientId,
      clock,
      dial,
      isTls,
      pool,
      connectTimeoutMs,
    })
    const timeoutMs = Math.min(connectTimeoutMs, requestTimeoutMs)
    try {
      const versions = await askVersions(socket, broker, timeoutMs)
      const loginMs = sasl && (await authenticate(socket, { sasl, broker, timeoutMs, clock }))
      this.throwIfClosed()
      const renewAtMs = loginMs ? clock.monotonic() + loginMs * LOGIN_USED : Number.POSITIVE_INFINITY
      return { socket, versions, renewAtMs }
    } catch (error) {
      const cause = socket.reason
      socket.close()
      // Nothing was asked yet that a broker could have done.
      if (error instanceof AmbiguousError) throw connectionFailure({ broker, isTls, cause: cause ?? error })
      throw error
    }
  }

  /** Sends a request over a lane; error codes are in the answer. */
  async request<Name extends ApiName>(
    address: Address,
    lane: string,
    name: Name,
    args: ArgsOf<Name>,
    timeoutMs = this.#options.settings.requestTimeoutMs,
  ): Promise<AnswerOf<Name>> {
    const { socket, versions } = await this.link(address, lane)
    return socket.call(versions.choose(name), args as ArgsOf<Name> & unknown[], timeoutMs)
  }

  throwIfClosed(): void {
    if (this.#closed) throw new LogError('closed', 'The log is closed')
  }

  get isClosed(): boolean {
    return this.#closed
  }

  /** Closes every lane at once; what waits for an answer is rejected. */
  async close(): Promise<void> {
    this.#closed = true
    const links = await Promise.allSettled(this.#links.values())
    for (const link of links) if (link.status === 'fulfilled') link.value.socket.close()
    this.#links.clear()
  }

  /** Ends the connection of a lane, so that nothing sent on it before can overtake what comes next. */
  async cut(address: Address, lane: string): Promise<void> {
    const link = this.#links.get(`${address.host}:${address.port} ${lane}`)
    ;(await link?.catch(() => undefined))?.socket.close()
  }
}

async function askVersions(socket: BrokerSocket, broker: string, timeoutMs: number): Promise<Versions> {
  const software: [string, string] = ['millrace', '0']
  let answer = await socket.call(API_VERSIONS.newest, software, timeoutMs)
  if (answer.errorCode === CODE.unsupportedVersion)
    answer = await socket.call(API_VERSIONS.older, software, timeoutMs)
  if (answer.errorCode !== 0) throw new KafkaError(answer.errorCode, `tell its versions (${broker})`)
  return new Versions(answer, broker)
}
