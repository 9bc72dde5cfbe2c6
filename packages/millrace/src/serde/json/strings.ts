import type { SliceBuffer } from './slots.ts'

/** Longer strings are made anew each time: they repeat less and cost more to compare. */
const BYTES_MAX = 32
const WORDS = BYTES_MAX / 4
const ENTRIES = 2048
/** After so many look-ups it is judged whether they pay. */
const TRIAL = 2048
/** For how many strings the cache then stands aside, when fewer than a third were found. */
const PAUSE = 65_536

/**
 * Remembers recent short strings of one field by their bytes, so that a value that comes again is not made
 * again: finding one costs a quarter of making one, and its hash is known already where it becomes a map key.
 */
export class StringCache {
  readonly #words = new Int32Array(ENTRIES * WORDS)
  readonly #lengths = new Uint8Array(ENTRIES)
  readonly #strings: string[] = new Array(ENTRIES).fill('')
  #pause = 0
  #found = 0
  #made = 0

  /** True while strings are made without looking, because too few of the last ones came again. */
  get standsAside(): boolean {
    return this.#pause > 0
  }

  /** The string of the ASCII bytes `[start, end)`. Reads up to 3 bytes behind `end`. */
  take(u: SliceBuffer, v: DataView, start: number, end: number): string {
    const length = end - start
    if (length > BYTES_MAX || length === 0) return u.latin1Slice(start, end)
    if (this.#pause > 0) {
      this.#pause--
      return u.latin1Slice(start, end)
    }
    const lastWord = start + ((length - 1) & ~3)
    const last = v.getInt32(lastWord, true) & (-1 >>> ((4 - (end - lastWord)) << 3))
    let hash = Math.imul(last ^ length, 0x9e3779b1)
    for (let p = start; p < lastWord; p += 4)
      hash = Math.imul((hash ^ (hash >>> 15)) + v.getInt32(p, true), 0x85ebca6b)
    const entry = (hash ^ (hash >>> 15)) & (ENTRIES - 1)
    if (this.#lengths[entry] === length) {
      const words = this.#words
      let i = entry * WORDS
      let p = start
      while (p < lastWord && words[i] === v.getInt32(p, true)) {
        p += 4
        i++
      }
      if (p === lastWord && words[i] === last) {
        this.#found++
        return this.#strings[entry]!
      }
    }
    return this.#make(u, v, start, end, entry)
  }

  #make(u: SliceBuffer, v: DataView, start: number, end: number, entry: number): string {
    const string = u.latin1Slice(start, end)
    const lastWord = start + ((end - start - 1) & ~3)
    let i = entry * WORDS
    for (let p = start; p < lastWord; p += 4) this.#words[i++] = v.getInt32(p, true)
    this.#words[i] = v.getInt32(lastWord, true) & (-1 >>> ((4 - (end - lastWord)) << 3))
    this.#lengths[entry] = end - start
    this.#strings[entry] = string
    if (++this.#made + this.#found >= TRIAL) this.#judge()
    return string
  }

  #judge(): void {
    if (this.#found < this.#made / 2) this.#pause = PAUSE
    this.#found = 0
    this.#made = 0
  }
}
