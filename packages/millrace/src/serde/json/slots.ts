/** What the scan found for a field. The string tags say how its bytes become text. */
export const Tag = {
  Absent: 0,
  /** A string of ASCII without escapes; the range lies between the quotes. */
  Ascii: 1,
  /** A string with bytes above 0x7f and no escapes; those bytes may be invalid UTF-8. */
  Utf8: 2,
  /** A string with at least one backslash escape. */
  Escaped: 3,
  Number: 4,
  True: 5,
  False: 6,
  Null: 7,
  /** An object or an array, checked; the range holds its text. */
  Json: 8,
} as const
export type Tag = (typeof Tag)[keyof typeof Tag]

/**
 * Where a scan puts what it found, field k of the projection at index k. After a failed scan the content
 * means nothing; a range means nothing where the tag is `Absent`.
 */
export interface Slots {
  /** Start at 2k, exclusive end at 2k + 1, in the scanned buffer. */
  readonly ranges: Int32Array
  /** The value where the tag is `Number`. */
  readonly numbers: Float64Array
  readonly tags: Uint8Array
}

export function createSlots(count: number): Slots {
  return {
    ranges: new Int32Array(2 * count),
    numbers: new Float64Array(count),
    tags: new Uint8Array(count),
  }
}

/** Buffer methods that Node has on every Buffer, though its types leave them out; several times cheaper than `toString`. */
export interface SliceBuffer extends Uint8Array {
  latin1Slice(start: number, end: number): string
  utf8Slice(start: number, end: number): string
}

/** Finds the fields of one record: true only when `JSON.parse` would accept it as an object. */
export type Locate = (bytes: SliceBuffer, view: DataView, start: number, end: number) => boolean
