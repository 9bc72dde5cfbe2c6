/**
 * A seeded 32-bit hash of a byte range, and the words both hash and comparison read.
 *
 * Each word is scrambled by a secret multiplier before it meets the state, and the state by a second one,
 * so that keys that collide under every seed cannot be worked out in advance. Hashes are never stored.
 */
export class KeyHash {
  readonly #seed: number
  readonly #wordFactor: number
  readonly #stateFactor: number
  #source: Uint8Array | undefined
  #view: DataView = new DataView(new ArrayBuffer(0))

  constructor(seed: number) {
    this.#seed = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b)
    this.#wordFactor = (Math.imul(this.#seed ^ (this.#seed >>> 15), 0x2c1b3c6d) ^ 0xcc9e2d51) | 1
    this.#stateFactor = (Math.imul(this.#wordFactor ^ (this.#wordFactor >>> 13), 0x297a2d39) ^ 0x1b873593) | 1
  }

  hash(bytes: Uint8Array, start: number, end: number): number {
    const view = this.view(bytes)
    const wordFactor = this.#wordFactor
    const stateFactor = this.#stateFactor
    let state = this.#seed ^ (end - start)
    let word = 0
    let at = start
    for (const last = end - 4; at < last; at += 4) {
      word = Math.imul(view.getInt32(at, true), wordFactor)
      state = Math.imul(state ^ word ^ (word >>> 15), stateFactor)
    }
    word = Math.imul(
      end - start >= 4 ? view.getInt32(end - 4, true) : shortWord(bytes, start, end),
      wordFactor,
    )
    state = Math.imul(state ^ word ^ (word >>> 15), stateFactor)
    state = Math.imul(state ^ (state >>> 16), 0x7feb352d)
    state = Math.imul(state ^ (state >>> 15), 0x846ca68b)
    return state ^ (state >>> 16)
  }

  /** A view of `bytes`, made once while the same array is asked about. */
  view(bytes: Uint8Array): DataView {
    if (bytes !== this.#source) {
      this.#source = bytes
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    return this.#view
  }

  /** Lets go of the bytes seen last. */
  release(): void {
    this.#source = undefined
    this.#view = new DataView(new ArrayBuffer(0))
  }
}

/** The bytes of a range shorter than a word, the missing ones zero. */
function shortWord(bytes: Uint8Array, start: number, end: number): number {
  let word = 0
  for (let at = end - 1; at >= start; at--) word = (word << 8) | bytes[at]!
  return word
}

/** The 1 to 4 bytes behind the last whole word of a key, the missing ones zero. */
export function tailWord(view: DataView, bytes: Uint8Array, start: number, end: number): number {
  const length = end - start
  if (length < 4) return shortWord(bytes, start, end)
  const rest = ((length - 1) & 3) + 1
  return (view.getInt32(end - 4, true) >>> (8 * (4 - rest))) | 0
}
