import { CommitError, LogError } from '../log.ts'
import { asLogError } from './errors.ts'
import type { WireError } from './protocol.ts'

/** An error as it goes through a port, where classes do not survive. */
export function toWire(error: unknown, directory: string): WireError {
  if (error instanceof CommitError) return { kind: 'commit', outcome: error.outcome, message: error.message }
  const { code, message, retriable } = asLogError(error, directory)
  return { kind: 'log', code, message, retriable }
}

export function fromWire(error: WireError): LogError | CommitError {
  if (error.kind === 'commit') return new CommitError(error.outcome, error.message)
  return new LogError(error.code, error.message, { retriable: error.retriable })
}
