import type { Command } from 'commander'
import { isName } from '../../plan/names.ts'
import type { Cli } from '../cli.ts'
import { usageError } from '../cli-error.ts'
import { confirm } from '../confirm.ts'
import { withExistingLog } from '../data-directory.ts'
import { withExamples, withLogFlags } from '../flags.ts'
import { counted } from '../format.ts'
import { pipelineHoldings, renameStep, requireSteps, stepsWithState } from '../pipeline-holdings.ts'
import { loadSettings, type SettingFlags } from '../settings.ts'

interface RenameFlags extends SettingFlags {
  readonly yes?: boolean
}

export function addRename(program: Command, cli: Cli): void {
  const rename = program
    .command('rename <pipeline> <step> <name>')
    .description(
      'take the state of a step along when its name changes in the code; nothing may run meanwhile',
    )
  withLogFlags(rename)
    .option('-y, --yes', 'do not ask')
    .action((pipeline: string, step: string, name: string, flags: RenameFlags) =>
      renameOne(cli, pipeline, step, name, flags),
    )
  withExamples(rename, [
    ['millrace rename engagement per-page pages', "for aggregate('pages', …), which was 'per-page'"],
  ])
}

async function renameOne(
  cli: Cli,
  pipeline: string,
  step: string,
  name: string,
  flags: RenameFlags,
): Promise<void> {
  if (!isName(name)) throw usageError(`"${name}" cannot be a step's name`, 'letters, digits, "_" and "-"')
  const settings = await loadSettings(flags, cli.env, cli.cwd)
  const { app, data } = settings
  await withExistingLog(cli, settings, async log => {
    const stored = { log, clock: cli.clock, data, app, pipeline }
    const holdings = await pipelineHoldings(stored)
    requireSteps([step], stepsWithState(stored, holdings))
    await confirm(cli, `Give the state of ${step} to ${name}?`, flags.yes ?? false)
    const records = await renameStep(stored, holdings, step, name)
    cli.terminal.say(
      `${cli.terminal.paint('green', 'Renamed')} ${step} to ${name}, with ${counted(records, 'record')}`,
    )
  })
}
