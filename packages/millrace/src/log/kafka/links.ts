import type { Clock } from '../../std/clock.ts'
import { LogError } from '../log.ts'
import { type AnswerOf, API_VERSIONS, type ApiName, type ArgsOf } from './apis.ts'
import { authenticate } from './authenticate.ts'
import { BrokerSocket } from './broker-socket.ts'
import { BufferPool } from './buffer-pool.ts'
import type { Dial } from './dial.ts'
import { CODE, KafkaError } from './errors.ts'
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
}

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
      if (link.socket.isOpen) return link
      if (this.#links.get(key) === opening) this.#links.delete(key)
    }
  }

  #remember(key: string, opening: Promise<Link>): Promise<Link> {
    this.#links.set(key, opening)
    opening.catch(() => this.#links.delete(key))
    return opening
  }

  /** A new connection outside the lanes; whoever opened it closes it. */
  async open(address: Address): Promise<Link> {
    const { settings, clock, dial } = this.#options
    const { clientId, connectTimeoutMs, requestTimeoutMs } = settings
    const name = `${address.host}:${address.port}`
    const socket = await BrokerSocket.open({
      ...address,
      clientId,
      clock,
      dial,
      pool: this.#pool,
      connectTimeoutMs,
    })
    try {
      const versions = await askVersions(socket, name, requestTimeoutMs)
      if (settings.sasl !== undefined) await authenticate(socket, settings.sasl, name, requestTimeoutMs)
      this.throwIfClosed()
      return { socket, versions }
    } catch (error) {
      socket.close()
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
