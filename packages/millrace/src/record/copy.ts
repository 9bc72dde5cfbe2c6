/** Up to here a byte loop is fastest, and from the other on a call into the runtime; words in between. */
const LOOP_BYTES_MAX = 8
const CALL_BYTES_MIN = 192

/**
 * Copies ranges out of one source after the other. A range of the same source as the one before is moved
 * eight bytes at a time, which for most keys and values beats both a byte loop and a call into the runtime.
 */
export class RangeCopier {
  #source: Uint8Array | undefined
  #view: DataView | undefined

  /** Copies `from[start, end)` to `to` at `at`, where `toView` is a view of all of `to`; the ranges must not overlap. */
  copy(from: Uint8Array, start: number, end: number, to: Buffer, toView: DataView, at: number): void {
    const length = end - start
    if (length <= LOOP_BYTES_MAX) while (start < end) to[at++] = from[start++]!
    else if (length >= CALL_BYTES_MIN || from !== this.#source) this.#call(from, start, end, to, at)
    else {
      // A view pays for itself only where a source comes again: it is made at the second range.
      this.#view ??= new DataView(from.buffer, from.byteOffset, from.byteLength)
      copyWords(this.#view, start, end, toView, at)
    }
  }

  #call(from: Uint8Array, start: number, end: number, to: Buffer, at: number): void {
    if (from !== this.#source) {
      this.#source = from
      this.#view = undefined
    }
    if (from instanceof Buffer) from.copy(to, at, start, end)
    else to.set(from.subarray(start, end), at)
  }

  /** Forgets the source, so that its memory can go. */
  clear(): void {
    this.#source = undefined
    this.#view = undefined
  }
}

function copyWords(from: DataView, start: number, end: number, to: DataView, at: number): void {
  for (const last = end - 8; start <= last; start += 8, at += 8) {
    to.setBigInt64(at, from.getBigInt64(start, true), true)
  }
  for (; start < end; start++, at++) to.setUint8(at, from.getUint8(start))
}
