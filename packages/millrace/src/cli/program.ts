import { Command, CommanderError } from 'commander'
import { millraceVersion } from '../runtime/versions.ts'
import type { Cli } from './cli.ts'
import { addConsume } from './commands/consume.ts'
import { addDescribe } from './commands/describe.ts'
import { addDev } from './commands/dev.ts'
import { addGroups } from './commands/groups.ts'
import { addMove } from './commands/move.ts'
import { addProduce } from './commands/produce.ts'
import { addRename } from './commands/rename.ts'
import { addReset } from './commands/reset.ts'
import { addRun } from './commands/run.ts'
import { addTopics } from './commands/topics.ts'
import { ExitCode } from './exit-codes.ts'
import { explainError } from './explain.ts'
import { withExamples } from './flags.ts'

/** Runs one command line, without the program's name, and gives what the process should answer with. Never throws. */
export async function runCommandLine(argv: readonly string[], cli: Cli): Promise<ExitCode> {
  try {
    await programOf(cli).parseAsync(argv, { from: 'user' })
    return cli.interrupt.exitCode ?? ExitCode.ok
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage
    // Whoever stopped a command does not need to hear what the stop broke off.
    if (cli.interrupt.exitCode !== undefined && isAbort(error)) return cli.interrupt.exitCode
    const explained = explainError(error)
    cli.terminal.error(explained)
    return explained.exitCode
  }
}

function programOf(cli: Cli): Command {
  const { terminal } = cli
  const program = new Command('millrace')
    .description('Real-time stream processing for TypeScript')
    .version(millraceVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .showHelpAfterError('(--help shows what there is)')
    .exitOverride()
    .configureOutput({
      writeOut: text => void terminal.result(text),
      writeErr: text => terminal.say(text.trimEnd()),
      outputError: (text, write) =>
        write(text.replace(/^error: /, `${terminal.paint(['red', 'bold'], 'Error:')} `)),
      getOutHasColors: () => terminal.paintOut('bold', 'x') !== 'x',
      getErrHasColors: () => terminal.paint('bold', 'x') !== 'x',
    })
    .configureHelp({ styleTitle: text => terminal.paintOut('bold', text) })
  for (const add of [
    addDev,
    addRun,
    addTopics,
    addProduce,
    addConsume,
    addGroups,
    addMove,
    addReset,
    addRename,
    addDescribe,
  ]) {
    add(program, cli)
  }
  return withExamples(program, [
    ['millrace dev', 'run the pipelines of this project, reload on change'],
    ['millrace produce page-views views.ndjson', 'write records'],
    ['millrace consume engagement --follow', 'watch results'],
    ['millrace groups', 'see how far everything is'],
  ])
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
