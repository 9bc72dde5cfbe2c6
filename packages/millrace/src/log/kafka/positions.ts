import { accessRight } from '../../std/access-right.ts'
import { type CommittedPosition, LogError, type MemberIdentity, type TopicPartition } from '../log.ts'
import type { ArgsOf } from './apis.ts'
import type { Cluster } from './cluster.ts'
import { CODE, KafkaError } from './errors.ts'

const NO_GENERATION = -1
const NO_OFFSET = -1
const NO_EPOCH = -1
/** Of commits: out of the way of heartbeats and of what waits long. */
export const COMMIT_LANE = 'txn'

interface Asked {
  /** All when undefined. */
  readonly partitions: readonly TopicPartition[] | undefined
  /** Whether a position that a transaction is open on is an error that can be retried, and not the one before. */
  readonly stable: boolean
}

/** Positions of groups, with what stands beside them. */
export class Positions {
  readonly #cluster: Cluster

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** The ones of these partitions, once no transaction is open on them. */
  async committed(group: string, partitions: readonly TopicPartition[]): Promise<CommittedPosition[]> {
    if (partitions.length === 0) return []
    return this.#read(group, { partitions, stable: true })
  }

  /** All of them, as they were committed last; a transaction that is open on them is not waited for. */
  lastCommitted(group: string): Promise<CommittedPosition[]> {
    return this.#read(group, { partitions: undefined, stable: false })
  }

  #read(group: string, asked: Asked): Promise<CommittedPosition[]> {
    return this.#cluster.retry(async () => {
      const found = await this.#ask(group, asked)
      const mayRead = accessRight('Read', 'Group', group)
      const positions: CommittedPosition[] = []
      for (const topic of found.topics) {
        for (const { partitionIndex, errorCode, committedOffset, metadata } of topic.partitions) {
          const name = `${topic.name}/${partitionIndex}`
          if (errorCode === CODE.unknownTopic) continue
          if (errorCode !== 0)
            throw new KafkaError(
              errorCode,
              `give the position of group ${group} in ${name}`,
              null,
              mayRead,
              accessRight('Read', 'Topic', topic.name),
            )
          const offset = Number(committedOffset)
          if (offset === NO_OFFSET) continue
          positions.push({
            topic: topic.name,
            partition: partitionIndex,
            offset,
            metadata: metadataBytes(metadata),
          })
        }
      }
      return positions
    })
  }

  /** Whether a transaction is open on one of these. */
  async isPending(group: string, partitions: readonly TopicPartition[]): Promise<boolean> {
    const found = await this.#cluster.retry(() => this.#ask(group, { partitions, stable: true }))
    return found.topics.some(topic =>
      topic.partitions.some(each => each.errorCode === CODE.unstableOffsetCommit),
    )
  }

  /** Errors of single partitions are in the answer. */
  async #ask(group: string, { partitions, stable }: Asked) {
    const topics = partitions && byTopic(partitions, each => each.partition)
    const asked = {
      groupId: group,
      memberId: null,
      memberEpoch: NO_EPOCH,
      topics: topics?.map(([name, partitionIndexes]) => ({ name, partitionIndexes })) ?? null,
    }
    const node = await this.#cluster.coordinator('group', group)
    const answer = await this.#cluster.request(node, 'admin', 'offsetFetch', [[asked], stable])
    const found = answer.groups[0]!
    if (found.errorCode !== 0) {
      const mayRead = accessRight('Read', 'Group', group)
      throw new KafkaError(found.errorCode, `give the positions of group ${group}`, null, mayRead)
    }
    return found
  }

  /** Of a group without members; throws `LogError` `group-active` otherwise. */
  async reset(group: string, positions: readonly CommittedPosition[]): Promise<void> {
    const nobody = { group, memberId: '', generation: NO_GENERATION }
    try {
      await this.commit(nobody, positions)
    } catch (error) {
      if (!(error instanceof KafkaError && MEMBERS_STAND_IN_THE_WAY.has(error.code))) throw error
      throw new LogError('group-active', `Group ${group} has members; stop them first`)
    }
  }

  /** Commits outside transactions. The coordinator checks the identity; the same commit may be repeated. */
  async commit(identity: MemberIdentity, positions: readonly CommittedPosition[]): Promise<void> {
    const { group, generation, memberId, instanceId = null } = identity
    if (positions.length === 0) return
    const topics = topicsToCommit(positions)
    await this.#cluster.retry(async () => {
      const node = await this.#cluster.coordinator('group', group)
      const args: ArgsOf<'offsetCommit'> = [group, generation, memberId, instanceId, topics]
      const answer = await this.#cluster.request(node, COMMIT_LANE, 'offsetCommit', args)
      for (const { name, partitions } of answer.topics) {
        for (const { partitionIndex, errorCode } of partitions) {
          if (errorCode !== 0)
            throw new KafkaError(
              errorCode,
              `set the position of group ${group} in ${name}/${partitionIndex}`,
              whyRefused(errorCode, positions, name, partitionIndex),
              accessRight('Read', 'Group', group),
              accessRight('Read', 'Topic', name),
            )
        }
      }
    })
  }
}

/** Throws unless this is the member, and the generation, that the group has now. */
export async function checkMember(cluster: Cluster, identity: MemberIdentity): Promise<void> {
  const { group, generation, memberId, instanceId = null } = identity
  const node = await cluster.coordinator('group', group)
  const args: ArgsOf<'heartbeat'> = [group, generation, memberId, instanceId]
  const { errorCode } = await cluster.request(node, COMMIT_LANE, 'heartbeat', args)
  if (errorCode !== 0 && errorCode !== CODE.rebalanceInProgress)
    throw new KafkaError(
      errorCode,
      `take a commit for group ${group}`,
      null,
      accessRight('Read', 'Group', group),
    )
}

/** Positions as the requests that commit them have them. */
export function topicsToCommit(positions: readonly CommittedPosition[]) {
  return byTopic(positions, ({ partition, offset, metadata }) => ({
    partitionIndex: partition,
    committedOffset: BigInt(offset),
    committedLeaderEpoch: NO_EPOCH,
    committedMetadata: metadataText(metadata),
  })).map(([name, partitions]) => ({ name, partitions }))
}

/** What is to be done where the metadata of a position is too large for the brokers; null for other errors. */
export function whyRefused(
  code: number,
  positions: readonly CommittedPosition[],
  topic: string,
  partition: number,
): string | null {
  if (code !== CODE.metadataTooLarge) return null
  const found = positions.find(each => each.topic === topic && each.partition === partition)!
  return (
    `what stands beside the position of ${topic}/${partition} takes ${metadataText(found.metadata).length} characters, more than ` +
    'offset.metadata.max.bytes of the brokers. Up to 3072 are put there: set it to that or more, 4096 is the default'
  )
}

/** What a commit without a member is refused with while there are members. */
const MEMBERS_STAND_IN_THE_WAY: ReadonlySet<number> = new Set([
  CODE.unknownMember,
  CODE.illegalGeneration,
  CODE.rebalanceInProgress,
])

/** Metadata travels as base64, for Kafka takes it for a text. */
function metadataText(metadata: Uint8Array): string {
  return Buffer.from(metadata.buffer, metadata.byteOffset, metadata.byteLength).toString('base64')
}

function metadataBytes(text: string | null | undefined): Uint8Array {
  return new Uint8Array(Buffer.from(text ?? '', 'base64'))
}

export function byTopic<T extends TopicPartition, R>(
  partitions: readonly T[],
  map: (each: T) => R,
): [string, R[]][] {
  return [...Map.groupBy(partitions, each => each.topic)].map(([topic, each]) => [topic, each.map(map)])
}
