import type { Socket } from 'node:net'
import {
  type API,
  type Callback,
  type Connection,
  Reader,
  type ResponseParser,
  type Writer,
} from '@platformatic/kafka'
import type { BufferPool } from '../../std/buffer-pool.ts'
import type { Clock } from '../../std/clock.ts'
import { CLOSED, connectionFailure } from './connection-failure.ts'
import type { Dial } from './dial.ts'
import { AmbiguousError, UnreachableError } from './errors.ts'
import { type Frame, FrameReader } from './frames.ts'

export interface SocketOptions {
  readonly host: string
  readonly port: number
  readonly clientId: string
  readonly clock: Clock
  readonly dial: Dial
  readonly isTls: boolean
  readonly pool: BufferPool
  readonly connectTimeoutMs: number
}

/** Versions are told to everybody; what comes next only to who may ask. */
const CLOSED_AT_FIRST = `${CLOSED} at the first request; a port that wants a login does that ('security.protocol' SASL_PLAINTEXT or SASL_SSL in kafka: {})`

interface Waiting {
  readonly resolve: (frame: Frame) => void
  readonly reject: (error: Error) => void
  readonly cancelTimeout: () => void
}

/**
 * One connection to one broker: requests go out in order and are answered in order. It does not reconnect. When it ends, or an
 * answer is late, everything that waits is rejected with an `AmbiguousError`: the broker may have done it.
 */
export class BrokerSocket {
  readonly #options: SocketOptions
  readonly #socket: Socket
  readonly #clientId: Buffer
  readonly #waiting = new Map<number, Waiting>()
  #correlationId = 0
  #answers = 0
  #idle: PromiseWithResolvers<void> | undefined
  #ended: Error | undefined

  /** Resolves when connected (TLS included). Throws `UnreachableError`. */
  static async open(options: SocketOptions): Promise<BrokerSocket> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const socket = new BrokerSocket(options, resolve, reject)
    const cancel = options.clock.after(options.connectTimeoutMs, () =>
      reject(new Error(`no answer within ${options.connectTimeoutMs} ms`)),
    )
    try {
      await promise
    } catch (cause) {
      socket.close()
      const broker = `${options.host}:${options.port}`
      throw connectionFailure({ broker, isTls: options.isTls, cause: cause as Error })
    } finally {
      cancel()
    }
    return socket
  }

  private constructor(options: SocketOptions, onReady: () => void, onFailed: (error: Error) => void) {
    this.#options = options
    this.#clientId = Buffer.from(options.clientId)
    const frames = new FrameReader(options.pool, frame => this.#answer(frame))
    const onBytes = (count: number): boolean => {
      try {
        frames.accept(count)
      } catch (error) {
        this.#end(error as Error)
        return false
      }
      return true
    }
    this.#socket = options.dial({
      host: options.host,
      port: options.port,
      onReady,
      onread: { buffer: () => frames.target(), callback: onBytes },
    })
    this.#socket.setNoDelay(true)
    this.#socket.on('error', error => {
      onFailed(error)
      this.#end(error)
    })
    this.#socket.on('close', () => {
      onFailed(new Error(CLOSED))
      this.#end(new Error(this.#answers === 1 ? CLOSED_AT_FIRST : CLOSED))
    })
  }

  get isOpen(): boolean {
    return this.#ended === undefined
  }

  /** Why it ended. */
  get reason(): Error | undefined {
    return this.#ended
  }

  /** Resolves when no request waits for its answer. */
  idle(): Promise<void> {
    if (this.#waiting.size === 0) return Promise.resolve()
    this.#idle ??= Promise.withResolvers()
    return this.#idle.promise
  }

  /** Requests that wait for their answer. */
  get inFlight(): number {
    return this.#waiting.size
  }

  /**
   * Calls an API of the library over this socket. Error codes stay in the answer, where the caller looks at them: only a
   * broken connection rejects.
   */
  call<Args extends unknown[], Response>(
    api: API<Args, Response>,
    args: Args,
    timeoutMs: number,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const done: Callback<Response> = (error, response) =>
        error === null ? resolve(response as Response) : reject(error)
      const connection = this.asConnection(timeoutMs)
      ;(api as unknown as (connection: Connection, ...rest: unknown[]) => void)(connection, ...args, done)
    })
  }

  /** What the library's functions take for a connection. */
  asConnection(timeoutMs: number): Connection {
    const send = (
      key: number,
      version: number,
      createPayload: () => Writer,
      parse: ResponseParser<unknown>,
      requestTags: boolean,
      responseTags: boolean,
      done: Callback<unknown>,
    ) => {
      this.send(key, version, createPayload(), timeoutMs, requestTags).then(frame => {
        let answer: unknown
        try {
          const body = frame.bytes.subarray(responseTags ? 5 : 4)
          answer = parse(0, key, version, Reader.from(body))
        } catch (error) {
          answer = (error as { response?: unknown }).response
          if (answer === undefined) return done(error as Error)
        }
        done(null, answer)
      }, done)
    }
    return { send } as unknown as Connection
  }

  /**
   * Sends a request; resolves with the whole frame of the answer, whose first 4 bytes are the correlation id. Of all requests that
   * are sent only the handshake of a login has a header without `tags`.
   */
  send(key: number, version: number, body: Writer, timeoutMs: number, tags = true): Promise<Frame> {
    if (this.#ended !== undefined) {
      return Promise.reject(
        new UnreachableError(`The connection to ${this.#name} is closed`, { cause: this.#ended }),
      )
    }
    this.#correlationId = (this.#correlationId + 1) & 0x7fffffff
    const correlationId = this.#correlationId
    const { promise, resolve, reject } = Promise.withResolvers<Frame>()
    const cancelTimeout = this.#options.clock.after(timeoutMs, () =>
      this.#end(new Error(`no answer within ${timeoutMs} ms`)),
    )
    this.#waiting.set(correlationId, { resolve, reject, cancelTimeout })
    this.#socket.cork()
    this.#socket.write(this.#header(key, version, correlationId, body.length, tags))
    for (const part of body.buffers) this.#socket.write(part)
    this.#socket.uncork()
    return promise
  }

  #header(key: number, version: number, correlationId: number, bodyBytes: number, tags: boolean): Buffer {
    const header = Buffer.allocUnsafe((tags ? 15 : 14) + this.#clientId.length)
    header.writeInt32BE(header.length - 4 + bodyBytes, 0)
    header.writeInt16BE(key, 4)
    header.writeInt16BE(version, 6)
    header.writeInt32BE(correlationId, 8)
    header.writeInt16BE(this.#clientId.length, 12)
    this.#clientId.copy(header, 14)
    if (tags) header[header.length - 1] = 0
    return header
  }

  #answer(frame: Frame): void {
    const correlationId = frame.bytes.readInt32BE(0)
    const waiting = this.#waiting.get(correlationId)
    if (waiting === undefined) throw new Error(`it answered ${correlationId}, which was not asked`)
    this.#waiting.delete(correlationId)
    this.#answers++
    waiting.cancelTimeout()
    waiting.resolve(frame)
    if (this.#waiting.size === 0) this.#idle?.resolve()
  }

  #end(cause: Error): void {
    if (this.#ended !== undefined) return
    this.#ended = cause
    this.#socket.destroy()
    for (const { reject, cancelTimeout } of this.#waiting.values()) {
      cancelTimeout()
      reject(new AmbiguousError(`No answer from Kafka at ${this.#name}: ${cause.message}`, { cause }))
    }
    this.#waiting.clear()
    this.#idle?.resolve()
  }

  get #name(): string {
    return `${this.#options.host}:${this.#options.port}`
  }

  close(): void {
    this.#end(new Error('closed by us'))
  }
}
