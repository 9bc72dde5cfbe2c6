const BYTES_MIN = 4096
/** Larger ones are rare and not worth keeping. */
const KEPT_BYTES_MAX = 64 * 1024 * 1024

/**
 * Memory for responses. A buffer that was given back is used again, which saves the system the work of new pages; one that is
 * never given back goes the way of all garbage.
 */
export class BufferPool {
  readonly #free = new Map<number, Buffer[]>()
  readonly #keptBytesMax: number
  #keptBytes = 0

  constructor(keptBytesMax = KEPT_BYTES_MAX) {
    this.#keptBytesMax = keptBytesMax
  }

  /** A buffer of at least `bytes`, with any content. */
  take(bytes: number): Buffer {
    const size = sizeClass(bytes)
    const reused = this.#free.get(size)?.pop()
    if (reused === undefined) return Buffer.allocUnsafeSlow(size)
    this.#keptBytes -= size
    return reused
  }

  give(buffer: Buffer): void {
    const size = buffer.length
    if (this.#keptBytes + size > this.#keptBytesMax) return
    this.#keptBytes += size
    const free = this.#free.get(size)
    if (free === undefined) this.#free.set(size, [buffer])
    else free.push(buffer)
  }
}

function sizeClass(bytes: number): number {
  let size = BYTES_MIN
  while (size < bytes) size *= 2
  // Steps of an eighth: a buffer is never much larger than what is in it.
  const step = Math.max(BYTES_MIN, size / 16)
  return Math.ceil(bytes / step) * step
}
