/**
 * Keys of changelog records (SEMANTICS 2.6).
 *
 *   row of a table    key bytes, with one more 0xff in front when they begin with 0xff
 *   row of a window   window start (int64 big-endian), key bytes
 *   anything else     0xff 0x00, a tag, possibly a byte
 *
 * A reserved key collides with no row: in a table no row's key begins with 0xff 0x00, and in a window
 * store reserved keys are shorter than the 8 bytes of a start.
 */

const MARK = 0xff
const HEADER_TAG = 0x48
const CLOSE_TAG = 0x43
const RESERVED_BYTES_MAX = 4
export const WINDOW_START_BYTES = 8

/** The store's header: layout and key kind. One per layout version, so that older rows stay readable. */
export const headerKey = (version: number): Uint8Array => Uint8Array.of(MARK, 0, HEADER_TAG, version)
/** "Closed up to T": its value is the int64 below which every window start is gone. */
export const closeKey: Uint8Array = Uint8Array.of(MARK, 0, CLOSE_TAG)

export type KeyForm = 'row' | 'header' | 'close'

/** What the key of a changelog record stands for. */
export function keyForm(windowed: boolean, bytes: Uint8Array, start: number, end: number): KeyForm {
  if (end - start < 3 || bytes[start] !== MARK || bytes[start + 1] !== 0) return 'row'
  if (windowed && end - start > RESERVED_BYTES_MAX) return 'row'
  const tag = bytes[start + 2]
  if (tag === CLOSE_TAG) return 'close'
  if (tag === HEADER_TAG) return 'header'
  throw new Error(`A changelog record of kind ${tag} was written by a newer version`)
}

/** True when a table's key needs the extra byte in front. */
export function isEscaped(bytes: Uint8Array, start: number, end: number): boolean {
  return end > start && bytes[start] === MARK
}

/** Writes a window start or a close bound as int64 big-endian; it must be a safe integer. */
export function writeStart(bytes: Buffer, at: number, start: number): void {
  const high = Math.floor(start / 4_294_967_296)
  bytes.writeInt32BE(high, at)
  bytes.writeUInt32BE(start - high * 4_294_967_296, at + 4)
}

export function readStart(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 4_294_967_296 + bytes.readUInt32BE(at + 4)
}
