import type { Command } from 'commander'
import type { Log } from '../../log/log.ts'
import type { Topic } from '../../plan/topic.ts'
import { fetchFor, topicPreparation } from '../../runtime/preparation.ts'
import type { Cli } from '../cli.ts'
import { CliError, usageError } from '../cli-error.ts'
import { withExistingLog } from '../data-directory.ts'
import { wholeNumber, withExamples, withLogFlags } from '../flags.ts'
import { Progress } from '../progress.ts'
import { type ShownRecord, shownRecord } from '../records/decode.ts'
import { parseFilter, type RecordFilter } from '../records/filter.ts'
import { findDeclaredTopic } from '../records/find-topic.ts'
import { offsetOf, type Place, parsePlace, placeHelp } from '../records/position.ts'
import { type ReadRange, readTopic } from '../records/read-topic.ts'
import { recordLine } from '../records/record-line.ts'
import { loadSettings, type SettingFlags } from '../settings.ts'
import { existingTopic } from '../topic-figures.ts'

interface ConsumeFlags extends SettingFlags {
  readonly from?: string
  readonly to?: string
  readonly follow?: boolean
  readonly filter: readonly string[]
  readonly partition?: string
  readonly max?: string
  readonly json?: boolean
}

export function addConsume(program: Command, cli: Cli): void {
  const consume = program.command('consume <topic>').description('show the records of a topic')
  withLogFlags(consume)
    .option('--from <place>', `${placeHelp} (default: earliest; latest with --follow)`)
    .option('--to <place>', 'where to stop, exclusive (default: the end as of now)')
    .option('-f, --follow', 'go on with what comes, until stopped')
    .option(
      '--filter <field=value>',
      'only these records; also != < <= > >= ~ and @key; may be repeated',
      collect,
      [],
    )
    .option('-p, --partition <n>', 'this partition only')
    .option('-n, --max <n>', 'stop after so many records')
    .option('--json', 'one JSON object a line, with key, time, offset and headers')
    .action((topic: string, flags: ConsumeFlags) => consumeTopic(cli, topic, flags))
  withExamples(consume, [
    ['millrace consume page-views', 'all of it'],
    ['millrace consume page-views --follow', 'what comes from now on'],
    ["millrace consume page-views --from 10m --filter 'status>=500'", 'errors of the last ten minutes'],
    ['millrace consume page-views --from -5', 'the last five of each partition'],
    ['millrace consume page-views --json | jq .value.url', 'for other programs'],
  ])
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value]
}

async function consumeTopic(cli: Cli, name: string, flags: ConsumeFlags): Promise<void> {
  const nowMs = cli.clock.now()
  const from = parsePlace(flags.from ?? (flags.follow ? 'latest' : 'earliest'), '--from', nowMs)
  const to = parsePlace(flags.to ?? 'latest', '--to', nowMs)
  if (flags.follow && flags.to !== undefined) throw usageError('--follow has no end', 'leave out --to')
  const filters = flags.filter.map(parseFilter)
  const max = flags.max === undefined ? Number.POSITIVE_INFINITY : wholeNumber(flags.max, '--max', 1)
  const settings = await loadSettings(flags, cli.env, cli.cwd)
  const declared = await findDeclaredTopic(cli, settings, name)
  await withExistingLog(cli, settings, async log => {
    const ranges = await rangesOf(log, name, { from, to, partition: flags.partition })
    await show(cli, log, {
      name,
      declared,
      ranges,
      filters,
      max,
      follow: flags.follow ?? false,
      json: flags.json ?? false,
    })
  })
}

async function rangesOf(
  log: Log,
  name: string,
  {
    from,
    to,
    partition,
  }: { readonly from: Place; readonly to: Place; readonly partition: string | undefined },
): Promise<ReadRange[]> {
  const { partitions } = await existingTopic(log, name)
  const only = partition === undefined ? undefined : wholeNumber(partition, '--partition')
  if (only !== undefined && only >= partitions)
    throw new CliError(`${name} has no partition ${only}`, { wayOut: `--partition 0 to ${partitions - 1}` })
  const bounds = (await log.offsets(name)).filter(each => only === undefined || each.partition === only)
  return Promise.all(
    bounds.map(async each => ({
      partition: each.partition,
      start: await offsetOf(log, name, each, from),
      end: await offsetOf(log, name, each, to),
    })),
  )
}

interface Showing {
  readonly name: string
  readonly declared: Topic | undefined
  readonly ranges: readonly ReadRange[]
  readonly filters: readonly RecordFilter[]
  readonly max: number
  readonly follow: boolean
  readonly json: boolean
}

async function show(cli: Cli, log: Log, showing: Showing): Promise<void> {
  const { terminal, clock, interrupt } = cli
  const { name, declared, ranges, filters, max, follow } = showing
  const total = ranges.reduce((sum, { start, end }) => sum + Math.max(0, end - start), 0)
  const progress = new Progress(terminal, clock, 'records', follow ? undefined : total)
  const line = showing.json ? (record: ShownRecord) => JSON.stringify(record) : recordLine(terminal)
  let shown = 0
  let read = 0
  for await (const { cursor, range } of readTopic(log, name, ranges, { follow, signal: interrupt.signal })) {
    let text = ''
    if (declared !== undefined) await Promise.all(fetchFor(cursor, topicPreparation(declared)))
    while (shown < max && cursor.next()) {
      if (cursor.offset < range.start || (!follow && cursor.offset >= range.end)) continue
      read++
      const record = shownRecord(cursor, { topic: name, partition: range.partition }, declared)
      if (!filters.every(filter => filter(record))) continue
      text += `${line(record)}\n`
      shown++
    }
    await terminal.result(text)
    // Records that scroll by on the same terminal are progress enough.
    if (!terminal.stdout.isTTY) progress.update(read)
    if (shown >= max || terminal.isClosed || interrupt.isRequested) break
  }
  progress.end()
  if (shown === 0 && !follow) terminal.say(terminal.paint('dim', noneText(showing, total)))
}

function noneText({ name, filters }: Showing, total: number): string {
  return total > 0 && filters.length > 0
    ? `None of ${total} records matches`
    : `There is nothing to show in ${name}`
}
