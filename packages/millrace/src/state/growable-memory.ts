/**
 * Memory that grows without a pause.
 *
 * Copying 256 MB into a buffer of twice the size stops the loop for hundreds of milliseconds. A
 * WebAssembly memory grows in place (address space is reserved, pages come on first touch), and its
 * buffers are ordinary ones: views on them are as fast as on any ArrayBuffer, which those on a resizable
 * ArrayBuffer are not. It reserves much address space, so small memories stay plain and are copied.
 */

/** What Node's global `WebAssembly` offers of memories; the Node typings leave the namespace out. */
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum?: number }) => PagedMemory
}
interface PagedMemory {
  readonly buffer: ArrayBuffer
  grow(pages: number): number
}

const PAGE_BYTES = 65_536
/** 4 GiB less one page: what 32-bit memories can hold. */
const BYTES_MAX = 65_535 * PAGE_BYTES
/** From here on in place. Copying this much once takes a few milliseconds. */
const IN_PLACE_BYTES = 8 << 20

export class GrowableMemory {
  /** Whole memory. `ensure` may replace it: views on the old one are dead then. */
  buffer: ArrayBuffer
  #paged: PagedMemory | undefined

  constructor(bytes: number) {
    this.buffer = new ArrayBuffer(bytes)
  }

  /** Makes room for `bytes` in all, keeping the content; true when `buffer` was replaced. Throws RangeError beyond 4 GiB. */
  ensure(bytes: number): boolean {
    const held = this.buffer.byteLength
    if (bytes <= held) return false
    if (bytes > BYTES_MAX)
      throw new RangeError(`One store partition cannot hold more than 4 GiB: ${bytes} bytes asked for`)
    if (bytes < IN_PLACE_BYTES) this.#copy(Math.max(bytes, held * 2))
    else this.#growInPlace(Math.min(BYTES_MAX, Math.max(bytes, held + (held >>> 3))))
    return true
  }

  #copy(bytes: number): void {
    const larger = new ArrayBuffer(bytes)
    new Uint8Array(larger).set(new Uint8Array(this.buffer))
    this.buffer = larger
  }

  #growInPlace(bytes: number): void {
    const pages = Math.ceil(bytes / PAGE_BYTES)
    if (this.#paged === undefined) {
      const paged = new WebAssembly.Memory({ initial: pages })
      new Uint8Array(paged.buffer).set(new Uint8Array(this.buffer))
      this.#paged = paged
    } else {
      this.#paged.grow(pages - this.#paged.buffer.byteLength / PAGE_BYTES)
    }
    this.buffer = this.#paged.buffer
  }
}
