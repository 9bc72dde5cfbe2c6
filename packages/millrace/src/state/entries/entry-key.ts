/**
 * Keys of changelog records that hold one entry of a key's state (SEMANTICS 2.6).
 *
 *   kind of place (1 byte) │ length of its name (1 byte), name │ length of the key (varint), key bytes │ sub key
 *
 * The sub key is nothing for a single value, the item's number (int64, big-endian) in a list, kind and bytes of the
 * entry's key in a map, and the tag of a timer. The first byte is never that of a store's header.
 */
import { decodeKey, encodeKey } from '../../serde/key.ts'
import type { KeyKind } from '../../serde/serde.ts'
import type { KeyBuffer } from '../../serde/sink.ts'
import { readStart, WINDOW_START_BYTES, writeStart } from '../changelog-key.ts'
import type { Slot, SlotKind, SubKey } from './cell.ts'

const kinds: readonly (SlotKind | undefined)[] = [
  undefined,
  'value',
  'list',
  'map',
  'event-timer',
  'wall-timer',
]

/** The parts of an entry's key that lie where they are. */
export interface EntryPlace {
  readonly kind: SlotKind
  readonly name: string
  readonly keyStart: number
  readonly keyEnd: number
}

/** Everything of an entry's key that does not depend on the entry. */
export function slotPrefix({ kind, name }: Slot): Uint8Array {
  const text = Buffer.from(name)
  return Buffer.concat([Uint8Array.of(kinds.indexOf(kind), text.length), text])
}

/** Writes an entry's key into `into`, whatever was there before. */
export function writeEntryKey(
  into: KeyBuffer,
  kind: SlotKind,
  prefix: Uint8Array,
  keyBytes: Buffer,
  keyStart: number,
  keyEnd: number,
  sub: SubKey | undefined,
): void {
  into.clear()
  into.ensure(prefix.length + 5 + keyEnd - keyStart + WINDOW_START_BYTES)
  into.buffer.set(prefix, 0)
  into.position = prefix.length
  writeLength(into, keyEnd - keyStart)
  keyBytes.copy(into.buffer, into.position, keyStart, keyEnd)
  into.position += keyEnd - keyStart
  if (kind === 'list') {
    writeStart(into.buffer, into.position, sub as number)
    into.position += WINDOW_START_BYTES
  } else if (kind === 'map') {
    const at = into.position++
    const mapKind = encodeKey(sub, into)
    into.buffer[at] = mapKind
  } else if (kind !== 'value') encodeKey(sub, into)
}

/** Finds the parts of an entry's key. */
export function entryPlace(bytes: Buffer, start: number): EntryPlace {
  const kind = kinds[bytes[start]!]
  if (kind === undefined)
    throw new Error(`A changelog entry of kind ${bytes[start]} was written by a newer version`)
  const nameEnd = start + 2 + bytes[start + 1]!
  let at = nameEnd
  let length = 0
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]!
    length |= (byte & 127) << shift
    if (byte < 128) break
  }
  return { kind, name: bytes.toString('utf8', start + 2, nameEnd), keyStart: at, keyEnd: at + length }
}

/** The sub key behind an entry's place. */
export function readSubKey({ kind, keyEnd }: EntryPlace, bytes: Buffer, end: number): SubKey | undefined {
  switch (kind) {
    case 'value':
      return undefined
    case 'list':
      return readStart(bytes, keyEnd)
    case 'map':
      return decodeKey(bytes[keyEnd] as KeyKind, bytes, keyEnd + 1, end) as SubKey
    default:
      return bytes.toString('utf8', keyEnd, end)
  }
}

function writeLength(into: KeyBuffer, length: number): void {
  let rest = length
  for (; rest > 127; rest >>>= 7) into.buffer[into.position++] = (rest & 127) | 128
  into.buffer[into.position++] = rest
}
