import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { usageError } from '../cli-error.ts'
import { withExamples, withRunFlags } from '../flags.ts'
import { loadPipelines } from '../load/load-pipeline.ts'
import { pipelineFiles } from '../load/project.ts'
import { prepareRun, type RunFlags, runOptions } from '../run/prepare.ts'
import { runApp } from '../run/run-app.ts'
import type { Settings } from '../settings.ts'

interface Flags extends RunFlags {
  readonly once?: boolean
  readonly brokers?: string
}

export function addRun(program: Command, cli: Cli): void {
  const run = program
    .command('run [files...]')
    .description('run pipelines until stopped (default: all of the project)')
  withRunFlags(run)
    .option('--once', 'read every input to its end, close all windows, and end')
    .option('--brokers <host:port,...>', 'run on Apache Kafka')
    .action((files: string[], flags: Flags) => runFiles(cli, files, flags))
  withExamples(run, [
    ['millrace run pipelines/engagement.ts', 'until Ctrl-C'],
    ['millrace run pipelines/*.ts --once', 'to the end of the input, as a batch'],
    ['millrace run --threads 4', 'all pipelines of the project, in four threads'],
  ])
}

async function runFiles(cli: Cli, files: readonly string[], flags: Flags): Promise<void> {
  if (flags.brokers !== undefined)
    throw usageError(
      '--brokers comes with the Kafka adapter, which this version does not have yet',
      'leave it out: the embedded log is used',
    )
  const settings = await prepareRun(cli, flags)
  const chosen = files.length > 0 ? files.map(file => resolve(cli.cwd, file)) : projectFiles(settings)
  const pipelines = await loadPipelines(chosen, cli.cwd)
  await runApp(cli, pipelines, { ...runOptions(settings, flags), once: flags.once ?? false, freeze: false })
}

function projectFiles({ project, pipelines }: Settings): string[] {
  const files = pipelineFiles(project.directory, pipelines)
  if (files.length > 0) return files
  throw usageError(`No file matches ${pipelines.join(', ')} in ${project.directory}`, 'millrace run <files…>')
}
