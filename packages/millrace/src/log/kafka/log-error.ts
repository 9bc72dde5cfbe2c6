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

/** The error as the contract has it; one that is no error of Kafka stays what it is. */
export function toLogError(error: unknown): unknown {
  if (error instanceof KafkaError) {
    const code = CODES[error.rule.name] ?? 'unavailable'
    const retriable = code === 'unavailable' && error.rule.action === 'retry'
    return new LogError(code, error.message, { cause: error, retriable })
  }
  if (error instanceof AmbiguousError)
    return new LogError('unavailable', error.message, { cause: error, retriable: true })
  if (error instanceof UnreachableError)
    return new LogError('unavailable', error.message, { cause: error, retriable: !error.final })
  return error
}

/** Rejects with the contract's errors. */
export async function asLogErrors<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw toLogError(error)
  }
}
