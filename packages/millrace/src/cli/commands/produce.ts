import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { withLog } from '../data-directory.ts'
import { withExamples, withLogFlags } from '../flags.ts'
import { findDeclaredTopic } from '../records/find-topic.ts'
import { parseRate } from '../records/pace.ts'
import { type ProduceInput, type ProduceResult, produceLines } from '../records/produce-lines.ts'
import { loadSettings, type SettingFlags } from '../settings.ts'

interface ProduceFlags extends SettingFlags {
  readonly lines?: boolean
  readonly key?: string
  readonly timestamp?: string
  readonly rate?: string
  readonly skipInvalid?: boolean
  readonly end?: boolean
  readonly json?: boolean
}

export function addProduce(program: Command, cli: Cli): void {
  const produce = program
    .command('produce <topic> [file]')
    .description(
      'write records from a file or standard input: one JSON value a line (NDJSON), or lines of text',
    )
  withLogFlags(produce)
    .option('--lines', 'each line is a text, not JSON')
    .option(
      '--key <field>',
      "the field that is the record's key, for example user.id (default: as the topic is declared)",
    )
    .option('--timestamp <field>', 'the field that is the event time: ms since the epoch or an ISO date')
    .option('--rate <n/s>', 'records per second (default: as fast as they come)')
    .option('--skip-invalid', 'leave out lines that are refused, and count them')
    .option('--end', 'append the end-of-input record, so that every window closes; nothing may follow it')
    .option('--json', 'report as JSON on standard output')
    .action((topic: string, file: string | undefined, flags: ProduceFlags) =>
      produceTo(cli, topic, file, flags),
    )
  withExamples(produce, [
    ['millrace produce page-views views.ndjson', 'a file of JSON lines'],
    ['tail -f app.log | millrace produce app-log --lines', 'lines of text, as they come'],
    ['millrace produce clicks clicks.ndjson --key user.id --timestamp at', 'keyed, with event times'],
    ['millrace produce clicks clicks.ndjson --rate 100/s --end', 'slowly, then close all windows'],
  ])
}

async function produceTo(
  cli: Cli,
  topic: string,
  file: string | undefined,
  flags: ProduceFlags,
): Promise<void> {
  const rate = flags.rate === undefined ? undefined : parseRate(flags.rate)
  const settings = await loadSettings(flags, cli.env, cli.cwd)
  const declared = await findDeclaredTopic(cli, settings, topic)
  const input = file === undefined || file === '-' ? standardInput(cli) : await fileInput(cli, file)
  const result = await withLog(cli, settings, log =>
    produceLines(cli, log, input, { ...flags, lines: flags.lines ?? false, rate, topic, declared }),
  )
  if (flags.json) await cli.terminal.json(result)
  else cli.terminal.say(resultText(cli, result))
}

function standardInput({ stdin, terminal }: Cli): ProduceInput {
  if (stdin.isTTY)
    terminal.say(terminal.paint('dim', 'Reading standard input: one record a line, Ctrl-D ends'))
  return { name: 'standard input', stream: stdin, bytes: undefined }
}

async function fileInput({ cwd }: Cli, file: string): Promise<ProduceInput> {
  try {
    const handle = await open(resolve(cwd, file))
    const stats = await handle.stat()
    if (stats.isDirectory()) throw new Error('it is a directory')
    return {
      name: file,
      stream: handle.createReadStream({ highWaterMark: 1024 * 1024 }),
      bytes: stats.isFile() ? stats.size : undefined,
    }
  } catch (cause) {
    throw new CliError(`${file} cannot be read: ${(cause as Error).message}`, {
      wayOut: 'check the path',
      cause,
    })
  }
}

function resultText({ terminal }: Cli, { topic, summary, skipped, ended }: ProduceResult): string {
  const parts = [`${terminal.paint('green', 'Wrote')} ${summary} to ${topic}`]
  if (skipped > 0) parts.push(terminal.paint('yellow', `skipped ${skipped} refused`))
  if (ended) parts.push('and the end of input')
  return parts.join(', ')
}
