import type { Socket } from 'node:net'
import { type Dial, systemDial } from '../dial.ts'
import { watchRequests } from './watch-requests.ts'

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
    return watchRequests(socket, (request, send) => {
      if (this.#armed?.request !== request) return send()
      const { fault } = this.#armed
      this.#armed = undefined
      this.fired++
      if (fault === 'never sent') return true
      if (fault === 'request lost') {
        socket.destroy()
        return false
      }
      socket.pause()
      setTimeout(() => socket.destroy(), BROKER_HAS_DONE_IT_MS)
      return send()
    })
  }
}
