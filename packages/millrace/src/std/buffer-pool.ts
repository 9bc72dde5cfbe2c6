/** Smaller ones are not worth keeping. */
export const POOLED_BYTES_MIN = 4096
/** Larger ones are rare and not worth keeping. */
const KEPT_BYTES_MAX = 64 * 1024 * 1024

/** So many size classes above the wanted one are looked through for a buffer that is free. */
const CLASSES_ABOVE = 3

/**
 * Memory for responses and batches. A buffer that was given back is used again, which saves the system the work of new pages and
 * V8 the collections that it starts for every few megabytes of new buffers; one that is never given back goes the way of all garbage.
 */
export class BufferPool {
  readonly #free = new Map<number, Buffer[]>()
  readonly #keptBytesMax: number
  #keptBytes = 0
  /** The least that was kept since `#letGo`, and what was taken since then. */
  #leastKeptBytes = 0
  #takenBytes = 0

  constructor(keptBytesMax = KEPT_BYTES_MAX) {
    this.#keptBytesMax = keptBytesMax
  }

  /** A buffer of at least `bytes`, and never less than `POOLED_BYTES_MIN`, with any content. */
  take(bytes: number): Buffer {
    const size = sizeClass(bytes)
    const step = stepOf(size)
    this.#takenBytes += size
    if (this.#takenBytes > this.#keptBytesMax) this.#letGo()
    for (let larger = size; larger <= size + CLASSES_ABOVE * step; larger = sizeClass(larger + 1)) {
      const reused = this.#free.get(larger)?.pop()
      if (reused === undefined) continue
      this.#keptBytes -= larger
      if (this.#keptBytes < this.#leastKeptBytes) this.#leastKeptBytes = this.#keptBytes
      return reused
    }
    return Buffer.allocUnsafeSlow(size)
  }

  /** `give` for the buffer that `part` lies in, which must be one that was taken. */
  giveWhole(part: Uint8Array): void {
    this.give(Buffer.from(part.buffer as ArrayBuffer))
  }

  give(buffer: Buffer): void {
    const size = buffer.length
    if (size < POOLED_BYTES_MIN || this.#keptBytes + size > this.#keptBytesMax) return
    this.#keptBytes += size
    const free = this.#free.get(size)
    if (free === undefined) this.#free.set(size, [buffer])
    else free.push(buffer)
  }

  /** Leaves half of what nobody has needed for a while to the garbage collector: of each size, what has lain longest. */
  #letGo(): void {
    const most = this.#keptBytes - this.#leastKeptBytes / 2
    for (const [size, free] of this.#free)
      while (this.#keptBytes > most && free.shift() !== undefined) this.#keptBytes -= size
    this.#leastKeptBytes = this.#keptBytes
    this.#takenBytes = 0
  }
}

function sizeClass(bytes: number): number {
  const step = stepOf(bytes)
  return Math.ceil(bytes / step) * step
}

/** Steps of an eighth at most: a buffer is never much larger than what is in it. */
function stepOf(bytes: number): number {
  let size = POOLED_BYTES_MIN
  while (size < bytes) size *= 2
  return Math.max(POOLED_BYTES_MIN, size / 16)
}
