import { Cluster } from '../../packages/millrace/src/log/kafka/cluster.ts'
import { systemDial } from '../../packages/millrace/src/log/kafka/dial.ts'
import { kafkaSettings } from '../../packages/millrace/src/log/kafka/settings.ts'
import { systemClock } from '../../packages/millrace/src/std/clock.ts'
import { until } from './until.ts'

const [highWatermark, lastStableOffset] = [0, 1]

/** What the brokers say of themselves, asked past every proxy. */
export class BrokerView {
  readonly #cluster: Cluster

  constructor(brokers: readonly string[]) {
    const settings = kafkaSettings({ 'bootstrap.servers': brokers.join(','), 'request.timeout.ms': 3_000 })
    this.#cluster = new Cluster({ settings, clock: systemClock, dial: systemDial(undefined) })
  }

  /** The broker that coordinates a group, as of now; -1 while there is none. */
  async coordinatorOf(group: string): Promise<number> {
    const answer = await this.#cluster.retry(() => this.#cluster.requestAny('findCoordinator', [0, [group]]))
    return answer.coordinators[0]!.nodeId
  }

  /** The broker that leads a partition, as of now; -1 while there is none. */
  async leaderOf(topic: string, partition: number): Promise<number> {
    const partitions = await this.#partitions([topic])
    return partitions.find(each => each.partitionIndex === partition)?.leaderId ?? -1
  }

  /** Resolves when every partition is whole on all of its brokers. */
  async untilInSync(withinMs: number): Promise<void> {
    let behind = 0
    const isSo = async () => {
      const partitions = await this.#partitions(null)
      behind = partitions.filter(
        ({ leaderId, isrNodes, replicaNodes }) => leaderId < 0 || isrNodes.length < replicaNodes.length,
      ).length
      return behind === 0
    }
    await until(withinMs, () => `${behind} partitions are not in sync`, isSo)
  }

  async #partitions(topics: string[] | null) {
    const answer = await this.#cluster.retry(() =>
      this.#cluster.requestAny('metadata', [topics, false, false]),
    )
    return answer.topics.flatMap(topic => topic.partitions)
  }

  /** Partitions with a transaction that is still open. */
  async openTransactions(): Promise<string[]> {
    return this.#cluster.retry(async () => {
      const open: string[] = []
      for (const { name, partitions } of await this.#cluster.refresh(null)) {
        for (const [partition, { leader }] of partitions.entries()) {
          const [high, stable] = await Promise.all(
            [highWatermark, lastStableOffset].map(isolation =>
              this.#latest(leader, name, partition, isolation),
            ),
          )
          if (high !== stable) open.push(`${name}/${partition} is open from ${stable} to ${high}`)
        }
      }
      return open
    })
  }

  async #latest(leader: number, name: string, partitionIndex: number, isolation: number): Promise<bigint> {
    const asked = { name, partitions: [{ partitionIndex, currentLeaderEpoch: -1, timestamp: -1n }] }
    const answer = await this.#cluster.request(leader, 'admin', 'listOffsets', [
      -1,
      isolation as 0 | 1,
      [asked],
    ])
    return answer.topics[0]!.partitions[0]!.offset
  }

  close(): Promise<void> {
    return this.#cluster.close()
  }
}
