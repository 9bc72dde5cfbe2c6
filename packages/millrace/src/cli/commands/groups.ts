import { type Command, Option } from 'commander'
import type { Log, TopicPartition } from '../../log/log.ts'
import { groupName } from '../../plan/names.ts'
import type { Cli } from '../cli.ts'
import { CliError, usageError } from '../cli-error.ts'
import { confirm } from '../confirm.ts'
import { withExistingLog } from '../data-directory.ts'
import { withExamples, withLogFlags } from '../flags.ts'
import { count, counted, span, table } from '../format.ts'
import { existingGroup, type GroupFigures, groupFigures, refuseActive } from '../group-figures.ts'
import { barredText, memberTable } from '../member-table.ts'
import { offsetOf, parsePlace, placeHelp } from '../records/position.ts'
import { loadSettings, type SettingFlags } from '../settings.ts'
import { watchScreen } from '../watch-screen.ts'

interface ListFlags extends SettingFlags {
  readonly json?: boolean
  readonly watch?: boolean
}

interface ResetFlags extends SettingFlags {
  readonly to?: string
  readonly topic?: string
  readonly yes?: boolean
}

export function addGroups(program: Command, cli: Cli): void {
  const groups = program.command('groups').description('list, describe and reset the groups that read topics')
  const list = groups.command('list', { isDefault: true }).description('list the groups with their lag')
  withLogFlags(list)
    .addOption(new Option('--json', 'as JSON on standard output').conflicts('watch'))
    .option('-w, --watch', 'again every 2 s until Ctrl-C')
    .action((flags: ListFlags) => listGroups(cli, flags))
  const describe = groups
    .command('describe <group>')
    .description('members, positions and lag of a group or pipeline')
  withLogFlags(describe)
    .addOption(new Option('--json', 'as JSON on standard output').conflicts('watch'))
    .option('-w, --watch', 'again every 2 s until Ctrl-C')
    .action((name: string, flags: ListFlags) => describeGroup(cli, name, flags))
  const reset = groups
    .command('reset <group>')
    .description('move the positions of a group that nobody runs; state stays')
  withLogFlags(reset)
    .requiredOption('--to <place>', placeHelp)
    .option('--topic <name>', 'only the positions in this topic')
    .option('-y, --yes', 'do not ask')
    .action((name: string, flags: ResetFlags) => resetGroup(cli, name, flags))
  withExamples(groups, [
    ['millrace groups', 'list them'],
    [
      'millrace groups describe engagement --watch',
      'members, positions and lag of a pipeline, again and again',
    ],
    ['millrace groups reset engagement --to 1h', 'read the last hour again (see also: millrace reset)'],
  ])
}

async function listGroups(cli: Cli, flags: ListFlags): Promise<void> {
  const settings = await loadSettings(flags, cli.env, cli.cwd)
  await withExistingLog(cli, settings, async log => {
    if (flags.watch) return watchScreen(cli, async () => groupTable(cli, await allFigures(cli, log)))
    const figures = await allFigures(cli, log)
    if (flags.json) return cli.terminal.json(figures)
    if (figures.length === 0) return cli.terminal.say('There are no groups yet. Try: millrace dev')
    await cli.terminal.result(groupTable(cli, figures))
  })
}

async function allFigures({ clock }: Cli, log: Log): Promise<GroupFigures[]> {
  const infos = await Promise.all((await log.listGroups()).map(group => log.describeGroup(group)))
  const known = infos.filter(info => info !== undefined)
  return Promise.all(known.map(info => groupFigures(log, clock.now(), info)))
}

function groupTable({ terminal }: Cli, figures: readonly GroupFigures[]): string {
  const right = (title: string) => ({ title, align: 'right' }) as const
  const areAnyBarred = figures.some(({ barred }) => barred.length > 0)
  const titles = [
    { title: 'GROUP' },
    right('MEMBERS'),
    right('POSITIONS'),
    right('LAG'),
    right('WAITING'),
    right('EVENT TIME'),
    ...(areAnyBarred ? [right('BARRED')] : []),
  ]
  const rows = figures.map(({ group, members, barred, positions, lag, ageMs, behindMs }) => [
    group,
    count(members.length),
    count(positions.length),
    count(lag),
    waitText(lag, ageMs),
    behindText(behindMs),
    ...(areAnyBarred ? [count(barred.length)] : []),
  ])
  return table(titles, rows, text => terminal.paintOut('dim', text))
}

/** How long the oldest record has been waiting. */
function waitText(lag: number, ageMs: number | undefined): string {
  return lag === 0 ? '-' : ageMs === undefined ? '?' : span(ageMs)
}

function behindText(behindMs: number | undefined): string {
  return behindMs === undefined ? '-' : `${span(behindMs)} behind`
}

async function describeGroup(cli: Cli, name: string, flags: ListFlags): Promise<void> {
  const settings = await loadSettings(flags, cli.env, cli.cwd)
  await withExistingLog(cli, settings, async log => {
    const look = async () => groupFigures(log, cli.clock.now(), await existingGroup(log, settings.app, name))
    if (flags.watch) return watchScreen(cli, async () => groupText(cli, await look()))
    const figures = await look()
    if (flags.json) return cli.terminal.json(figures)
    await cli.terminal.result(groupText(cli, figures))
  })
}

function groupText({ terminal }: Cli, figures: GroupFigures): string {
  const { group, members, barred, positions, lag, ageMs, behindMs } = figures
  const title = (text: string) => terminal.paintOut('dim', text)
  const right = (text: string) => ({ title: text, align: 'right' }) as const
  const lines = [
    `${terminal.paintOut('bold', group)}  ${title('lag')} ${count(lag)}  ${title('waiting')} ${waitText(lag, ageMs)}  ${title('event time')} ${behindText(behindMs)}\n`,
  ]
  lines.push(members.length === 0 ? title('no members: nobody runs it\n') : memberTable(figures, title))
  if (barred.length > 0) lines.push(`\n${terminal.paintOut('yellow', barredText(barred))}\n`)
  const titles = [
    { title: 'TOPIC' },
    right('PARTITION'),
    right('POSITION'),
    right('END'),
    right('LAG'),
    right('WAITING'),
  ]
  const rows = positions.map(each => [
    each.topic,
    String(each.partition),
    count(each.offset),
    count(each.latest),
    count(each.lag),
    waitText(each.lag, each.ageMs),
  ])
  return `${lines.join('')}\n${table(titles, rows, title)}`
}

async function resetGroup(cli: Cli, name: string, flags: ResetFlags): Promise<void> {
  const place = parsePlace(flags.to!, '--to', cli.clock.now())
  const settings = await loadSettings(flags, cli.env, cli.cwd)
  await withExistingLog(cli, settings, async log => {
    const { group, held } = await positionsToReset(log, settings.app, name, flags.topic)
    const bounds = new Map<string, Awaited<ReturnType<typeof log.offsets>>>()
    for (const { topic } of held) if (!bounds.has(topic)) bounds.set(topic, await log.offsets(topic))
    const positions = await Promise.all(
      held.map(async ({ topic, partition }) => ({
        topic,
        partition,
        offset: await offsetOf(
          log,
          topic,
          bounds.get(topic)!.find(each => each.partition === partition)!,
          place,
        ),
      })),
    )
    cli.terminal.warn(
      `the state of ${group} stays: what is read again counts again (millrace reset drops it)`,
    )
    await confirm(cli, `Move ${counted(positions.length, 'position')} of ${group}?`, flags.yes ?? false)
    await log.resetGroup(group, positions)
    for (const { topic, partition, offset } of positions)
      cli.terminal.say(`${topic}/${partition} stands at ${count(offset)}`)
  })
}

/**
 * The positions of a group, or those in one topic. A topic that is named is looked for in the log where the group has no position in it: it
 * may have lost them, as Kafka forgets those of a group without members.
 */
async function positionsToReset(
  log: Log,
  app: string,
  name: string,
  topic: string | undefined,
): Promise<{ readonly group: string; readonly held: readonly TopicPartition[] }> {
  const isForgotten = topic !== undefined && (await log.describeGroup(groupName(app, name))) === undefined
  const isFullName = (await log.describeGroup(name)) !== undefined
  if (isForgotten && !isFullName) return { group: groupName(app, name), held: await partitionsIn(log, topic) }
  const info = await existingGroup(log, app, name)
  refuseActive(info)
  const { group, positions } = info
  const held = positions.filter(each => topic === undefined || topic === each.topic)
  if (held.length > 0) return { group, held }
  if (topic === undefined) throw new CliError(`${group} has no positions`, { wayOut: 'name a --topic' })
  return { group, held: await partitionsIn(log, topic) }
}

async function partitionsIn(log: Log, topic: string): Promise<TopicPartition[]> {
  const [info] = await log.describeTopics([topic])
  if (info === undefined) throw usageError(`There is no topic ${topic}`, 'millrace topics shows them')
  return Array.from({ length: info.partitions }, (_, partition) => ({ topic, partition }))
}
