import type { KeyKind } from '../serde/serde.ts'
import type { ChannelEnd } from './time.ts'

/**
 * A marker in a repartition topic (SEMANTICS 3.3): a record with a null key (a re-keyed record always has
 * one) that says of the records behind it which upstream task wrote them, how far its event time and that of
 * their own source partition were, and how their keys are read back.
 *
 *   version u8 · flags u8 (1 = released, 2 = own follows, 4 = end follows, 8 = for good) · key kind u8 · watermark f64 · own f64 where it
 *   is another · number of the bounded run f64 where the task has ended · upstream task, UTF-8
 *
 * A marker without an end is of version 2, which knew none: there a watermark of +∞ was the end.
 */
export interface Marker {
  /** Empty behind the first marker of a batch, which speaks for the whole batch. */
  readonly upstream: string
  readonly watermark: number
  /** Watermark of the source partition that the records behind it come from: what they are judged by. */
  readonly own: number
  readonly released: boolean
  /** Nothing more comes from the upstream task; undefined while something may come. */
  readonly end: ChannelEnd | undefined
  /** 0 until the upstream task has written a key. */
  readonly keyKind: KeyKind | 0
}

const version = 3
const versionWithoutEnd = 2
const headBytes = 11
const releasedFlag = 1
const ownFlag = 2
const endFlag = 4
const forGoodFlag = 8

export function encodeMarker({ upstream, watermark, own, released, end, keyKind }: Marker): Buffer {
  const hasOwn = !Object.is(own, watermark)
  const hasEnd = end !== undefined
  const upstreamAt = headBytes + (hasOwn ? 8 : 0) + (hasEnd ? 8 : 0)
  const bytes = Buffer.allocUnsafe(upstreamAt + Buffer.byteLength(upstream))
  bytes[0] = hasEnd ? version : versionWithoutEnd
  bytes[1] =
    (released ? releasedFlag : 0) |
    (hasOwn ? ownFlag : 0) |
    (hasEnd ? endFlag : 0) |
    (end?.forGood ? forGoodFlag : 0)
  bytes[2] = keyKind
  bytes.writeDoubleBE(watermark, 3)
  if (hasOwn) bytes.writeDoubleBE(own, headBytes)
  if (hasEnd) bytes.writeDoubleBE(end.no, upstreamAt - 8)
  bytes.write(upstream, upstreamAt, 'utf8')
  return bytes
}

/** Throws when the bytes are not a marker of a version this code knows. */
export function decodeMarker(bytes: Buffer, start: number, end: number): Marker {
  if (end - start < headBytes || (bytes[start] !== version && bytes[start] !== versionWithoutEnd)) {
    throw new Error(
      `A record without a key in a repartition topic is not a marker of version ${version}: was the topic written by another program, or another version of Millrace?`,
    )
  }
  const flags = bytes[start + 1]!
  const hasOwn = (flags & ownFlag) !== 0
  const endAt = start + (hasOwn ? headBytes + 8 : headBytes)
  const hasEnd = (flags & endFlag) !== 0
  const upstreamAt = hasEnd ? endAt + 8 : endAt
  const watermark = bytes.readDoubleBE(start + 3)
  return {
    released: (flags & releasedFlag) !== 0,
    keyKind: bytes[start + 2] as KeyKind | 0,
    // The end of an earlier run: how far time had been was not said.
    watermark: watermark === Number.POSITIVE_INFINITY ? Number.NEGATIVE_INFINITY : watermark,
    own: hasOwn ? bytes.readDoubleBE(start + headBytes) : watermark,
    end: hasEnd ? { no: bytes.readDoubleBE(endAt), forGood: (flags & forGoodFlag) !== 0 } : undefined,
    upstream: upstreamAt === end ? '' : bytes.toString('utf8', upstreamAt, end),
  }
}
