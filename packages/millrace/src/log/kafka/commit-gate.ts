/** Lets commits through while a group's generation stands still, and a rebalance while no commit is under way. */
export class CommitGate {
  #isOpen = false
  #inside = 0
  #changed = Promise.withResolvers<void>()

  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Resolves at the next opening, closing or leaving. */
  get changed(): Promise<void> {
    return this.#changed.promise
  }

  open(): void {
    this.#isOpen = true
    this.#tell()
  }

  /** From now on nobody enters. */
  shut(): void {
    this.#isOpen = false
    this.#tell()
  }

  get isEmpty(): boolean {
    return this.#inside === 0
  }

  enter(): void {
    this.#inside++
  }

  leave(): void {
    this.#inside--
    this.#tell()
  }

  #tell(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}
