/**
 * `frame`: the bytes do not begin as a registry's. `schema-unknown`: the registry has no such schema. `schema-unusable`: it
 * is of another language, or broken. `schema-incompatible`: it cannot be read as the topic's own. `malformed`: the bytes
 * are not of their schema. `schema`: the value is not. `not-prepared`: what is needed was not fetched before.
 */
export type FormatErrorReason =
  | 'frame'
  | 'schema-unknown'
  | 'schema-unusable'
  | 'schema-incompatible'
  | 'malformed'
  | 'schema'
  | 'not-prepared'

/** Bytes or a value that a format cannot read or write; the reason stands in the headers of its side-stream record. */
export class FormatError extends Error {
  override readonly name = 'FormatError'
  readonly reason: FormatErrorReason

  constructor(reason: FormatErrorReason, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.reason = reason
  }
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
