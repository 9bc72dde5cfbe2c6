import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { confirm } from '../confirm.ts'
import { withExistingLog } from '../data-directory.ts'
import { withExamples, withLogFlags } from '../flags.ts'
import {
  type PipelineHoldings,
  pipelineHoldings,
  requireSteps,
  resetPipeline,
  resetSteps,
  type StoredPipeline,
  stepsWithState,
} from '../pipeline-holdings.ts'
import { loadSettings, type SettingFlags } from '../settings.ts'

interface ResetFlags extends SettingFlags {
  readonly step?: readonly string[]
  readonly yes?: boolean
}

export function addReset(program: Command, cli: Cli): void {
  const reset = program
    .command('reset <pipeline>')
    .description('forget what a pipeline did: its positions, state and repartition topics; its outputs stay')
  withLogFlags(reset)
    .option(
      '--step <name...>',
      'forget the state of these steps only, also of some that the pipeline has no more; positions stay',
    )
    .option('-y, --yes', 'do not ask')
    .action((name: string, flags: ResetFlags) => resetOne(cli, name, flags))
  withExamples(reset, [
    ['millrace reset engagement', 'the next run reads everything again'],
    ['millrace reset engagement --step per-page', 'this step begins empty, with the next record'],
    ['millrace reset engagement --yes', 'without asking'],
  ])
}

async function resetOne(cli: Cli, pipeline: string, flags: ResetFlags): Promise<void> {
  const settings = await loadSettings(flags, cli.env, cli.cwd)
  const { app, data } = settings
  await withExistingLog(cli, settings, async log => {
    const stored = { log, clock: cli.clock, data, app, pipeline }
    const holdings = await pipelineHoldings(stored)
    if (flags.step === undefined) await resetAll(cli, stored, holdings, flags)
    else await resetSome(cli, stored, holdings, flags.step, flags)
  })
}

async function resetAll(
  cli: Cli,
  stored: StoredPipeline,
  holdings: PipelineHoldings,
  flags: ResetFlags,
): Promise<void> {
  const { terminal } = cli
  const { group, positions, topics } = holdings
  terminal.note('positions', positions === 0 ? 'none' : `${positions} of group ${group}`)
  terminal.note('topics', topics.length === 0 ? 'none' : topics.join(', '))
  await confirm(cli, `Reset the pipeline ${stored.pipeline}?`, flags.yes ?? false)
  await resetPipeline(stored, holdings)
  terminal.say(
    `${terminal.paint('green', 'Reset')} ${stored.pipeline}: its next run begins anew. What it wrote to other topics stays there`,
  )
}

async function resetSome(
  cli: Cli,
  stored: StoredPipeline,
  holdings: PipelineHoldings,
  steps: readonly string[],
  flags: ResetFlags,
): Promise<void> {
  const { terminal } = cli
  requireSteps(steps, stepsWithState(stored, holdings))
  const names = steps.join(', ')
  await confirm(cli, `Forget the state of ${names} of the pipeline ${stored.pipeline}?`, flags.yes ?? false)
  await resetSteps(stored, holdings, steps)
  terminal.say(`${terminal.paint('green', 'Reset')} ${names}: empty from the next record on; positions stay`)
}
