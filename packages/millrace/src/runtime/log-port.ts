import type { EmbeddedLogPort } from '../log/embedded/embedded-log.ts'
import { connectEmbeddedLog } from '../log/embedded/open.ts'
import type { KafkaLogPort } from '../log/kafka/worker-port.ts'
import type { Log } from '../log/log.ts'

/** What a worker thread opens its handle of the log with. */
export type LogPort = EmbeddedLogPort | KafkaLogPort

/** A log that other threads of the process can have handles on. */
export interface SharedLog extends Log {
  /** For the worker with this number. What an earlier worker of the number left unfinished comes to nothing. */
  port(worker: number): Promise<LogPort>
}

export function isShared(log: Log): log is SharedLog {
  return 'port' in log
}

/** Opens the handle, in the worker thread. */
export async function connectLog(port: LogPort, onWarning: (message: string) => void): Promise<Log> {
  if (port.kind === 'embedded') return connectEmbeddedLog({ ...port, onWarning })
  // What speaks to Kafka takes a third of a second to load, so it is loaded where it is used.
  const { connectKafkaLog } = await import('../log/kafka/open.ts')
  return connectKafkaLog(port)
}
