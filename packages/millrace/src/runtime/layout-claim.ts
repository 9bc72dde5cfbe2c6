import type { TopicPartition } from '../log/log.ts'

export interface LayoutClaimOptions {
  /** Topics behind which this process brings a layout that has not been at work yet. */
  readonly newTopics: ReadonlySet<string>
  /** All topics behind which it keeps anything. */
  readonly keptTopics: ReadonlySet<string>
  /** Writes down that the layouts are at work, or throws when they must not be. */
  confirm(): Promise<void>
  onFailed(error: Error): void
}

/**
 * Writes down that a new layout is at work before anything is written under it (SEMANTICS 8.2): when the first partition with
 * such a layout comes, it and all that the membership says after it wait for that. After a loss of the membership the same is done for
 * any layout: nobody knows how long it was, and what the others have done and left behind meanwhile.
 */
export class LayoutClaim {
  readonly #options: LayoutClaimOptions
  /** Topics whose partitions are not taken on without confirmation. */
  #unconfirmed: ReadonlySet<string>
  /** Settles with the last event that waits. */
  #queue: Promise<void> | undefined

  constructor(options: LayoutClaimOptions) {
    this.#options = options
    this.#unconfirmed = options.newTopics
  }

  /** Partitions come: takes them on, after the confirmation where it is missing. */
  assigned(partitions: readonly TopicPartition[], takeOn: () => void): void {
    if (!partitions.some(({ topic }) => this.#unconfirmed.has(topic))) return this.after(takeOn)
    this.#unconfirmed = new Set()
    const before = this.#queue ?? Promise.resolve()
    this.#wait(before.then(() => this.#options.confirm()).then(takeOn))
  }

  /** The membership is gone. */
  lost(event: () => void): void {
    this.#unconfirmed = this.#options.keptTopics
    this.after(event)
  }

  /** Something else happens, in its turn. */
  after(event: () => void): void {
    if (this.#queue === undefined) event()
    else this.#wait(this.#queue.then(event))
  }

  /** Partitions go, in their turn. */
  revoked(giveUp: () => Promise<void>): Promise<void> {
    if (this.#queue === undefined) return giveUp()
    const given = this.#queue.then(giveUp)
    this.#wait(given)
    return given
  }

  #wait(work: Promise<void>): void {
    const settled = work.catch(error => this.#options.onFailed(error as Error))
    this.#queue = settled
    void settled.then(() => {
      if (this.#queue === settled) this.#queue = undefined
    })
  }
}
