/** A call that waits for its answer. */
export interface OpenCall {
  readonly id: number
  answer(): void
  refuse(error: Error): void
}

/** Stands for the other system of an asynchronous step: whoever holds it decides when which call is answered. */
export class CallDesk<T> {
  /** In the order in which they were made. */
  readonly open: OpenCall[] = []
  /** The ids of all calls so far, in order. */
  readonly made: number[] = []

  ask(id: number, answer: T): Promise<T> {
    this.made.push(id)
    return new Promise((resolve, reject) =>
      this.open.push({ id, answer: () => resolve(answer), refuse: reject }),
    )
  }

  /** Answers a call and lets whoever waits for it see that. */
  async settle(call: OpenCall | undefined): Promise<void> {
    if (call === undefined) return
    this.#take(call).answer()
    await promisesRun()
  }

  async refuse(call: OpenCall, error = new Error('no')): Promise<void> {
    this.#take(call).refuse(error)
    await promisesRun()
  }

  #take(call: OpenCall): OpenCall {
    this.open.splice(this.open.indexOf(call), 1)
    return call
  }
}

/** Lets promises that are settled run. */
export async function promisesRun(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}
