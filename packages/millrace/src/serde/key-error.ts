/**
 * Why a key could not be written or read: `no-key` is null or undefined, `bad-key` a value that no key can
 * be, `bad-bytes` bytes that are not a key of the expected type.
 */
export type KeyErrorReason = 'no-key' | 'bad-key' | 'bad-bytes'

/** A key that cannot be written or read; the engine sends its record to `.failed`, or `.rejected` when reading. */
export class KeyError extends Error {
  override readonly name = 'KeyError'
  readonly reason: KeyErrorReason

  constructor(reason: KeyErrorReason, message: string) {
    super(message)
    this.reason = reason
  }
}

/** Says a value in an error, shortened. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return value.length > 40 ? `'${value.slice(0, 40)}…'` : `'${value}'`
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'object' && value !== null) return 'an object'
  return String(value)
}
