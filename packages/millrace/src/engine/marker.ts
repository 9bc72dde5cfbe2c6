import type { KeyKind } from '../serde/serde.ts'

/**
 * A marker in a repartition topic (SEMANTICS 3.3): a record with a null key (a re-keyed record always has
 * one) that says which upstream task the records behind it come from, how far its event time is, and how
 * their keys are read back.
 *
 *   version u8 · flags u8 (1 = released) · key kind u8 · watermark float64 · upstream task, UTF-8
 */
export interface Marker {
  readonly upstream: string
  readonly watermark: number
  readonly released: boolean
  /** 0 until the upstream task has written a key. */
  readonly keyKind: KeyKind | 0
}

const version = 1
const headBytes = 11

export function encodeMarker(marker: Marker): Buffer {
  const bytes = Buffer.allocUnsafe(headBytes + Buffer.byteLength(marker.upstream))
  bytes[0] = version
  bytes[1] = marker.released ? 1 : 0
  bytes[2] = marker.keyKind
  bytes.writeDoubleBE(marker.watermark, 3)
  bytes.write(marker.upstream, headBytes, 'utf8')
  return bytes
}

/** Throws when the bytes are not a marker of a version this code knows. */
export function decodeMarker(bytes: Buffer, start: number, end: number): Marker {
  if (end - start < headBytes || bytes[start] !== version) {
    throw new Error(
      `A record without a key in a repartition topic is not a marker of version ${version}: was the topic written by another program, or a newer Millrace?`,
    )
  }
  return {
    released: bytes[start + 1] === 1,
    keyKind: bytes[start + 2] as KeyKind | 0,
    watermark: bytes.readDoubleBE(start + 3),
    upstream: bytes.toString('utf8', start + headBytes, end),
  }
}
