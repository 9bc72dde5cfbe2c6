import type { AsyncMapNode } from '../../plan/graph.ts'
import type { Clock } from '../../std/clock.ts'

/** A call took longer than it may. */
class CallTimeout extends Error {
  override readonly name = 'TimeoutError'
  readonly reason = 'timeout'
}

/** What became of the attempts of one call. */
export type Outcome = { readonly returned: unknown } | { readonly error: unknown }

/** The attempts of one call, one after the other, until one succeeds or the policy has none left. */
export class Attempts {
  /** How many have failed. */
  failed = 0
  readonly #node: AsyncMapNode
  readonly #clock: Clock
  readonly #make: (signal: AbortSignal) => unknown
  #controller = new AbortController()
  #cancelTimer = () => {}
  #isClosed = false

  /** `make` makes the call once. */
  constructor(node: AsyncMapNode, clock: Clock, make: (signal: AbortSignal) => unknown) {
    this.#node = node
    this.#clock = clock
    this.#make = make
  }

  /** Makes the call until it is settled; `done` is called once, and not at all after `close`. */
  start(done: (outcome: Outcome) => void, retrying: () => void): void {
    const settled = (outcome: Outcome) => {
      if (!this.#isClosed) done(outcome)
    }
    this.#once().then(
      returned => settled({ returned }),
      (error: unknown) => {
        if (this.#isClosed) return
        const outcome = this.#outcomeOf(error)
        if (outcome !== undefined) return settled(outcome)
        this.#cancelTimer = this.#clock.after(this.#backoffMs(), () => {
          retrying()
          this.start(done, retrying)
        })
        this.failed++
      },
    )
  }

  /** Aborts what is under way. */
  close(reason: Error): void {
    this.#isClosed = true
    this.#cancelTimer()
    this.#controller.abort(reason)
  }

  /** Undefined where the call is made again. */
  #outcomeOf(error: unknown): Outcome | undefined {
    const { retry } = this.#node
    if (retry === undefined || this.failed >= retry.retries) return { error }
    try {
      return (retry.when?.(error, this.failed) ?? true) ? undefined : { error }
    } catch (thrown) {
      return { error: thrown }
    }
  }

  #backoffMs(): number {
    const { backoffMs, maxBackoffMs } = this.#node.retry!
    return maxBackoffMs === undefined ? backoffMs : Math.min(backoffMs * 2 ** this.failed, maxBackoffMs)
  }

  #once(): Promise<unknown> {
    const controller = new AbortController()
    this.#controller = controller
    const { timeoutMs } = this.#node
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(timeoutMs, () => {
        const error = new CallTimeout(`The call took longer than ${timeoutMs} ms`)
        reject(error)
        controller.abort(error)
      })
      this.#cancelTimer = cancel
      this.#made(controller.signal).finally(cancel).then(resolve, reject)
    })
  }

  async #made(signal: AbortSignal): Promise<unknown> {
    return this.#make(signal)
  }
}
