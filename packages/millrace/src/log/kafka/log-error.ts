import { aclCommand } from '../../std/access-right.ts'
import { LogError, type LogErrorCode } from '../log.ts'
import { AmbiguousError, KafkaError, UnreachableError } from './errors.ts'

const CODES: Readonly<Record<string, LogErrorCode>> = {
  UNKNOWN_TOPIC_OR_PARTITION: 'unknown-topic',
  UNKNOWN_TOPIC_ID: 'unknown-topic',
  INVALID_TOPIC_EXCEPTION: 'invalid-topic',
  INVALID_PARTITIONS: 'invalid-topic',
  OFFSET_OUT_OF_RANGE: 'offset-out-of-range',
  MESSAGE_TOO_LARGE: 'record-too-large',
  RECORD_LIST_TOO_LARGE: 'record-too-large',
  CORRUPT_MESSAGE: 'corrupt',
  INVALID_RECORD: 'corrupt',
  NON_EMPTY_GROUP: 'group-active',
}

const REFUSED_CONTENT: ReadonlySet<string> = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'CORRUPT_MESSAGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
  'OFFSET_METADATA_TOO_LARGE',
  'INVALID_COMMIT_OFFSET_SIZE',
])

/** The error as the contract has it; one that is no error of Kafka stays what it is. */
export function toLogError(error: unknown): unknown {
  if (error instanceof KafkaError) {
    if (error.right !== undefined) {
      const grant = aclCommand([error.right], 'User:<user>', '<host:port>')
      const wayOut = `${grant}; millrace describe <file> --acls lists all rights that a pipeline needs`
      return new LogError('unauthorized', error.message, { cause: error, wayOut })
    }
    const code = CODES[error.rule.name] ?? 'unavailable'
    const retriable = code === 'unavailable' && error.rule.action === 'retry'
    return new LogError(code, error.message, { cause: error, retriable })
  }
  if (error instanceof AmbiguousError)
    return new LogError('unavailable', error.message, { cause: error, retriable: true })
  if (error instanceof UnreachableError)
    return new LogError('unavailable', error.message, {
      cause: error,
      retriable: !error.final,
      ...(error.wayOut !== undefined && { wayOut: error.wayOut }),
    })
  return error
}

/** Refused because of what it is, or of who asks: the same again, made anew, would be refused again. */
export function isHopeless(error: unknown): boolean {
  if (error instanceof LogError) return !error.retriable
  if (error instanceof UnreachableError) return error.final
  if (!(error instanceof KafkaError)) return false
  return error.rule.action === 'fatal' || REFUSED_CONTENT.has(error.rule.name)
}

/** Rejects with the contract's errors. */
export async function asLogErrors<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw toLogError(error)
  }
}
