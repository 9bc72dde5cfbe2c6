import { ExitCode } from './exit-codes.ts'

export interface CliErrorOptions {
  /** The one thing to do about it. */
  readonly wayOut?: string
  /** Where in the user's files: `file:line:column` or `file`. */
  readonly place?: string
  /** The lines at that place. */
  readonly excerpt?: string
  /** Default 1. */
  readonly exitCode?: ExitCode
  readonly cause?: unknown
}

/** An error that a command ends with, put for the user: what is wrong, where, and what to try. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly wayOut: string | undefined
  readonly place: string | undefined
  readonly excerpt: string | undefined
  readonly exitCode: ExitCode

  constructor(message: string, options: CliErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.wayOut = options.wayOut
    this.place = options.place
    this.excerpt = options.excerpt
    this.exitCode = options.exitCode ?? ExitCode.error
  }
}

/** The error for a command line or configuration that cannot mean anything. */
export function usageError(message: string, wayOut?: string): CliError {
  return new CliError(message, { wayOut, exitCode: ExitCode.usage })
}
