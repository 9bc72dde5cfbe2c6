/** What the bin `millrace` runs. */
import { systemClock } from '../std/clock.ts'
import type { Cli } from './cli.ts'
import { ExitCode } from './exit-codes.ts'
import { Interrupt, listenToSignals } from './interrupt.ts'
import { openLog } from './open-log.ts'
import { watchParent } from './parent.ts'
import { runCommandLine } from './program.ts'
import { Terminal } from './terminal.ts'
import { quietWarnings } from './warnings.ts'

const terminal = new Terminal(process.stdout, process.stderr)
const interrupt = new Interrupt()
const cli: Cli = {
  terminal,
  stdin: process.stdin,
  env: process.env,
  cwd: process.cwd(),
  clock: systemClock,
  interrupt,
  openLog,
}

quietWarnings(process, terminal)
listenToSignals(process, interrupt, {
  now: () => systemClock.monotonic(),
  onFirst: exitCode => {
    terminal.say('')
    terminal.say(
      terminal.paint(
        'dim',
        `Stopping${exitCode === ExitCode.interrupted ? '; Ctrl-C again stops at once' : ''}`,
      ),
    )
  },
  onSecond: exitCode => process.exit(exitCode),
})
// Under npm a kill of npm leaves us behind with nobody to stop us; a shell that ends may well mean us to go on.
const endWatch =
  process.env.npm_execpath === undefined ? () => {} : watchParent(systemClock, interrupt, () => process.ppid)
const exitCode = await runCommandLine(process.argv.slice(2), cli)
endWatch()
await terminal.flush()
// Input that nobody reads any more, or a user's timer, would keep the process alive.
process.exit(exitCode)
