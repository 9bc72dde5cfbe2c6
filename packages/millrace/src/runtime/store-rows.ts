import type { KeyResult, RangeQuery } from './app.ts'

/** A row with its key as bytes, by which rows are put in order. */
export interface StoredRow extends KeyResult {
  readonly keyBytes: Uint8Array
}

const limitDefault = 1_000

/** The bounds of a range as bytes of keys; undefined is no bound. */
export interface KeyBounds {
  readonly from: Uint8Array | undefined
  readonly to: Uint8Array | undefined
}

export function isWithin(key: Uint8Array, { from, to }: KeyBounds): boolean {
  return (
    (from === undefined || Buffer.compare(key, from) >= 0) &&
    (to === undefined || Buffer.compare(key, to) < 0)
  )
}

/** The first rows of a range, by the bytes of their keys. Throws `RangeError` for a limit that is no whole number. */
export function firstRows(rows: readonly StoredRow[], { limit = limitDefault }: RangeQuery): StoredRow[] {
  if (!Number.isSafeInteger(limit) || limit < 0)
    throw new RangeError(`range({ limit: ${limit} }): give a whole number of rows, such as 100`)
  return rows.toSorted((a, b) => Buffer.compare(a.keyBytes, b.keyBytes)).slice(0, limit)
}

export function withoutBytes({ key, value }: StoredRow): KeyResult {
  return { key, value }
}
