import { decodeMetadata } from '../engine/metadata.ts'
import type { GroupInfo, GroupMember, Log, TopicPartition } from '../log/log.ts'
import { groupName } from '../plan/names.ts'
import { type CodeVersions, decodeVersions } from '../runtime/versions.ts'
import { CliError } from './cli-error.ts'
import { oldestWaiting } from './oldest-waiting.ts'

export interface PositionFigures extends TopicPartition {
  readonly offset: number
  readonly latest: number
  readonly lag: number
  /** How long the oldest record has been waiting, by its own time; undefined when none waits or it has no time. */
  readonly ageMs: number | undefined
  /** How far the event time of the input's task is behind the clock; undefined where the position does not say. */
  readonly behindMs: number | undefined
}

export interface MemberFigures extends Omit<GroupMember, 'userData'>, CodeVersions {
  /** Topics behind which another member has newer layouts of state. */
  readonly olderIn: readonly string[]
}

/** A group with how far it is behind. */
export interface GroupFigures {
  readonly group: string
  readonly generation: number
  readonly members: readonly MemberFigures[]
  /** Partitions that no member may have: newer code than theirs has had them. */
  readonly barred: readonly TopicPartition[]
  readonly positions: readonly PositionFigures[]
  readonly lag: number
  /** The largest of its positions. */
  readonly ageMs: number | undefined
  readonly behindMs: number | undefined
}

export async function groupFigures(
  log: Log,
  nowMs: number,
  { group, generation, members, barred, positions }: GroupInfo,
): Promise<GroupFigures> {
  const ends = await endsOf(log, positions)
  const waiting = positions.filter(
    ({ topic, partition, offset }) => offset < (ends.get(`${topic}/${partition}`) ?? 0),
  )
  const times = new Map(waiting.map((position, i) => [position, i]))
  const oldest = await oldestWaiting(log, waiting)
  const figures = positions.map(position => {
    const { topic, partition, offset, metadata } = position
    const latest = ends.get(`${topic}/${partition}`) ?? offset
    const timeMs = oldest[times.get(position) ?? -1]
    const ageMs = timeMs === undefined ? undefined : Math.max(0, nowMs - timeMs)
    return {
      topic,
      partition,
      offset,
      latest,
      lag: Math.max(0, latest - offset),
      ageMs,
      behindMs: behindOf(metadata, nowMs),
    }
  })
  figures.sort((a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition)
  return {
    group,
    generation,
    members: members.map(member => memberFigures(member, members)),
    barred,
    positions: figures,
    lag: figures.reduce((sum, { lag }) => sum + lag, 0),
    ageMs: largest(figures.map(each => each.ageMs)),
    behindMs: largest(figures.map(each => each.behindMs)),
  }
}

function memberFigures({ userData, ...member }: GroupMember, all: readonly GroupMember[]): MemberFigures {
  const { layouts = {} } = member
  const isOlder = (topic: string) =>
    all.some(other => (other.layouts?.[topic] ?? 0) > (layouts[topic] ?? Number.POSITIVE_INFINITY))
  return { ...member, ...decodeVersions(userData), olderIn: Object.keys(layouts).filter(isOlder).sort() }
}

/** Positions of others have metadata of their own, or none. */
function behindOf(metadata: Uint8Array, nowMs: number): number | undefined {
  try {
    const watermarkMs = decodeMetadata(metadata).task?.watermark
    return watermarkMs !== undefined && Number.isFinite(watermarkMs)
      ? Math.max(0, nowMs - watermarkMs)
      : undefined
  } catch {
    return undefined
  }
}

function largest(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter(value => value !== undefined)
  return known.length === 0 ? undefined : Math.max(...known)
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
