import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { confirm } from '../confirm.ts'
import { withExistingLog } from '../data-directory.ts'
import { withExamples, withLogFlags } from '../flags.ts'
import { pipelineHoldings, resetPipeline } from '../pipeline-holdings.ts'
import { loadSettings, type SettingFlags } from '../settings.ts'

interface ResetFlags extends SettingFlags {
  readonly yes?: boolean
}

export function addReset(program: Command, cli: Cli): void {
  const reset = program
    .command('reset <pipeline>')
    .description('forget what a pipeline did: its positions, state and repartition topics; its outputs stay')
  withLogFlags(reset)
    .option('-y, --yes', 'do not ask')
    .action((name: string, flags: ResetFlags) => resetOne(cli, name, flags))
  withExamples(reset, [
    ['millrace reset engagement', 'the next run reads everything again'],
    ['millrace reset engagement --yes', 'without asking'],
  ])
}

async function resetOne(cli: Cli, name: string, flags: ResetFlags): Promise<void> {
  const settings = await loadSettings(flags, cli.env, cli.cwd)
  await withExistingLog(cli, settings, async log => {
    const holdings = await pipelineHoldings(log, settings.app, name)
    const { group, positions, topics } = holdings
    cli.terminal.note('positions', positions === 0 ? 'none' : `${positions} of group ${group}`)
    cli.terminal.note('topics', topics.length === 0 ? 'none' : topics.join(', '))
    await confirm(cli, `Reset the pipeline ${name}?`, flags.yes ?? false)
    await resetPipeline(log, settings.data, holdings)
    cli.terminal.say(
      `${cli.terminal.paint('green', 'Reset')} ${name}: its next run begins anew. What it wrote to other topics stays there`,
    )
  })
}
