/**
 * `unreachable`: no answer, or one of a server in trouble. `unauthorized`: the login is missing or wrong. `not-found`: there is
 * no such schema, subject or version. `incompatible`: the subject's rule refuses the schema. `refused`: anything else.
 */
export type RegistryErrorCode = 'unreachable' | 'unauthorized' | 'not-found' | 'incompatible' | 'refused'

/** What a schema registry refused, or that it did not answer. */
export class RegistryError extends Error {
  override readonly name = 'RegistryError'
  readonly code: RegistryErrorCode
  /** The same request may succeed later. */
  readonly retriable: boolean

  constructor(code: RegistryErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.code = code
    this.retriable = code === 'unreachable'
  }
}
