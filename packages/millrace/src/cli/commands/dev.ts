import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { runDev } from '../dev/run-dev.ts'
import { withExamples, withRunFlags } from '../flags.ts'
import { prepareTry, type RunFlags, runOptions } from '../run/prepare.ts'

export function addDev(program: Command, cli: Cli): void {
  const dev = program
    .command('dev')
    .description('run all pipelines of the project, and reload them when a file changes')
    .addHelpText('after', '\nOn the embedded log, whatever the settings say, unless --brokers is given here.')
  withRunFlags(dev).action(async (flags: RunFlags) => {
    const settings = await prepareTry(cli, flags)
    const { kafka: _, ...options } = runOptions(settings, flags)
    await runDev(cli, settings, { ...options, config: flags.config })
  })
  withExamples(dev, [
    ['millrace dev', 'pipelines/*.ts, data in .millrace'],
    ['millrace dev --fresh', 'begin with an empty log, after asking'],
    ['millrace dev --brokers localhost:9092 --create-topics', 'on Apache Kafka'],
    ['MILLRACE_DATA=/tmp/try millrace dev', 'data somewhere else'],
  ])
}
