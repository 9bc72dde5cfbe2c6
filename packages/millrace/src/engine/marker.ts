import type { KeyKind } from '../serde/serde.ts'

/**
 * A marker in a repartition topic (SEMANTICS 3.3): a record with a null key (a re-keyed record always has
 * one) that says of the records behind it which upstream task wrote them, how far its event time and that of
 * their own source partition were, and how their keys are read back.
 *
 *   version u8 · flags u8 (1 = released, 2 = own follows) · key kind u8 · watermark f64 · own f64 where it
 *   is another · upstream task, UTF-8
 */
export interface Marker {
  /** Empty behind the first marker of a batch, which speaks for the whole batch. */
  readonly upstream: string
  readonly watermark: number
  /** Watermark of the source partition that the records behind it come from: what they are judged by. */
  readonly own: number
  readonly released: boolean
  /** 0 until the upstream task has written a key. */
  readonly keyKind: KeyKind | 0
}

const version = 2
const headBytes = 11
const releasedFlag = 1
const ownFlag = 2

export function encodeMarker({ upstream, watermark, own, released, keyKind }: Marker): Buffer {
  const hasOwn = !Object.is(own, watermark)
  const upstreamAt = hasOwn ? headBytes + 8 : headBytes
  const bytes = Buffer.allocUnsafe(upstreamAt + Buffer.byteLength(upstream))
  bytes[0] = version
  bytes[1] = (released ? releasedFlag : 0) | (hasOwn ? ownFlag : 0)
  bytes[2] = keyKind
  bytes.writeDoubleBE(watermark, 3)
  if (hasOwn) bytes.writeDoubleBE(own, headBytes)
  bytes.write(upstream, upstreamAt, 'utf8')
  return bytes
}

/** Throws when the bytes are not a marker of a version this code knows. */
export function decodeMarker(bytes: Buffer, start: number, end: number): Marker {
  if (end - start < headBytes || bytes[start] !== version) {
    throw new Error(
      `A record without a key in a repartition topic is not a marker of version ${version}: was the topic written by another program, or another version of Millrace?`,
    )
  }
  const flags = bytes[start + 1]!
  const hasOwn = (flags & ownFlag) !== 0
  const upstreamAt = start + (hasOwn ? headBytes + 8 : headBytes)
  const watermark = bytes.readDoubleBE(start + 3)
  return {
    released: (flags & releasedFlag) !== 0,
    keyKind: bytes[start + 2] as KeyKind | 0,
    watermark,
    own: hasOwn ? bytes.readDoubleBE(start + headBytes) : watermark,
    upstream: upstreamAt === end ? '' : bytes.toString('utf8', upstreamAt, end),
  }
}
