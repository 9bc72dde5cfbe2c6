import type { Readable } from 'node:stream'
import type { Log } from '../log/log.ts'
import type { Clock } from '../std/clock.ts'
import type { Interrupt } from './interrupt.ts'
import type { LogSettings } from './settings.ts'
import type { Terminal } from './terminal.ts'

/** What a command may use of the world. */
export interface Cli {
  readonly terminal: Terminal
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly clock: Clock
  readonly interrupt: Interrupt
  openLog(settings: LogSettings, onWarning: (message: string) => void): Promise<Log>
}
