import { KafkaSettingError } from '../log/kafka/properties.ts'
import { LogError, type LogErrorCode } from '../log/log.ts'
import { PlanError } from '../plan/plan-error.ts'
import { PipelineStopped } from '../runtime/pipeline-stopped.ts'
import { CliError } from './cli-error.ts'
import { ExitCode } from './exit-codes.ts'
import { messageOf } from './terminal.ts'

const WAYS_OUT: Partial<Record<LogErrorCode, string>> = {
  'unknown-topic':
    'millrace topics shows which there are; millrace topics apply makes what the pipelines declare',
  'topic-mismatch': 'the same partition count, or another name',
  'group-active': 'stop the processes that run the pipeline first; millrace groups shows them',
  'disk-full': 'free space, or --data on another disk',
  'read-only': '--data with a directory that can be written to',
  locked: 'stop the process that is named, or wait for it',
  layout: '--data with another directory; this one was made by another version of Millrace, or is none',
  corrupt:
    'run it again; where it stays so: a copy of the directory from before or --fresh, on Kafka a look at the broker’s disks',
}

/** Any error as one for the user, with what to try where that is known. */
export function explainError(error: unknown): CliError {
  if (error instanceof CliError) return error
  if (error instanceof PipelineStopped)
    return new CliError(error.message, { wayOut: explainError(error.cause).wayOut, cause: error })
  if (error instanceof PlanError)
    return new CliError(error.message.replace(`; ${error.wayOut}`, ''), {
      wayOut: error.wayOut,
      cause: error,
    })
  if (error instanceof KafkaSettingError) {
    const isAddress = error.setting === 'bootstrap.servers'
    const wayOut = isAddress ? '--brokers host:9092' : 'kafka: {} in the configuration'
    return new CliError(error.message, { wayOut, exitCode: ExitCode.usage, cause: error })
  }
  if (error instanceof LogError)
    return new CliError(error.message, { wayOut: error.wayOut ?? WAYS_OUT[error.code], cause: error })
  return new CliError(messageOf(error), { cause: error })
}
