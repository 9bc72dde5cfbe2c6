/** A record batch whose bytes are damaged, cut off or not one at all; the message says what is wrong and where. */
export class CorruptBatchError extends Error {
  override readonly name = 'CorruptBatchError'
  /** Byte position inside the batch (inside the decompressed block for a record of a compressed one). */
  readonly at: number
  constructor(what: string, at: number, options?: { cause?: unknown }) {
    super(`Corrupt record batch: ${what} (byte ${at})`, options)
    this.at = at
  }
}

/** A record that no batch can hold under the given limit. */
export class RecordTooLargeError extends Error {
  override readonly name = 'RecordTooLargeError'
  /** Size of a batch with this record alone. */
  readonly bytes: number
  readonly maxBytes: number
  constructor(bytes: number, maxBytes: number) {
    super(`A record of ${bytes} bytes does not fit a batch of at most ${maxBytes} bytes`)
    this.bytes = bytes
    this.maxBytes = maxBytes
  }
}

/** A batch is compressed with a codec that is not available here. */
export class UnsupportedCodecError extends Error {
  override readonly name = 'UnsupportedCodecError'
}
