/**
 * Where bytes are appended without a copy in between: a batch writer or a `KeyBuffer`.
 *
 * The bytes written so far are `buffer[0, position)`. `ensure` may replace `buffer`: read it again after the call.
 */
export interface ByteSink {
  readonly buffer: Buffer
  position: number
  /** Makes room for that many bytes from `position` on. */
  ensure(bytes: number): void
}

/** A growing byte buffer that is used again and again; `clear()` before the next use. */
export class KeyBuffer implements ByteSink {
  buffer: Buffer
  position = 0

  constructor(bytes = 256) {
    this.buffer = Buffer.allocUnsafeSlow(bytes)
  }

  ensure(bytes: number): void {
    const needed = this.position + bytes
    if (needed <= this.buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2))
    this.buffer.copy(larger, 0, 0, this.position)
    this.buffer = larger
  }

  clear(): void {
    this.position = 0
  }

  /** A fresh copy of the bytes written so far. */
  toBytes(): Uint8Array {
    return copyBytes(this.buffer, 0, this.position)
  }
}

/** A plain Uint8Array of its own with `bytes[start, end)`, also where `bytes` is a Buffer. */
export function copyBytes(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end))
}
