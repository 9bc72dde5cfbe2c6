/** A sum over results that does not depend on their order, with their number; what outputs and oracle are compared by. */
export class Digest {
  #count = 0
  #low = 0
  #high = 0

  add(text: string): void {
    let a = 0x811c9dc5
    let b = 0x9e3779b9
    for (let i = 0; i < text.length; i++) {
      const c = text.charCodeAt(i)
      a = Math.imul(a ^ c, 0x01000193)
      b = Math.imul(b ^ c, 0x85ebca6b) ^ (b >>> 13)
    }
    this.#count++
    this.#low = (this.#low + (a >>> 0)) % 2 ** 52
    this.#high = (this.#high + ((b ^ (a >>> 7)) >>> 0)) % 2 ** 52
  }

  get text(): string {
    return `${this.#count} results, ${this.#low.toString(16)}:${this.#high.toString(16)}`
  }
}
