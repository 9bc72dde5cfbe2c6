import type { TopicPartition } from '../log/log.ts'

/**
 * Writes down that a new layout is at work before anything is written under it (SEMANTICS 8.2): when the first partition with
 * such a layout comes, it and all that the membership says after it wait for that.
 */
export class LayoutClaim {
  readonly #topics: ReadonlySet<string>
  readonly #onFailed: (error: Error) => void
  #claim: (() => Promise<void>) | undefined
  /** Settles with the last event that waits. */
  #queue: Promise<void> | undefined

  constructor(
    topics: ReadonlySet<string>,
    claim: (() => Promise<void>) | undefined,
    onFailed: (error: Error) => void,
  ) {
    this.#topics = topics
    this.#claim = claim
    this.#onFailed = onFailed
  }

  /** Partitions come: takes them on, after the claim where there is one to make. */
  assigned(partitions: readonly TopicPartition[], takeOn: () => void): void {
    const claim = this.#claim
    if (claim === undefined || !partitions.some(({ topic }) => this.#topics.has(topic)))
      return this.after(takeOn)
    this.#claim = undefined
    this.#wait((this.#queue ?? Promise.resolve()).then(claim).then(takeOn))
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
    const settled = work.catch(error => this.#onFailed(error as Error))
    this.#queue = settled
    void settled.then(() => {
      if (this.#queue === settled) this.#queue = undefined
    })
  }
}
