import { encodeKey, type KeySerde } from '../serde/key.ts'
import { KeyKind, type Serde } from '../serde/serde.ts'
import type { KeyBuffer } from '../serde/sink.ts'

/** Writes a value into an empty buffer. */
export function serializeInto(serde: Serde<any>, value: unknown, into: KeyBuffer): void {
  if (serde.serializeInto !== undefined) serde.serializeInto(value, into)
  else {
    const bytes = serde.serialize(value)
    into.ensure(bytes.length)
    into.buffer.set(bytes, 0)
    into.position = bytes.length
  }
}

/** Appends a key as its serde writes it. */
export function writeWith(serde: KeySerde<unknown>, key: unknown, into: KeyBuffer): void {
  if (serde.kind !== KeyKind.serde) encodeKey(key, into)
  else {
    const bytes = serde.serialize(key)
    writeBytes(into, bytes, 0, bytes.length)
  }
}

/** Appends bytes. */
export function writeBytes(into: KeyBuffer, bytes: Uint8Array, start: number, end: number): void {
  into.ensure(end - start)
  into.buffer.set(bytes.subarray(start, end), into.position)
  into.position += end - start
}

/** Appends a number of eight bytes, the largest first. */
export function writeInt64(into: KeyBuffer, value: number): void {
  into.ensure(8)
  into.buffer.writeBigInt64BE(BigInt(value), into.position)
  into.position += 8
}
