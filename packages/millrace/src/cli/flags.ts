import type { Command } from 'commander'
import { usageError } from './cli-error.ts'
import { exitCodesHelp } from './exit-codes.ts'

/** The flags of every command that opens the log. */
export function withLogFlags(command: Command): Command {
  return withDataFlags(command).option(
    '--brokers <host:port,...>',
    'Apache Kafka instead of the embedded log (MILLRACE_BROKERS)',
  )
}

/** The flags of a command that works on the embedded log alone. */
export function withDataFlags(command: Command): Command {
  return command
    .option(
      '--data <directory>',
      'directory of the embedded log, or of local state on Kafka (MILLRACE_DATA; default .millrace beside package.json)',
    )
    .option(
      '--app <name>',
      'name of the app, prefix of groups and internal topics (MILLRACE_APP; default: package name)',
    )
    .option('--config <file>', 'configuration file (default millrace.config.ts beside package.json)')
}

/** The flags of the commands that run pipelines. */
export function withRunFlags(command: Command): Command {
  return withLogFlags(command)
    .option(
      '--instance <id>',
      'on Kafka: the name of this process in its groups (MILLRACE_INSTANCE; default: one kept in the data directory)',
    )
    .option(
      '--standbys <n>',
      "on Kafka: how many other processes keep a copy of each task's state (MILLRACE_STANDBYS; default 0)",
    )
    .option('--create-topics', 'on Kafka: create sources and sinks that do not exist')
    .option(
      '--rollback',
      'this once: go back to an older layout of the state, and drop what only newer code keeps',
    )
    .option('--threads <n>', 'worker threads (MILLRACE_THREADS; default: everything in one thread)')
    .option(
      '--guarantee <which>',
      'exactly-once (default), or at-least-once: on Kafka without transactions (MILLRACE_GUARANTEE)',
    )
    .option(
      '--commit-interval <duration>',
      'longest time between commits (MILLRACE_COMMIT_INTERVAL; default: of each pipeline, else 100ms, at-least-once 1s)',
    )
    .option(
      '--stop-timeout <duration>',
      'how long a stop may drain before it gives up what is uncommitted',
      '30s',
    )
    .option('--fresh', 'delete all topics and state first')
    .option('-y, --yes', 'do not ask')
}

/** Examples and exit codes below a command's help. */
export function withExamples(command: Command, examples: readonly (readonly [string, string])[]): Command {
  const width = Math.max(...examples.map(([line]) => line.length))
  const lines = examples.map(([line, what]) => `  ${line.padEnd(width)}   ${what}`)
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}\n\n${exitCodesHelp}`)
}

/** A whole number not below `least`; throws `CliError`. */
export function wholeNumber(text: string, flag: string, least = 0): number {
  const number = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(number) && number >= least) return number
  throw usageError(`${flag} is '${text}'`, `a whole number from ${least}`)
}
