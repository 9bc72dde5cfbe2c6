import { LogError, type TopicPartition } from '../log.ts'
import type { Cluster } from './cluster.ts'
import type { ForgottenEnds } from './forgotten-ends.ts'
import type { Link } from './links.ts'
import { partitionKey } from './partition-key.ts'
import { COMMIT_LANE, type Positions } from './positions.ts'
import type { Producer } from './producer.ts'
import type { TransactionOutcome, TransactionRequests } from './transaction-requests.ts'

interface Written {
  /** As long as it lasts the group has had its coordinator. */
  readonly link: Link
  readonly places: ReadonlyMap<string, TopicPartition>
  /** How the newest transaction with positions ended; undefined where that is not known. */
  outcome: TransactionOutcome | undefined
}

export interface ForgottenPositionsOptions {
  readonly cluster: Cluster
  readonly positions: Positions
  readonly requests: TransactionRequests
  readonly producer: Producer
  readonly ends: ForgottenEnds
}

/** As `ForgottenEnds`, for the positions of a group: they lie in a partition, too, that may have been without a leader. */
export class ForgottenPositions {
  readonly #options: ForgottenPositionsOptions
  #written: Written | undefined

  constructor(options: ForgottenPositionsOptions) {
    this.#options = options
  }

  /** Whether the coordinator of the group may have been away since the last transaction. */
  get isDoubtful(): boolean {
    return this.#written !== undefined && !this.#written.link.socket.isOpen
  }

  /** Ends what is open on the positions of earlier transactions. Throws `LogError` where nothing tells how it ended. */
  async settle(group: string, endVersionMax: number): Promise<void> {
    const { cluster, positions, requests, producer, ends } = this.#options
    const { places, outcome } = this.#written!
    const isPending = () => positions.isPending(group, [...places.values()])
    if (!(await isPending())) return
    await ends.begin()
    // Now the coordinator of transactions says that all of ours have been ended, as far as they will be.
    if (!(await isPending())) return
    if (outcome === undefined) {
      throw new LogError(
        'unavailable',
        `A transaction of ${requests.transactionalId} is open on the positions of group ${group}, Kafka has forgotten it, and nothing tells whether it was committed`,
        { wayOut: 'end it: kafka-transactions.sh … abort --topic __consumer_offsets …' },
      )
    }
    const identity = producer.identity!
    await cluster.retry(() => requests.addOffsets(identity, group))
    await cluster.retry(() => requests.end(identity, outcome === 'committed', endVersionMax))
    await ends.begin()
  }

  /** Positions are about to be written; until `ended` says otherwise they count as those of an aborted transaction. */
  async begun(group: string, places: readonly TopicPartition[]): Promise<void> {
    if (places.length === 0) return
    const { cluster } = this.#options
    const link = await cluster.retry(async () =>
      cluster.link(await cluster.coordinator('group', group), COMMIT_LANE),
    )
    const all = new Map(this.#written?.places)
    for (const { topic, partition } of places)
      all.set(partitionKey({ topic, partition }), { topic, partition })
    this.#written = { link, places: all, outcome: 'aborted' }
  }

  /** How the transaction that wrote positions ended; undefined when that is not known. */
  ended(outcome: TransactionOutcome | undefined): void {
    if (this.#written !== undefined) this.#written.outcome = outcome
  }
}
