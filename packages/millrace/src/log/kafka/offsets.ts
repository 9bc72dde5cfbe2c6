import { accessRight } from '../../std/access-right.ts'
import { type FetchPosition, LogError, type PartitionOffsets } from '../log.ts'
import type { Cluster, TopicView } from './cluster.ts'
import { KafkaError, UnreachableError } from './errors.ts'
import { HighWatermarks } from './high-watermarks.ts'

const EARLIEST = -2n
const LATEST = -1n
const ANY_REPLICA = -1
/** The high watermark, open transactions included; 1 would give the last stable offset. */
const UNCOMMITTED = 0

/** Where partitions begin and end, and how they are cut at the front. */
export class Offsets {
  /** As named to this log, by whatever request. */
  readonly highWatermarks = new HighWatermarks()
  readonly #cluster: Cluster

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  async bounds(topic: string): Promise<PartitionOffsets[]> {
    const view = await this.#existing(topic)
    const all = view.partitions.map((_, partition) => partition)
    const [earliest, latest] = await Promise.all([
      this.#list(topic, all, EARLIEST),
      this.#list(topic, all, LATEST),
    ])
    return all.map(partition => ({
      partition,
      earliest: earliest.get(partition)!,
      latest: latest.get(partition)!,
    }))
  }

  async forTime(topic: string, partition: number, timestamp: number): Promise<number> {
    const view = await this.#existing(topic)
    if (partition >= view.partitions.length) throw unknownTopic(`${topic}/${partition}`)
    const found = await this.#list(topic, [partition], BigInt(Math.max(0, Math.ceil(timestamp))))
    const offset = found.get(partition)!
    return offset >= 0 ? offset : (await this.#list(topic, [partition], LATEST)).get(partition)!
  }

  async #existing(topic: string): Promise<TopicView> {
    const views = await this.#cluster.retry(() => this.#cluster.refresh([topic]))
    const view = views[0]
    if (view === undefined) throw unknownTopic(topic)
    return view
  }

  /** The offset of each partition for a time (or -1 latest, -2 earliest), asked of the leaders. */
  #list(topic: string, partitions: readonly number[], timestamp: bigint): Promise<Map<number, number>> {
    return this.#cluster.retry(async () => {
      const view = (await this.#cluster.topics([topic])).get(topic)
      if (view === undefined) throw unknownTopic(topic)
      const found = new Map<number, number>()
      await Promise.all(
        [...byLeader(view, partitions)].map(async ([leader, indexes]) => {
          const asked = indexes.map(partitionIndex => ({
            partitionIndex,
            currentLeaderEpoch: -1,
            timestamp,
          }))
          const answer = await this.#cluster.request(leader, 'admin', 'listOffsets', [
            ANY_REPLICA,
            UNCOMMITTED,
            [{ name: topic, partitions: asked }],
          ])
          for (const { partitionIndex, errorCode, offset } of answer.topics[0]!.partitions) {
            if (errorCode !== 0) {
              const right = accessRight('Describe', 'Topic', topic)
              throw new KafkaError(errorCode, `list offsets of ${topic}/${partitionIndex}`, null, right)
            }
            const named = Number(offset)
            const isEnd = timestamp === LATEST
            found.set(
              partitionIndex,
              isEnd ? this.highWatermarks.raise(view.id, partitionIndex, named) : named,
            )
          }
        }),
      )
      return found
    })
  }

  async trim(positions: readonly FetchPosition[]): Promise<void> {
    const byTopic = Map.groupBy(positions, position => position.topic)
    await Promise.all([...byTopic].map(([topic, cuts]) => this.#trimTopic(topic, cuts)))
  }

  async #trimTopic(topic: string, cuts: readonly FetchPosition[]): Promise<void> {
    const offsetOf = new Map(cuts.map(cut => [cut.partition, BigInt(cut.offset)]))
    await this.#cluster.retry(async () => {
      const view = (await this.#cluster.topics([topic])).get(topic)
      if (view === undefined) throw unknownTopic(topic)
      for (const [leader, indexes] of byLeader(view, [...offsetOf.keys()])) {
        const partitions = indexes.map(partitionIndex => ({
          partitionIndex,
          offset: offsetOf.get(partitionIndex)!,
        }))
        const timeoutMs = this.#cluster.settings.requestTimeoutMs
        const answer = await this.#cluster.request(leader, 'admin', 'deleteRecords', [
          [{ name: topic, partitions }],
          timeoutMs,
        ])
        for (const { partitionIndex, errorCode } of answer.topics[0]!.partitions)
          if (errorCode !== 0) {
            const right = accessRight('Delete', 'Topic', topic)
            throw new KafkaError(errorCode, `trim ${topic}/${partitionIndex}`, null, right)
          }
      }
    })
  }
}

/** Partitions by the broker that leads them. Throws a retriable error while one has no leader. */
function byLeader(view: TopicView, partitions: readonly number[]): Map<number, number[]> {
  return Map.groupBy(partitions, partition => {
    const leader = view.partitions[partition]?.leader
    if (leader === undefined) throw unknownTopic(`${view.name}/${partition}`)
    if (leader < 0) throw new UnreachableError(`${view.name}/${partition} has no leader now`)
    return leader
  })
}

function unknownTopic(name: string): LogError {
  return new LogError('unknown-topic', `There is no ${name.includes('/') ? 'partition' : 'topic'} ${name}`)
}
