import type { AsyncMapNode } from '../../plan/graph.ts'
import { call, recordView, StepFailure } from './callbacks.ts'
import type { FlowRecord } from './types.ts'

/** What an asynchronous call of a modelled pipeline gives: the model reads it at once, a run awaits it. */
export class Answer implements PromiseLike<unknown> {
  readonly #make: () => unknown
  readonly #ask: (settle: () => void) => void

  /** `make` gives the result or throws; `ask` settles the answer for those who await it whenever it likes. */
  constructor(make: () => unknown, ask: (settle: () => void) => void) {
    this.#make = make
    this.#ask = ask
  }

  get now(): unknown {
    return this.#make()
  }

  // biome-ignore lint/suspicious/noThenProperty: it is awaited.
  then<A, B>(resolve?: ((value: unknown) => A) | null, reject?: ((reason: unknown) => B) | null): never {
    this.#ask(() => {
      let value: unknown
      try {
        value = this.#make()
      } catch (error) {
        reject!(error)
        return
      }
      resolve!(value)
    })
    return undefined as never
  }
}

/** The result of an asynchronous call, without waiting for it. */
export function answered({ fn }: AsyncMapNode, record: FlowRecord): unknown {
  return call(() => {
    const answer = fn(record.value, recordView(record))
    if (!(answer instanceof Answer)) throw new StepFailure('error', 'the model cannot wait for a promise')
    return answer.now
  })
}
