import {
  type Commit,
  CommitError,
  type CommitResult,
  type CommittedPosition,
  type FetchedPartition,
  type FetchOptions,
  type FetchPosition,
  type GroupInfo,
  type JoinOptions,
  type Log,
  type Membership,
  type OutgoingBatch,
  type PartitionOffsets,
  type TopicInfo,
  type TopicPartition,
  type TopicSpec,
} from '../log.ts'
import { Appender } from './appender.ts'
import { Cluster } from './cluster.ts'
import { Fetcher } from './fetcher.ts'
import { Groups } from './groups.ts'
import type { LinksOptions } from './links.ts'
import { asLogErrors } from './log-error.ts'
import { KafkaMembership } from './membership.ts'
import { Offsets } from './offsets.ts'
import { Positions } from './positions.ts'
import { TopicAdmin } from './topic-admin.ts'
import { TransactionRequests } from './transaction-requests.ts'
import { Transactions } from './transactions.ts'

export interface KafkaLogOptions extends LinksOptions {
  /** Names this handle among all of all processes, also in its transactional ids. */
  readonly handleId: string
  readonly host: string
  readonly pid: number
  /** Transactions as before KIP-890 even where the broker has it. */
  readonly isFlow1: boolean
}

/** The log on Apache Kafka. */
export class KafkaLog implements Log {
  readonly kind = 'kafka'
  readonly closed = false
  readonly #options: KafkaLogOptions
  readonly #cluster: Cluster
  readonly #topics: TopicAdmin
  readonly #offsets: Offsets
  readonly #fetcher: Fetcher
  readonly #appender: Appender
  readonly #positions: Positions
  readonly #groups: Groups
  readonly #memberships = new Set<KafkaMembership>()
  readonly #transactions = new Map<string, Transactions>()
  /** By group: the one that its members were told. */
  readonly #transactionalIds = new Map<string, string>()
  #joins = 0

  constructor(options: KafkaLogOptions) {
    this.#options = options
    this.#cluster = new Cluster(options)
    this.#topics = new TopicAdmin(this.#cluster)
    this.#offsets = new Offsets(this.#cluster)
    this.#fetcher = new Fetcher(this.#cluster, this.#offsets)
    this.#appender = new Appender(this.#cluster)
    this.#positions = new Positions(this.#cluster)
    this.#groups = new Groups(this.#cluster, this.#positions)
  }

  /** Rejects when no broker can be reached, none can be understood, or the login fails. */
  async connect(): Promise<void> {
    await asLogErrors(this.#cluster.refresh([]))
  }

  createTopics(specs: readonly TopicSpec[]): Promise<void> {
    return asLogErrors(this.#topics.create(specs))
  }

  describeTopics(names?: readonly string[]): Promise<TopicInfo[]> {
    return asLogErrors(this.#topics.describe(names))
  }

  deleteTopics(names: readonly string[]): Promise<void> {
    return asLogErrors(this.#topics.delete(names))
  }

  offsets(topic: string): Promise<PartitionOffsets[]> {
    return asLogErrors(this.#offsets.bounds(topic))
  }

  offsetForTime(topic: string, partition: number, timestamp: number): Promise<number> {
    return asLogErrors(this.#offsets.forTime(topic, partition, timestamp))
  }

  trim(positions: readonly FetchPosition[]): Promise<void> {
    return asLogErrors(this.#offsets.trim(positions))
  }

  /** The brokers clean by themselves, when they see fit. */
  async clean(): Promise<void> {}

  fetch(positions: readonly FetchPosition[], options: FetchOptions): Promise<FetchedPartition[]> {
    return asLogErrors(this.#fetcher.fetch(positions, options))
  }

  append(batches: readonly OutgoingBatch[]): Promise<number[]> {
    return asLogErrors(this.#append(batches))
  }

  async #append(batches: readonly OutgoingBatch[]): Promise<number[]> {
    this.#cluster.links.throwIfClosed()
    return this.#appender.append(batches)
  }

  join(options: JoinOptions): Promise<Membership> {
    return asLogErrors(this.#join(options))
  }

  async #join(options: JoinOptions): Promise<Membership> {
    this.#cluster.links.throwIfClosed()
    const { group, instanceId } = options
    const transactionalId = `${group}-${instanceId ?? this.#options.handleId}`
    this.#transactionalIds.set(group, transactionalId)
    const membership = new KafkaMembership({
      cluster: this.#cluster,
      join: options,
      lane: `group ${this.#joins++}`,
      transactionalId,
      host: this.#options.host,
      pid: this.#options.pid,
      fence: ids => this.#fence(ids),
    })
    this.#memberships.add(membership)
    await membership.start()
    return membership
  }

  /** Nobody waits for a transaction of a process that is gone: a new epoch of its id aborts it. */
  async #fence(transactionalIds: readonly string[]): Promise<void> {
    await Promise.all(
      transactionalIds.map(async id => {
        const requests = new TransactionRequests(this.#cluster, id)
        await this.#cluster.retry(() => requests.init())
      }),
    )
  }

  committed(group: string, partitions: readonly TopicPartition[]): Promise<CommittedPosition[]> {
    return asLogErrors(this.#positions.committed(group, partitions))
  }

  async commit(commit: Commit): Promise<CommitResult> {
    this.#cluster.links.throwIfClosed()
    const { identity, positions } = commit
    const { group, memberId, generation } = identity
    // Kafka takes such a commit for one without a group, and checks nothing.
    if (generation < 0 || memberId === '')
      throw new CommitError('fenced', `A commit of ${group} has no identity`)
    const ours = [...this.#memberships].find(each => each.group === group && each.isOrWas(memberId))
    if (ours === undefined) return this.#commitUnder(commit)
    return ours.whileOwner(identity, positions, current =>
      this.#commitUnder({ ...commit, identity: current }),
    )
  }

  #commitUnder(commit: Commit): Promise<CommitResult> {
    const { group } = commit.identity
    const transactionalId = this.#transactionalIds.get(group) ?? `${group}-${this.#options.handleId}`
    let transactions = this.#transactions.get(transactionalId)
    if (transactions === undefined) {
      transactions = new Transactions({
        cluster: this.#cluster,
        positions: this.#positions,
        transactionalId,
        isFlow1: this.#options.isFlow1,
      })
      this.#transactions.set(transactionalId, transactions)
    }
    return transactions.commit(commit)
  }

  listGroups(): Promise<string[]> {
    return asLogErrors(this.#groups.list())
  }

  describeGroup(group: string): Promise<GroupInfo | undefined> {
    return asLogErrors(this.#groups.describe(group))
  }

  resetGroup(group: string, positions: readonly FetchPosition[]): Promise<void> {
    return asLogErrors(this.#positions.reset(group, positions))
  }

  deleteGroup(group: string): Promise<void> {
    return asLogErrors(this.#groups.delete(group))
  }

  async close(): Promise<void> {
    for (const membership of this.#memberships) membership.abandon()
    this.#fetcher.close()
    await this.#cluster.close()
  }
}
