const slotsMin = 256
/** Stretches that lie so many apart share a bit. */
const stretchesMax = 32

/**
 * In which stretches of time keys may have something: a bit each, found by a key's hash, so that most look-ups that would find nothing are spared. It may
 * name too many and never too few.
 */
export class StretchFilter {
  readonly #bucketMs: number
  #slots = new Int32Array(slotsMin)
  /** How many bits each stretch has set, as far as they were not set already, and all of them. */
  readonly #counts = new Int32Array(stretchesMax)
  #count = 0

  constructor(bucketMs: number) {
    this.#bucketMs = bucketMs
  }

  /** The stretches of a key, for `isIn`. */
  of(hash: number): number {
    return this.#slots[hash & (this.#slots.length - 1)]!
  }

  isIn(stretches: number, start: number): boolean {
    return ((stretches >>> this.#bitOf(start)) & 1) === 1
  }

  add(hash: number, start: number): void {
    const bit = this.#bitOf(start)
    const slot = hash & (this.#slots.length - 1)
    const stretches = this.#slots[slot]!
    if (((stretches >>> bit) & 1) === 1) return
    this.#slots[slot] = stretches | (1 << bit)
    this.#counts[bit]!++
    if (2 * ++this.#count > this.#slots.length) this.#grow()
  }

  /** A stretch has gone; those of the `others` have not. */
  drop(start: number, others: readonly number[]): void {
    const bit = this.#bitOf(start)
    if (this.#counts[bit] === 0 || others.some(each => this.#bitOf(each) === bit)) return
    const slots = this.#slots
    const left = ~(1 << bit)
    for (let slot = 0; slot < slots.length; slot++) slots[slot]! &= left
    this.#count -= this.#counts[bit]!
    this.#counts[bit] = 0
  }

  #bitOf(start: number): number {
    return (start / this.#bucketMs) & (stretchesMax - 1)
  }

  /** Keys that shared a slot keep what either of them has. */
  #grow(): void {
    const { length } = this.#slots
    const larger = new Int32Array(4 * length)
    for (let at = 0; at < larger.length; at += length) larger.set(this.#slots, at)
    this.#slots = larger
  }
}
