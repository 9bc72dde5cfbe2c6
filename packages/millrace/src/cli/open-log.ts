import { openEmbeddedLog } from '../log/embedded/open.ts'
import type { Log } from '../log/log.ts'
import type { LogSettings } from './settings.ts'

/** Opens the log that the settings name. */
export async function openLog(
  { data, brokers, kafka }: LogSettings,
  onWarning: (message: string) => void,
): Promise<Log> {
  if (brokers === undefined) return openEmbeddedLog({ directory: data, onWarning })
  // What speaks to Kafka takes a third of a second to load.
  const { openKafkaLog } = await import('../log/kafka/open.ts')
  return openKafkaLog({ brokers, kafka })
}
