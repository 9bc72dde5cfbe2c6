import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { runDev } from '../dev/run-dev.ts'
import { withExamples, withRunFlags } from '../flags.ts'
import { prepareRun, type RunFlags, runOptions } from '../run/prepare.ts'

export function addDev(program: Command, cli: Cli): void {
  const dev = program
    .command('dev')
    .description('run all pipelines of the project on the embedded log, and reload them when a file changes')
  withRunFlags(dev, 'embedded log').action(async (flags: RunFlags) => {
    const settings = await prepareRun(cli, flags, 'embedded log')
    await runDev(cli, settings, runOptions(settings, flags))
  })
  withExamples(dev, [
    ['millrace dev', 'pipelines/*.ts, data in .millrace'],
    ['millrace dev --fresh', 'begin with an empty log, after asking'],
    ['MILLRACE_DATA=/tmp/try millrace dev', 'data somewhere else'],
  ])
}
