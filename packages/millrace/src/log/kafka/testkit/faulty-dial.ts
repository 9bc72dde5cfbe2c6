import type { Socket } from 'node:net'
import { type Dial, systemDial } from '../dial.ts'

/** Requests by the number that stands in their header. */
export const REQUEST = {
  produce: 0,
  fetch: 1,
  initProducerId: 22,
  addPartitionsToTxn: 24,
  addOffsetsToTxn: 25,
  endTxn: 26,
  txnOffsetCommit: 28,
} as const

/**
 * `request lost`: the connection breaks before the broker gets it. `answer lost`: the broker does it, and the answer never comes.
 * `never sent`: it gets lost and the connection stays.
 */
export type Fault = 'request lost' | 'answer lost' | 'never sent'

const BROKER_HAS_DONE_IT_MS = 300

/** Connections that break at a request of the test's choice. */
export class FaultyDial {
  readonly dial: Dial
  /** Faults that have struck. */
  fired = 0
  #armed: { readonly request: number; readonly fault: Fault } | undefined

  constructor() {
    const connect = systemDial(undefined)
    this.dial = options => this.#watch(connect(options))
  }

  /** The next request of this kind meets the fault. */
  arm(request: number, fault: Fault): void {
    this.#armed = { request, fault }
  }

  #watch(socket: Socket): Socket {
    const write = socket.write.bind(socket) as (chunk: Uint8Array) => boolean
    let bodyBytes = 0
    let isLost = false
    const watched = (chunk: Buffer): boolean => {
      if (bodyBytes > 0) {
        bodyBytes -= chunk.length
        return isLost || write(chunk)
      }
      isLost = false
      bodyBytes = chunk.readInt32BE(0) + 4 - chunk.length
      if (this.#armed?.request !== chunk.readInt16BE(4)) return write(chunk)
      const { fault } = this.#armed
      this.#armed = undefined
      this.fired++
      if (fault === 'never sent') {
        isLost = true
        return true
      }
      if (fault === 'request lost') {
        socket.destroy()
        return false
      }
      socket.pause()
      setTimeout(() => socket.destroy(), BROKER_HAS_DONE_IT_MS)
      return write(chunk)
    }
    socket.write = watched as typeof socket.write
    return socket
  }
}
