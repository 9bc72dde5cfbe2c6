import { PADDING_BYTES } from '../../record/layout.ts'
import type { BufferPool } from '../../std/buffer-pool.ts'
import { noKafka, TLS_ALERT } from './connection-failure.ts'

const SCRATCH_BYTES = 64 * 1024
/** Beyond it a length field is no response but another protocol. */
const FRAME_BYTES_MAX = 512 * 1024 * 1024

/** One answer of a broker: correlation id, then header and body. */
export interface Frame {
  readonly bytes: Buffer
  /** Gives the memory back to be used again; nothing may point into it any more. */
  release(): void
}

/**
 * Cuts a byte stream into frames (4 bytes of length, then the frame). The socket reads straight into `target()`:
 * into a small scratch first, and from the moment a frame's length is known into its own, recycled memory.
 */
export class FrameReader {
  readonly #pool: BufferPool
  readonly #onFrame: (frame: Frame) => void
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  #scratchFilled = 0
  #frame: Buffer | undefined
  #frameBytes = 0
  #frameFilled = 0

  constructor(pool: BufferPool, onFrame: (frame: Frame) => void) {
    this.#pool = pool
    this.#onFrame = onFrame
  }

  /** Where the next bytes go. */
  target(): Buffer {
    return this.#frame === undefined
      ? this.#scratch.subarray(this.#scratchFilled)
      : this.#frame.subarray(this.#frameFilled, this.#frameBytes)
  }

  /** `count` bytes were read into `target()`. Throws when they are no frame. */
  accept(count: number): void {
    if (this.#frame === undefined) {
      this.#scratchFilled += count
      this.#cutScratch()
    } else {
      this.#frameFilled += count
      if (this.#frameFilled === this.#frameBytes) this.#emit()
    }
  }

  #cutScratch(): void {
    let at = 0
    while (this.#scratchFilled - at >= 4) {
      const bytes = this.#scratch.readInt32BE(at)
      if (bytes < 4 || bytes > FRAME_BYTES_MAX || bytes >>> 16 === TLS_ALERT) throw noKafka(bytes)
      at += 4
      const here = Math.min(bytes, this.#scratchFilled - at)
      this.#frame = this.#pool.take(bytes + PADDING_BYTES)
      this.#frameBytes = bytes
      this.#frameFilled = this.#scratch.copy(this.#frame, 0, at, at + here)
      at += here
      if (here < bytes) break
      this.#emit()
    }
    this.#scratch.copyWithin(0, at, this.#scratchFilled)
    this.#scratchFilled -= at
  }

  #emit(): void {
    const memory = this.#frame!
    const bytes = memory.subarray(0, this.#frameBytes)
    this.#frame = undefined
    this.#onFrame({ bytes, release: () => this.#pool.give(memory) })
  }
}
