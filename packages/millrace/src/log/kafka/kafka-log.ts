import { MessageChannel } from 'node:worker_threads'
import type {
  Commit,
  CommitResult,
  CommittedPosition,
  FetchedPartition,
  FetchOptions,
  FetchPosition,
  GroupInfo,
  JoinOptions,
  Log,
  Membership,
  OutgoingBatch,
  PartitionOffsets,
  PositionReset,
  TopicChange,
  TopicInfo,
  TopicPartition,
  TopicSpec,
} from '../log.ts'
import { AcknowledgedCommits } from './acknowledged-commits.ts'
import { Appender } from './appender.ts'
import { Cluster } from './cluster.ts'
import { isRetriable } from './errors.ts'
import { Fetcher } from './fetcher.ts'
import { LostMembershipError } from './group-requests.ts'
import { Groups } from './groups.ts'
import type { LinksOptions } from './links.ts'
import { asLogErrors } from './log-error.ts'
import { KafkaMembership } from './membership.ts'
import { MetadataRecords } from './metadata-records.ts'
import { Offsets } from './offsets.ts'
import { LocalOwnership, type Ownership, requireIdentity } from './ownership.ts'
import { Positions } from './positions.ts'
import type { KafkaProperties } from './settings.ts'
import { TopicAdmin } from './topic-admin.ts'
import { TransactionRequests } from './transaction-requests.ts'
import { Transactions } from './transactions.ts'
import { WholePositions } from './whole-positions.ts'
import { type KafkaLogPort, sendable, serveWorker } from './worker-port.ts'

export interface KafkaLogOptions extends LinksOptions {
  /** Names this handle among all of all processes, also in its transactional ids. */
  readonly handleId: string
  readonly host: string
  readonly pid: number
  /** Transactions as before KIP-890 even where the broker has it. */
  readonly isFlow1: boolean
  /** How long metadata beside a position may be, for tests of longer ones. */
  readonly besideBytesMax?: number
  /** What the settings were read from, for handles in other threads. */
  readonly properties: KafkaProperties
  /** For a handle in a worker thread: its number, and who owns what. */
  readonly worker?: { readonly index: number; readonly ownership: Ownership & { close(): void } }
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
  readonly #records: MetadataRecords
  readonly #whole: WholePositions
  readonly #groups: Groups
  readonly #members = new LocalOwnership()
  readonly #ownership: Ownership
  readonly #transactions = new Map<string, Transactions>()
  /** By group. */
  readonly #acknowledged = new Map<string, AcknowledgedCommits>()
  /** Of worker threads that have, or had, a handle. */
  readonly #workers = new Set<number>()
  /** Groups joined, and the instance ids used there. */
  readonly #joined = new Map<string, string | undefined>()
  #joins = 0

  constructor(options: KafkaLogOptions) {
    this.#options = options
    this.#cluster = new Cluster(options)
    this.#topics = new TopicAdmin(this.#cluster)
    this.#offsets = new Offsets(this.#cluster)
    this.#fetcher = new Fetcher(this.#cluster, this.#offsets)
    this.#appender = new Appender(this.#cluster)
    this.#positions = new Positions(this.#cluster)
    this.#records = new MetadataRecords(this.#cluster, options.besideBytesMax)
    this.#whole = new WholePositions({
      cluster: this.#cluster,
      positions: this.#positions,
      appender: this.#appender,
      records: this.#records,
    })
    this.#groups = new Groups(this.#cluster, this.#whole)
    this.#ownership = options.worker?.ownership ?? this.#members
  }

  /** Rejects when no broker can be reached, none can be understood, or the login fails. */
  async connect(): Promise<void> {
    await asLogErrors(this.#cluster.refresh([]))
  }

  /** Tells this cluster from all others. */
  get clusterId(): string {
    return this.#cluster.id
  }

  createTopics(specs: readonly TopicSpec[]): Promise<void> {
    return asLogErrors(this.#topics.create(specs))
  }

  describeTopics(names?: readonly string[]): Promise<TopicInfo[]> {
    return asLogErrors(this.#topics.describe(names))
  }

  alterTopics(changes: readonly TopicChange[]): Promise<void> {
    return asLogErrors(this.#topics.alter(changes))
  }

  deleteTopics(names: readonly string[]): Promise<void> {
    return asLogErrors(this.#delete(names))
  }

  async #delete(names: readonly string[]): Promise<void> {
    await this.#topics.delete(names)
    this.#cluster.forgetTopics(names)
    this.#fetcher.forget(names)
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
    const offsets = await this.#appender.append(batches)
    for (const { release } of batches) release?.()
    return offsets
  }

  join(options: JoinOptions): Promise<Membership> {
    return asLogErrors(this.#join(options))
  }

  async #join(options: JoinOptions): Promise<Membership> {
    this.#cluster.links.throwIfClosed()
    const { group, instanceId } = options
    this.#joined.set(group, instanceId)
    const workers = this.#workers.size === 0 ? [0] : [...this.#workers]
    const membership = new KafkaMembership({
      cluster: this.#cluster,
      join: options,
      lane: `group ${this.#joins++}`,
      transactionalIds: workers.map(worker => this.#transactionalId(group, instanceId, worker)),
      isOwnId: id => {
        const own = this.#transactionalId(group, instanceId, '')
        return id.startsWith(own) && /^\d+$/.test(id.slice(own.length))
      },
      host: this.#options.host,
      pid: this.#options.pid,
      fence: ids => this.#fence(ids).catch(rejoinWhenUnreachable),
    })
    this.#members.add(membership)
    await membership.start()
    return membership
  }

  /** One per group and worker; the same after a restart where the process has a stable name. */
  #transactionalId(group: string, instanceId: string | undefined, worker: number | ''): string {
    return `${group}-${instanceId ?? this.#options.handleId}-${worker}`
  }

  /**
   * A way to open a further handle in a worker thread of this process, for `connectKafkaLog`: it commits for the memberships of
   * this one. Opened for a worker that had one before, nothing of what that left open can come to anything any more.
   */
  port(worker: number): Promise<KafkaLogPort> {
    return asLogErrors(this.#port(worker))
  }

  async #port(worker: number): Promise<KafkaLogPort> {
    const { handleId, properties, isFlow1 } = this.#options
    if (this.#workers.has(worker))
      await this.#fence([...this.#joined].map(([group, id]) => this.#transactionalId(group, id, worker)))
    this.#workers.add(worker)
    const { port1, port2 } = new MessageChannel()
    serveWorker(port1, this.#members, properties)
    return { kind: 'kafka', port: port2, worker, handleId, isFlow1, ...sendable(properties) }
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
    return asLogErrors(this.#whole.committed(group, partitions))
  }

  async commit(commit: Commit): Promise<CommitResult> {
    this.#cluster.links.throwIfClosed()
    const { identity, positions } = commit
    requireIdentity(identity)
    const result = await this.#ownership.whileOwner(identity, positions, current =>
      this.#commitUnder({ ...commit, identity: current }),
    )
    // Of a commit that failed something may still lie before a socket.
    for (const { release } of commit.batches) release?.()
    return result
  }

  #commitUnder(commit: Commit): Promise<CommitResult> {
    if (commit.atLeastOnce !== undefined) return this.#acknowledge(commit)
    const { group, instanceId } = commit.identity
    const transactionalId = this.#transactionalId(group, instanceId, this.#options.worker?.index ?? 0)
    let transactions = this.#transactions.get(transactionalId)
    if (transactions === undefined) {
      transactions = new Transactions({
        cluster: this.#cluster,
        positions: this.#positions,
        records: this.#records,
        transactionalId,
        isFlow1: this.#options.isFlow1,
      })
      this.#transactions.set(transactionalId, transactions)
    }
    return transactions.commit(commit)
  }

  #acknowledge(commit: Commit): Promise<CommitResult> {
    const { group } = commit.identity
    let commits = this.#acknowledged.get(group)
    if (commits === undefined) {
      commits = new AcknowledgedCommits({
        cluster: this.#cluster,
        appender: this.#appender,
        positions: this.#positions,
        records: this.#records,
      })
      this.#acknowledged.set(group, commits)
    }
    return commits.commit(commit)
  }

  listGroups(): Promise<string[]> {
    return asLogErrors(this.#groups.list())
  }

  describeGroup(group: string): Promise<GroupInfo | undefined> {
    return asLogErrors(this.#groups.describe(group))
  }

  resetGroup(group: string, positions: readonly PositionReset[]): Promise<void> {
    return asLogErrors(this.#whole.reset(group, positions))
  }

  deleteGroup(group: string): Promise<void> {
    return asLogErrors(this.#groups.delete(group))
  }

  async close(): Promise<void> {
    this.#members.abandon()
    this.#options.worker?.ownership.close()
    this.#fetcher.close()
    this.#whole.close()
    await this.#cluster.close()
  }
}

/** Without the coordinator of transactions nothing can be restored: the member gives its place up and tries again. */
function rejoinWhenUnreachable(error: Error): never {
  if (!isRetriable(error)) throw error
  throw new LostMembershipError(`What others left open could not be ended: ${error.message}`)
}
