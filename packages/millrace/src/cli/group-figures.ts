import type { GroupInfo, GroupMember, Log, TopicPartition } from '../log/log.ts'
import { groupName } from '../plan/names.ts'
import { CliError } from './cli-error.ts'

export interface PositionFigures extends TopicPartition {
  readonly offset: number
  readonly latest: number
  readonly lag: number
}

/** A group with how far it is behind. */
export interface GroupFigures {
  readonly group: string
  readonly generation: number
  readonly members: readonly Omit<GroupMember, 'userData'>[]
  readonly positions: readonly PositionFigures[]
  readonly lag: number
}

export async function groupFigures(
  log: Log,
  { group, generation, members, positions }: GroupInfo,
): Promise<GroupFigures> {
  const ends = await endsOf(log, positions)
  const figures = positions.map(({ topic, partition, offset }) => {
    const latest = ends.get(`${topic}/${partition}`) ?? offset
    return { topic, partition, offset, latest, lag: Math.max(0, latest - offset) }
  })
  figures.sort((a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition)
  return {
    group,
    generation,
    members: members.map(({ userData: _, ...member }) => member),
    positions: figures,
    lag: figures.reduce((sum, { lag }) => sum + lag, 0),
  }
}

async function endsOf(log: Log, positions: readonly TopicPartition[]): Promise<Map<string, number>> {
  const ends = new Map<string, number>()
  for (const { name } of await log.describeTopics([...new Set(positions.map(({ topic }) => topic))])) {
    for (const { partition, latest } of await log.offsets(name)) ends.set(`${name}/${partition}`, latest)
  }
  return ends
}

/** The group of that name, or of the pipeline of that name. Throws `CliError` when there is none. */
export async function existingGroup(log: Log, app: string, name: string): Promise<GroupInfo> {
  const found = (await log.describeGroup(name)) ?? (await log.describeGroup(groupName(app, name)))
  if (found !== undefined) return found
  const groups = await log.listGroups()
  throw new CliError(`There is no group ${name}, and none of a pipeline ${name} of the app ${app}`, {
    wayOut: groups.length === 0 ? 'millrace dev; there are no groups yet' : groups.slice(0, 5).join(', '),
  })
}

/** Throws `CliError` naming the processes when somebody runs it. */
export function refuseActive({ group, members }: GroupInfo): void {
  if (members.length === 0) return
  const pids = [...new Set(members.map(({ pid }) => pid))].join(', ')
  throw new CliError(`${group} is run by process ${pids}`, {
    wayOut: 'stop it first; a killed one is forgotten after 10 s',
  })
}
