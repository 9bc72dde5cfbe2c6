import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { CliError, usageError } from '../cli-error.ts'
import { confirm } from '../confirm.ts'
import { withExistingLog } from '../data-directory.ts'
import { withExamples, withLogFlags } from '../flags.ts'
import { count, counted, table } from '../format.ts'
import { existingGroup, type GroupFigures, groupFigures, refuseActive } from '../group-figures.ts'
import { offsetOf, parsePlace, placeHelp } from '../records/position.ts'
import { loadSettings, type SettingFlags } from '../settings.ts'

interface ListFlags extends SettingFlags {
  readonly json?: boolean
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
    .option('--json', 'as JSON on standard output')
    .action((flags: ListFlags) => listGroups(cli, flags))
  const describe = groups
    .command('describe <group>')
    .description('members, positions and lag of a group or pipeline')
  withLogFlags(describe)
    .option('--json', 'as JSON on standard output')
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
    ['millrace groups describe engagement', 'positions and lag of a pipeline'],
    ['millrace groups reset engagement --to 1h', 'read the last hour again (see also: millrace reset)'],
  ])
}

async function listGroups(cli: Cli, flags: ListFlags): Promise<void> {
  const settings = await loadSettings(flags, cli.env, cli.cwd)
  const figures = await withExistingLog(cli, settings, async log => {
    const infos = await Promise.all((await log.listGroups()).map(group => log.describeGroup(group)))
    return Promise.all(infos.filter(info => info !== undefined).map(info => groupFigures(log, info)))
  })
  if (flags.json) return cli.terminal.json(figures)
  if (figures.length === 0) return cli.terminal.say('There are no groups yet. Try: millrace dev')
  const titles = [
    { title: 'GROUP' },
    { title: 'MEMBERS', align: 'right' },
    { title: 'POSITIONS', align: 'right' },
    { title: 'LAG', align: 'right' },
  ] as const
  const rows = figures.map(({ group, members, positions, lag }) => [
    group,
    count(members.length),
    count(positions.length),
    count(lag),
  ])
  await cli.terminal.result(table(titles, rows, text => cli.terminal.paintOut('dim', text)))
}

async function describeGroup(cli: Cli, name: string, flags: ListFlags): Promise<void> {
  const settings = await loadSettings(flags, cli.env, cli.cwd)
  const figures = await withExistingLog(cli, settings, async log =>
    groupFigures(log, await existingGroup(log, settings.app, name)),
  )
  if (flags.json) return cli.terminal.json(figures)
  await cli.terminal.result(groupText(cli, figures))
}

function groupText({ terminal }: Cli, { group, members, positions, lag }: GroupFigures): string {
  const title = (text: string) => terminal.paintOut('dim', text)
  const lines = [`${terminal.paintOut('bold', group)}  ${title('lag')} ${count(lag)}\n`]
  const memberRows = members.map(({ memberId, host, pid, assignment }) => [
    memberId,
    `${host}:${pid}`,
    assignment.map(({ topic, partition }) => `${topic}/${partition}`).join(' ') || '-',
  ])
  if (members.length === 0) lines.push(title('no members: nobody runs it\n'))
  else
    lines.push(table([{ title: 'MEMBER' }, { title: 'PROCESS' }, { title: 'PARTITIONS' }], memberRows, title))
  const right = (text: string) => ({ title: text, align: 'right' }) as const
  const titles = [{ title: 'TOPIC' }, right('PARTITION'), right('POSITION'), right('END'), right('LAG')]
  const rows = positions.map(each => [
    each.topic,
    String(each.partition),
    count(each.offset),
    count(each.latest),
    count(each.lag),
  ])
  return `${lines.join('')}\n${table(titles, rows, title)}`
}

async function resetGroup(cli: Cli, name: string, flags: ResetFlags): Promise<void> {
  const place = parsePlace(flags.to!, '--to', cli.clock.now())
  const settings = await loadSettings(flags, cli.env, cli.cwd)
  await withExistingLog(cli, settings, async log => {
    const info = await existingGroup(log, settings.app, name)
    refuseActive(info)
    const held = info.positions.filter(({ topic }) => flags.topic === undefined || topic === flags.topic)
    if (held.length === 0)
      throw flags.topic === undefined
        ? new CliError(`${info.group} has no positions`)
        : usageError(
            `${info.group} has no positions in ${flags.topic}`,
            'millrace groups describe shows them',
          )
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
      `the state of ${info.group} stays: what is read again counts again (millrace reset drops it)`,
    )
    await confirm(cli, `Move ${counted(positions.length, 'position')} of ${info.group}?`, flags.yes ?? false)
    await log.resetGroup(info.group, positions)
    for (const { topic, partition, offset } of positions)
      cli.terminal.say(`${topic}/${partition} stands at ${count(offset)}`)
  })
}
