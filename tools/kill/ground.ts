import { openEmbeddedLog } from '../../packages/millrace/src/log/embedded/open.ts'
import type { Log } from '../../packages/millrace/src/log/log.ts'
import type { Weather } from './weather.ts'

/** The log that a campaign takes place on. */
export interface Ground {
  /** For worker processes; without them their log is the embedded one. */
  readonly brokers?: readonly string[]
  /** What happens to the log itself meanwhile. */
  readonly weather?: Weather
  /** A handle of its own; calls are given up after `patienceMs` where the log has such a limit. */
  open(patienceMs: number): Promise<Log>
  /** Partitions with a transaction that is open now. */
  openTransactions(): Promise<string[]>
  /** What a campaign must not leave behind. */
  leftovers(): Promise<string[]>
  close(): Promise<void>
}

/** Makes a fresh, empty one; files go to `directory`. */
export type OpenGround = (directory: string) => Promise<Ground>

export const embeddedGround: OpenGround = async directory => {
  const logs: Log[] = []
  return {
    open: async () => {
      const log = await openEmbeddedLog({ directory })
      logs.push(log)
      return log
    },
    openTransactions: async () => [],
    leftovers: async () => [],
    close: async () => {
      for (const log of logs) await log.close()
    },
  }
}
