import {
  type GroupInfo,
  type Log,
  LogError,
  type PartitionOffsets,
  type TopicInfo,
  type TopicSpec,
} from '../../log/log.ts'
import { batchInfo } from '../../record/batch.ts'
import type { MoveRecord } from './move-record.ts'

/** One topic that is moved. */
export interface MovingTopic {
  readonly info: TopicInfo
  readonly source: readonly PartitionOffsets[]
  /** What the target's topic is made with. */
  readonly spec: TopicSpec
  /** Its records are older than its retention: kept for ever in the target, or they would go unread. */
  readonly keepsOld: boolean
  /** It is there already: empty, or begun by an earlier move. */
  readonly exists: boolean
}

export interface MovePlan {
  readonly topics: readonly MovingTopic[]
  readonly groups: readonly GroupInfo[]
  readonly records: number
}

/**
 * Looks at both logs. Throws `LogError` when somebody runs on either, or when the target has records of its own under one of
 * the names: `group-active`, `topic-mismatch`.
 */
export async function planMove(
  from: Log,
  to: Log,
  nowMs: number,
  begun: MoveRecord | undefined,
): Promise<MovePlan> {
  const groups = await groupsOf(from)
  for (const group of groups) refuseMembers(group, 'here')
  for (const { group } of groups) {
    const there = await to.describeGroup(group)
    if (there !== undefined) refuseMembers(there, 'in the target')
    if (there !== undefined && there.positions.length > 0 && begun === undefined)
      throw new LogError(
        'topic-mismatch',
        `The target knows the group ${group} already; delete it there (kafka-consumer-groups.sh --delete --group ${group}), or choose another --app`,
      )
  }
  const infos = await from.describeTopics()
  const existing = new Map(
    (await to.describeTopics(infos.map(({ name }) => name))).map(info => [info.name, info]),
  )
  const topics = await Promise.all(
    infos.map(async info => {
      const target = existing.get(info.name)
      if (target !== undefined) await refuseForeign(to, info, target, begun)
      return movingTopic(from, info, nowMs, target !== undefined)
    }),
  )
  const records = topics.reduce(
    (sum, { source }) => sum + source.reduce((n, each) => n + each.latest - each.earliest, 0),
    0,
  )
  return { topics, groups, records }
}

async function groupsOf(log: Log): Promise<GroupInfo[]> {
  const infos = await Promise.all((await log.listGroups()).map(group => log.describeGroup(group)))
  return infos.filter(info => info !== undefined)
}

function refuseMembers({ group, members }: GroupInfo, where: string): void {
  if (members.length === 0) return
  const names = members.map(({ host, pid }) => `${host}:${pid}`).join(', ')
  throw new LogError('group-active', `${group} is run ${where} by ${names}; a move needs everything stopped`)
}

async function refuseForeign(
  to: Log,
  info: TopicInfo,
  target: TopicInfo,
  begun: MoveRecord | undefined,
): Promise<void> {
  if (target.partitions !== info.partitions)
    throw new LogError(
      'topic-mismatch',
      `Topic ${info.name} has ${info.partitions} partitions here and ${target.partitions} in the target; delete it there, or rename it`,
    )
  if (begun?.topics[info.name]?.id === target.id) return
  const records = (await to.offsets(info.name)).reduce(
    (sum, { earliest, latest }) => sum + latest - earliest,
    0,
  )
  if (records > 0)
    throw new LogError(
      'topic-mismatch',
      `Topic ${info.name} of the target has ${records} records that this move did not bring; delete it there (millrace topics delete ${info.name} --brokers …), or rename it`,
    )
}

async function movingTopic(from: Log, info: TopicInfo, nowMs: number, exists: boolean): Promise<MovingTopic> {
  const source = await from.offsets(info.name)
  const { name, partitions, cleanup, retentionMs, retentionBytes } = info
  const keepsOld =
    retentionMs >= 0 && cleanup !== 'compact' && (await oldestMs(from, name, source)) < nowMs - retentionMs
  const spec = { name, partitions, cleanup, retentionMs: keepsOld ? -1 : retentionMs, retentionBytes }
  return { info, source, spec, keepsOld, exists }
}

/** The newest time in each partition's first batch, of which the oldest: Kafka would delete from there on. */
async function oldestMs(from: Log, topic: string, source: readonly PartitionOffsets[]): Promise<number> {
  const times = await Promise.all(
    source.map(async ({ partition, earliest, latest }) => {
      if (earliest === latest) return Number.POSITIVE_INFINITY
      const limits = { maxWaitMs: 0, maxBytes: 1 << 20, partitionMaxBytes: 1 }
      const [fetched] = await from.fetch([{ topic, partition, offset: earliest }], limits)
      const [batch] = fetched!.batches
      return batch === undefined ? Number.POSITIVE_INFINITY : batchInfo(batch).maxTimestamp
    }),
  )
  return Math.min(...times)
}
