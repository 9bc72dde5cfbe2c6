/** The small fast counter generator of 32 bits, all arithmetic in integers: the same numbers in any language. */
export class Sfc32 {
  #a = 0
  #b = 0
  #c = 0
  #d = 1

  /** Begins the sequence that three words name. */
  seed(a: number, b: number, c: number): this {
    this.#a = a | 0
    this.#b = b | 0
    this.#c = c | 0
    this.#d = 1
    for (let i = 0; i < 12; i++) this.next()
    return this
  }

  /** An integer in [0, 2^32). */
  next(): number {
    const t = (this.#a + this.#b + this.#d) | 0
    this.#d = (this.#d + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + t) | 0
    return t >>> 0
  }

  /** An integer in [0, n). */
  below(n: number): number {
    return Math.floor(this.unit() * n)
  }

  /** A number in [0, 1). */
  unit(): number {
    return this.next() / 4_294_967_296
  }
}
