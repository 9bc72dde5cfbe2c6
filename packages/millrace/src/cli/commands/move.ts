import type { Command } from 'commander'
import { moveLog } from '../../runtime/move/move-log.ts'
import { type MovePlan, planMove } from '../../runtime/move/move-plan.ts'
import { type MoveRecord, readMoveRecord, writeMoveRecord } from '../../runtime/move/move-record.ts'
import type { Cli } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { confirm } from '../confirm.ts'
import { withExistingLog } from '../data-directory.ts'
import { withDataFlags, withExamples } from '../flags.ts'
import { count, counted, table } from '../format.ts'
import { Progress } from '../progress.ts'
import { loadSettings, type SettingFlags, type Settings } from '../settings.ts'

interface MoveFlags extends SettingFlags {
  readonly to: string
  readonly dryRun?: boolean
  readonly yes?: boolean
}

export function addMove(program: Command, cli: Cli): void {
  const move = program
    .command('move')
    .description('take an embedded app to Apache Kafka: topics, state and positions, while nothing runs')
  withDataFlags(move)
    .requiredOption('--to <host:port,...>', 'brokers of the Kafka to move to')
    .option('--dry-run', 'show what would be moved and change nothing')
    .option('-y, --yes', 'do not ask')
    .action((flags: MoveFlags) => moveTo(cli, flags))
  withExamples(move, [
    ['millrace move --to localhost:9092 --dry-run', 'what would be moved, and what stands in the way'],
    ['millrace move --to localhost:9092', 'move; run it again when it was broken off'],
    ['millrace run --brokers localhost:9092', 'go on there'],
  ])
}

async function moveTo(cli: Cli, flags: MoveFlags): Promise<void> {
  const { kafka, ...loaded } = await loadSettings(flags, cli.env, cli.cwd)
  const settings = { ...loaded, brokers: undefined }
  await withExistingLog(cli, settings, async from => {
    const to = await cli.openLog({ data: settings.data, brokers: flags.to, kafka }, message =>
      cli.terminal.warn(message),
    )
    try {
      const begun = await begunMove(settings, flags.to)
      const plan = await planMove(from, to, cli.clock.now(), begun)
      await showPlan(cli, plan, begun)
      if (flags.dryRun) return cli.terminal.say('Nothing was changed (--dry-run)')
      await confirm(cli, `Move ${counted(plan.records, 'record')} to ${flags.to}?`, flags.yes ?? false)
      await carryOut(cli, settings, flags.to, {
        from,
        to,
        plan,
        record: begun ?? { to: flags.to, topics: {}, isDone: false },
      })
    } finally {
      await to.close()
    }
  })
}

async function begunMove({ data }: Settings, to: string): Promise<MoveRecord | undefined> {
  const begun = await readMoveRecord(data)
  if (begun?.isDone)
    throw new CliError(`${data} was moved to ${begun.to} already`, {
      wayOut: `millrace run --brokers ${begun.to}; or delete move.json there to move it to ${to} as well`,
    })
  return begun
}

async function showPlan(
  { terminal }: Cli,
  { topics, groups }: MovePlan,
  begun: MoveRecord | undefined,
): Promise<void> {
  const rows = topics.map(({ info, source, exists }) => [
    info.name,
    count(info.partitions),
    count(source.reduce((sum, { earliest, latest }) => sum + latest - earliest, 0)),
    exists ? (begun === undefined ? 'is there, empty' : 'is there') : 'is created',
  ])
  const titles = [
    { title: 'TOPIC' },
    { title: 'PARTITIONS', align: 'right' },
    { title: 'RECORDS', align: 'right' },
    { title: 'IN THE TARGET' },
  ] as const
  await terminal.result(table(titles, rows, text => terminal.paintOut('dim', text)))
  for (const { group, positions } of groups)
    await terminal.result(
      `${terminal.paintOut('dim', 'group')} ${group}  ${counted(positions.length, 'position')}\n`,
    )
  for (const { info, keepsOld } of topics)
    if (keepsOld)
      terminal.warn(
        `${info.name} has records older than its retention, which Kafka counts from their own time: it keeps everything there until millrace topics apply --alter`,
      )
  if (begun !== undefined) terminal.say('A move was broken off; it goes on where it stopped')
}

async function carryOut(
  { terminal, clock, interrupt }: Cli,
  { data }: Settings,
  to: string,
  move: Pick<Parameters<typeof moveLog>[0], 'from' | 'to' | 'plan' | 'record'>,
): Promise<void> {
  const progress = new Progress(terminal, clock, 'records', move.plan.records)
  let copied = 0
  try {
    await moveLog({
      ...move,
      save: record => writeMoveRecord(data, record),
      onCopied: records => {
        copied += records
        progress.update(copied)
      },
      signal: interrupt.signal,
    })
  } finally {
    progress.end()
  }
  terminal.say(`${terminal.paint('green', 'Moved')} ${progress.summary()}`)
  terminal.say(
    `Go on with: millrace run --brokers ${to}. ${data} stays as it is; nothing reads it there any more`,
  )
}
