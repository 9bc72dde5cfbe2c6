import type { Command } from 'commander'
import type { TopicInfo, TopicSpec } from '../../log/log.ts'
import { specOf } from '../../runtime/topics.ts'
import { toMs } from '../../std/duration.ts'
import type { Cli } from '../cli.ts'
import { CliError, usageError } from '../cli-error.ts'
import { confirm } from '../confirm.ts'
import { withExistingLog, withLog } from '../data-directory.ts'
import { wholeNumber, withExamples, withLogFlags } from '../flags.ts'
import { byteSize, count, span, table } from '../format.ts'
import { findDeclaredTopic } from '../records/find-topic.ts'
import { loadSettings, type SettingFlags } from '../settings.ts'
import { existingTopic, type TopicFigures, topicFigures } from '../topic-figures.ts'
import { addTopicsApply } from './topics-apply.ts'

interface ListFlags extends SettingFlags {
  readonly all?: boolean
  readonly json?: boolean
}

interface CreateFlags extends SettingFlags {
  readonly partitions?: string
  readonly retention?: string
  readonly retentionBytes?: string
  readonly cleanup?: string
}

interface DeleteFlags extends SettingFlags {
  readonly yes?: boolean
}

export function addTopics(program: Command, cli: Cli): void {
  const topics = program.command('topics').description('list, describe, apply, create and delete topics')
  const list = topics.command('list', { isDefault: true }).description('list the topics of the log')
  withLogFlags(list)
    .option('-a, --all', 'with the internal topics of Millrace')
    .option('--json', 'as JSON on standard output')
    .action((flags: ListFlags) => listTopics(cli, flags))
  const describe = topics.command('describe <topic>').description('show one topic with its partitions')
  withLogFlags(describe)
    .option('--json', 'as JSON on standard output')
    .action((name: string, flags: ListFlags) => describeTopic(cli, name, flags))
  const create = topics
    .command('create <topic>')
    .description('create a topic; one that the project declares needs no flags')
  withLogFlags(create)
    .option('-p, --partitions <n>', 'partition count')
    .option('--retention <duration>', 'how long records are kept, for example 7d, or forever')
    .option('--retention-bytes <n>', 'size limit of a partition')
    .option('--cleanup <policy>', 'delete, compact or compact,delete')
    .action((name: string, flags: CreateFlags) => createTopic(cli, name, flags))
  addTopicsApply(topics, cli)
  const remove = topics.command('delete <topics...>').description('delete topics with all their records')
  withLogFlags(remove)
    .option('-y, --yes', 'do not ask')
    .action((names: string[], flags: DeleteFlags) => deleteTopics(cli, names, flags))
  withExamples(topics, [
    ['millrace topics', 'list them'],
    ['millrace topics describe page-views', 'offsets and sizes of its partitions'],
    ['millrace topics apply --dry-run', 'what it takes to have the topics that the pipelines declare'],
    ['millrace topics create clicks --partitions 4', 'make one'],
    ['millrace topics delete clicks', 'delete it, after asking'],
  ])
}

async function listTopics(cli: Cli, flags: ListFlags): Promise<void> {
  const settings = await loadSettings(flags, cli.env, cli.cwd)
  const figures = await withExistingLog(cli, settings, async log => {
    const infos = (await log.describeTopics()).filter(({ internal }) => flags.all || flags.json || !internal)
    return Promise.all(infos.map(info => topicFigures(log, info)))
  })
  if (flags.json) return cli.terminal.json(figures)
  if (figures.length === 0)
    return cli.terminal.say('There are no topics yet. Try: millrace topics create <name>')
  await cli.terminal.result(topicTable(cli, figures))
}

function topicTable({ terminal }: Cli, figures: readonly TopicFigures[]): string {
  return table(
    [
      { title: 'TOPIC' },
      { title: 'PARTITIONS', align: 'right' },
      { title: 'RECORDS', align: 'right' },
      { title: 'SIZE', align: 'right' },
      { title: 'KEEPS' },
    ],
    figures.map(each => [
      each.name,
      count(each.partitions),
      count(each.records),
      byteSize(each.bytes),
      keeps(each),
    ]),
    text => terminal.paintOut('dim', text),
  )
}

function keeps({ cleanup, retentionMs, retentionBytes }: TopicInfo): string {
  const age = retentionMs < 0 ? [] : [span(retentionMs)]
  const size = retentionBytes < 0 ? [] : [`${byteSize(retentionBytes)} a partition`]
  if (cleanup === 'compact') return 'the newest of each key'
  const limits = [...age, ...size].join(', ') || 'forever'
  return cleanup === 'delete' ? limits : `the newest of each key; ${limits}`
}

async function describeTopic(cli: Cli, name: string, flags: ListFlags): Promise<void> {
  const settings = await loadSettings(flags, cli.env, cli.cwd)
  const figures = await withExistingLog(cli, settings, async log =>
    topicFigures(log, await existingTopic(log, name)),
  )
  if (flags.json) return cli.terminal.json(figures)
  const { terminal } = cli
  const title = (text: string) => terminal.paintOut('dim', text)
  await terminal.result(`${terminal.paintOut('bold', name)}${figures.internal ? title('  internal') : ''}\n`)
  await terminal.result(`${title('keeps')} ${keeps(figures)}\n\n`)
  const rows = figures.offsets.map(({ partition, earliest, latest, bytes }) => [
    String(partition),
    count(earliest),
    count(latest),
    count(latest - earliest),
    byteSize(bytes),
  ])
  const titles = ['PARTITION', 'EARLIEST', 'LATEST', 'RECORDS', 'SIZE']
  await terminal.result(
    table(
      titles.map(text => ({ title: text, align: 'right' })),
      rows,
      title,
    ),
  )
}

async function createTopic(cli: Cli, name: string, flags: CreateFlags): Promise<void> {
  const settings = await loadSettings(flags, cli.env, cli.cwd)
  const declared = await findDeclaredTopic(cli, settings, name)
  const spec = { ...(declared === undefined ? { name, partitions: 1 } : specOf(declared)), ...chosen(flags) }
  await withLog(cli, settings, async log => {
    const [existing] = await log.describeTopics([name])
    await log.createTopics([spec])
    const done = existing === undefined ? 'Created' : 'There is already'
    cli.terminal.say(
      `${done} ${name} with ${count(spec.partitions)} partition${spec.partitions === 1 ? '' : 's'}`,
    )
  })
}

function chosen({ partitions, retention, retentionBytes, cleanup }: CreateFlags): Partial<TopicSpec> {
  if (cleanup !== undefined && !['delete', 'compact', 'compact,delete'].includes(cleanup))
    throw usageError(`--cleanup is '${cleanup}'`, 'delete, compact or compact,delete')
  return {
    ...(partitions === undefined ? {} : { partitions: wholeNumber(partitions, '--partitions', 1) }),
    ...(retention === undefined ? {} : { retentionMs: retentionOf(retention) }),
    ...(retentionBytes === undefined
      ? {}
      : { retentionBytes: wholeNumber(retentionBytes, '--retention-bytes', 1) }),
    ...(cleanup === undefined ? {} : { cleanup: cleanup as TopicSpec['cleanup'] }),
  }
}

function retentionOf(text: string): number {
  if (text === 'forever' || text === '-1') return -1
  try {
    return toMs(text as '7d', '--retention')
  } catch (cause) {
    throw usageError((cause as Error).message, '--retention 7d, or --retention forever')
  }
}

async function deleteTopics(cli: Cli, names: readonly string[], flags: DeleteFlags): Promise<void> {
  const settings = await loadSettings(flags, cli.env, cli.cwd)
  await withExistingLog(cli, settings, async log => {
    const infos = await Promise.all(names.map(name => existingTopic(log, name)))
    const internal = infos.find(info => info.internal)
    if (internal !== undefined)
      throw new CliError(`${internal.name} belongs to a pipeline`, { wayOut: 'millrace reset <pipeline>' })
    const figures = await Promise.all(infos.map(info => topicFigures(log, info)))
    const records = figures.reduce((sum, each) => sum + each.records, 0)
    await confirm(cli, `Delete ${names.join(', ')} with ${count(records)} records?`, flags.yes ?? false)
    await log.deleteTopics(names)
    cli.terminal.say(`Deleted ${names.join(', ')}`)
  })
}
