import { Answer } from '../reference/answer.ts'

/** The calls of a random pipeline that wait for their answers; whoever holds it decides when which is answered. */
export class OpenCalls {
  readonly #open: (() => void)[] = []

  get size(): number {
    return this.#open.length
  }

  /** A callback of `asyncMap` that gives what `fn` does, when it is answered. */
  asking<V, R>(fn: (value: V) => R): (value: V) => Promise<R> {
    const ask = (value: V) =>
      new Answer(
        () => fn(value),
        settle => this.#open.push(settle),
      )
    return ask as unknown as (value: V) => Promise<R>
  }

  /** Answers one of them. */
  answer(index: number): void {
    this.#open.splice(index, 1)[0]!()
  }
}
