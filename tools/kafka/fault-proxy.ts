import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A TCP proxy in front of one broker, whose connections can be cut, slowed down, and kept from hearing their answers. */
export class FaultProxy {
  readonly #server: Server
  readonly #target: number
  readonly #pairs = new Set<Pair>()
  #delayMs = 0
  #heldBack: Promise<void> | undefined
  #isShut = false
  /** Chunks that were delayed or held back so far. */
  latecomers = 0

  private constructor(server: Server, target: number) {
    this.#server = server
    this.#target = target
    server.on('connection', client => this.#accept(client))
  }

  /** Listens on a free port of loopback for what goes to the port `target` there. */
  static async listen(target: number): Promise<FaultProxy> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new FaultProxy(server, target)
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port
  }

  get connections(): number {
    return this.#pairs.size
  }

  /** Breaks every connection; gives how many there were. */
  cut(): number {
    const { size } = this.#pairs
    for (const { client, broker } of this.#pairs) {
      client.resetAndDestroy()
      broker.destroy()
    }
    return size
  }

  /** Each chunk of bytes, both ways, takes so much longer; 0 ends it. */
  delay(ms: number): void {
    this.#delayMs = ms
  }

  /** Keeps the broker's answers back until the function returned is called; requests go through. */
  holdAnswers(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#heldBack = promise
    return () => {
      if (this.#heldBack === promise) this.#heldBack = undefined
      resolve()
    }
  }

  /** Takes no new connections, and breaks those that come, until `open`. */
  shut(): void {
    this.#isShut = true
    this.cut()
  }

  open(): void {
    this.#isShut = false
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #accept(client: Socket): void {
    client.on('error', () => {})
    if (this.#isShut) return void client.resetAndDestroy()
    const broker = connect(this.#target, '127.0.0.1')
    broker.on('error', () => {})
    for (const socket of [client, broker]) socket.setNoDelay(true)
    const pair = { client, broker }
    this.#pairs.add(pair)
    const requests = this.#pipe(client, broker, () => undefined)
    const answers = this.#pipe(broker, client, () => this.#heldBack)
    void Promise.allSettled([requests, answers]).then(() => this.#pairs.delete(pair))
  }

  async #pipe(from: Socket, to: Socket, gate: () => Promise<void> | undefined): Promise<void> {
    try {
      for await (const chunk of from) {
        const held = gate()
        if (held !== undefined || this.#delayMs > 0) this.latecomers++
        if (this.#delayMs > 0) await sleep(this.#delayMs)
        await held
        if (!to.writable) break
        if (!to.write(chunk as Buffer)) await writable(to)
      }
      to.end()
    } catch {
      // Cut: by the proxy, or by either end.
    } finally {
      from.destroy()
      to.destroySoon()
    }
  }
}

/** Resolves when it takes more, or never will. */
async function writable(socket: Socket): Promise<void> {
  const done = new AbortController()
  const { signal } = done
  // The listener of what did not happen would stay for as long as the connection.
  await Promise.race(['drain', 'close'].map(event => once(socket, event, { signal }))).finally(() =>
    done.abort(),
  )
}

interface Pair {
  readonly client: Socket
  readonly broker: Socket
}
