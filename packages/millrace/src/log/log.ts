/**
 * The contract between Millrace and a durable log.
 *
 * Everything is a batch: what goes in and what comes out are Kafka v2 record batches as bytes
 * (`record/`), never single records. Positions are "next offset to read". A log never looks into a
 * record; it patches a batch's base offset and counts its records.
 *
 * `memory/`, `embedded/` and `kafka/` implement it and pass one conformance suite
 * (`log/conformance.ts`).
 */

/** One partition of one topic. */
export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** What a topic is made with; anything left out takes the log's own default. */
export interface TopicSpec {
  readonly name: string
  readonly partitions: number
  /** `delete` drops old batches by age and size, `compact` keeps the newest record of each key. */
  readonly cleanup?: 'delete' | 'compact' | 'compact,delete'
  /**
   * Age limit of batches; -1 keeps for ever. Logs that are ours count from the newest record's time or from the writing,
   * whichever is later (SEMANTICS 9.5); Kafka counts from record time alone.
   */
  readonly retentionMs?: number
  /** Size limit of one partition; -1 is unbounded. */
  readonly retentionBytes?: number
  /** Made by Millrace for itself: repartition and changelog topics. */
  readonly internal?: boolean
  /** Further settings on Kafka, under its own names; `replication.factor` is one of them. Other logs have none. */
  readonly kafka?: TopicSettings
}

/** Settings of a topic under Kafka's names. */
export type TopicSettings = Readonly<Record<string, string>>

/** A topic that exists. `id` changes when a topic is deleted and created again under one name. */
export interface TopicInfo extends Required<Omit<TopicSpec, 'kafka'>> {
  readonly id: string
  /** On Kafka, everything that is set there; only where the topic was asked for by name. */
  readonly kafka?: TopicSettings
  /** The largest record it takes, in bytes of key, value and headers; absent where that is not known. */
  readonly recordBytesMax?: number
}

/** What an existing topic is to be from now on; what is left out stays as it is. */
export interface TopicChange extends Partial<Omit<TopicSpec, 'internal'>> {
  readonly name: string
}

/** A place to read from: the next offset wanted. */
export interface FetchPosition extends TopicPartition {
  readonly offset: number
}

export interface FetchOptions {
  /** How long to wait for the first byte of new data; 0 answers at once. */
  readonly maxWaitMs: number
  /** Stop collecting after this many bytes (the first batch is always whole). */
  readonly maxBytes: number
  readonly partitionMaxBytes: number
  /**
   * Waits, beyond `maxWaitMs`, while transactions of others are open below the high watermark: an empty answer below it then
   * means that there is nothing. Without it such an answer may only say "not yet".
   */
  readonly waitForOpen?: boolean
  /** Rejects a waiting fetch with its reason. */
  readonly signal?: AbortSignal
}

/**
 * What one fetch found in one partition. Every asked partition is in the answer, also an empty one:
 * an answer without batches whose `highWatermark` the position has reached is what "drained" rests on.
 */
export interface FetchedPartition extends TopicPartition {
  /** The position that was asked for, so that a stale answer is recognised. */
  readonly offset: number
  /**
   * Whole record batches in offset order, ready to be read; the first may begin before `offset`.
   * Each lies in a buffer with at least 64 readable bytes behind its end (for projections that read words).
   */
  readonly batches: readonly Uint8Array[]
  readonly highWatermark: number
  readonly logStartOffset: number
  /** How far may be read for now, where transactions are open before the high watermark. */
  readonly stableOffset?: number
  readonly error?: LogError
  /**
   * Gives the memory of `batches` back to the log, which overwrites it with later answers: for whoever keeps nothing that points
   * into them. Not calling it is safe, and slower. At most once.
   */
  readonly release?: () => void
}

/** A batch to append. Ownership of `bytes` passes to the log. Base offset 0; the log patches it. */
export interface OutgoingBatch extends TopicPartition {
  readonly bytes: Uint8Array
  /** Takes the memory of `bytes` back from a log that has written them and kept nothing that points into them. At most once. */
  readonly release?: (() => void) | undefined
}

/** Who a commit is made by, captured when the commit was cut and never read again from the live membership. */
export interface MemberIdentity {
  readonly group: string
  readonly memberId: string
  readonly generation: number
  readonly instanceId?: string
}

/** A position as it stands in the log, with the binary blob that the engine keeps with it: small as a rule, at most as large as a record. */
export interface CommittedPosition extends TopicPartition {
  readonly offset: number
  readonly metadata: Uint8Array
}

/** A position that is set by hand. */
export interface PositionReset extends FetchPosition {
  readonly metadata?: Uint8Array
}

export interface PositionUpdate extends CommittedPosition {
  /** The committed offset this one replaces, -1 for none; a mismatch refuses the whole commit (outcome `aborted`). */
  readonly previousOffset: number
}

/** Outputs, changelog and positions that become visible together or not at all. */
export interface Commit {
  readonly identity: MemberIdentity
  readonly batches: readonly OutgoingBatch[]
  readonly positions: readonly PositionUpdate[]
  /**
   * Lets a log that pays for "together" do without: the first `outputs` batches are durable before the others, and all of them
   * before the positions. What fails in between is in the log in part. Logs of our own commit as ever.
   */
  readonly atLeastOnce?: { readonly outputs: number }
}

export interface CommitResult {
  /** The base offset each batch of the commit was given, in the order of `Commit.batches`. */
  readonly baseOffsets: readonly number[]
}

export interface JoinOptions {
  readonly group: string
  /** A stable name that lets a restarted process take its old place. */
  readonly instanceId?: string
  /**
   * Sets of co-partitioned topics: partition p of every topic of one set always goes to one member.
   * All topics of a set have the same partition count.
   */
  readonly topicSets: readonly (readonly string[])[]
  /** Partitions go to members in proportion to it (threads). Default 1. */
  readonly weight?: number
  /** A small blob that `describeGroup` shows, for people: what code this is. */
  readonly userData?: Uint8Array
  /**
   * By topic, the version of what this member keeps behind it; 0 for what it is behind with already. A partition goes only to members
   * whose version is not below that of a member that has had it (SEMANTICS 8.2). The log remembers that as long as the group has
   * members. Without it a member has partitions only as long as nobody with a version has had them.
   */
  readonly layouts?: TopicVersions
  /**
   * Copies of the state of others' partitions that members keep, where a log spreads them over machines. A log whose
   * processes share their snapshots places none.
   */
  readonly standbys?: Standbys
  readonly sessionTimeoutMs: number
  /** How long a revoke may take before the member is thrown out. */
  readonly rebalanceTimeoutMs: number
  /** Called after partitions came; the identity is already the new one. */
  onAssigned(partitions: readonly TopicPartition[], identity: MemberIdentity): void
  /**
   * Called before partitions go; the log waits for the promise (commits under the old identity are accepted until it settles).
   */
  onRevoked(partitions: readonly TopicPartition[]): Promise<void>
  /**
   * The generation moved and partitions stayed, or there are none: further commits carry this identity. When
   * others came with it, `onAssigned` follows. Callbacks may come before `join` resolves.
   */
  onIdentity(identity: MemberIdentity): void
  /** Told with each generation which partitions no member may have, for what their layouts say. */
  onBarred?(partitions: readonly TopicPartition[]): void
  /**
   * The membership is gone (session expired, fenced): nothing of it may be committed any more. It rejoins by itself as
   * a new member, unless it is `over`: another process took its instance id, or the log refuses it for good.
   */
  onLost(reason: Error, isOver: boolean): void
}

/** Versions of layouts by topic, 1 or more; what has a smaller one is older. */
export type TopicVersions = Readonly<Record<string, number>>

export interface Standbys {
  /** How many other members keep a copy of each. */
  readonly copies: number
  /** Topics whose partitions have state. */
  readonly topics: readonly string[]
  /** Partitions whose state this member has from before. */
  readonly warm?: readonly TopicPartition[]
  /** Told whose copies this member keeps from now on: input partitions that others own. */
  onPlaced(partitions: readonly TopicPartition[]): void
}

export interface Membership {
  /** The identity to capture with a commit, or undefined between a loss and the next assignment. */
  readonly identity: MemberIdentity | undefined
  readonly assignment: readonly TopicPartition[]
  /**
   * Leaves the group: revokes everything (awaited) and gives the partitions to others at once. With an instance id,
   * `keepPlace` lets a log hold the place for the session instead: whoever joins under the id by then has the
   * partitions, and nobody else notices.
   */
  leave(options?: LeaveOptions): Promise<void>
}

export interface LeaveOptions {
  readonly keepPlace?: boolean
}

export interface GroupMember {
  readonly memberId: string
  readonly instanceId?: string
  readonly host: string
  readonly pid: number
  readonly assignment: readonly TopicPartition[]
  readonly userData?: Uint8Array
  readonly layouts?: TopicVersions
}

export interface GroupInfo {
  readonly group: string
  readonly generation: number
  readonly members: readonly GroupMember[]
  /** Partitions that none of the members may have, for what their layouts say. */
  readonly barred: readonly TopicPartition[]
  /** As they were committed last; `committed` waits for a transaction that is open on them. */
  readonly positions: readonly CommittedPosition[]
}

/** Where one partition begins and ends. */
export interface PartitionOffsets {
  readonly partition: number
  readonly earliest: number
  /** The offset the next record will get. */
  readonly latest: number
  readonly bytes?: number
}

export interface Log {
  readonly kind: 'memory' | 'embedded' | 'kafka'
  /** True where records can only enter through Millrace, so that reading needs no second schema check (SEMANTICS 5.6). */
  readonly closed: boolean

  /** Creates topics; one that exists with the same partition count is left as it is. Throws `LogError` code `topic-mismatch` otherwise. */
  createTopics(specs: readonly TopicSpec[]): Promise<void>
  /**
   * Gives topics more partitions and other limits. Throws `LogError` code `unknown-topic`, and `topic-mismatch` where partitions would
   * have to go: with their records they would lose what their keys rest on.
   */
  alterTopics(changes: readonly TopicChange[]): Promise<void>
  /** All topics, or the named ones; a name that does not exist is simply not in the answer. */
  describeTopics(names?: readonly string[]): Promise<TopicInfo[]>
  deleteTopics(names: readonly string[]): Promise<void>
  offsets(topic: string): Promise<PartitionOffsets[]>
  /** The first offset whose record time is at or after `timestamp`; the latest offset when there is none. */
  offsetForTime(topic: string, partition: number, timestamp: number): Promise<number>
  /** Drops what lies before the offsets (repartition topics after a commit). */
  trim(positions: readonly FetchPosition[]): Promise<void>
  /** Applies retention and compaction now. Logs also do it by themselves, in the background. */
  clean(): Promise<void>

  fetch(positions: readonly FetchPosition[], options: FetchOptions): Promise<FetchedPartition[]>
  /** Appends outside any transaction; resolves with the base offsets when the bytes are durable. */
  append(batches: readonly OutgoingBatch[]): Promise<number[]>

  join(options: JoinOptions): Promise<Membership>
  committed(group: string, partitions: readonly TopicPartition[]): Promise<CommittedPosition[]>
  /**
   * One atomic commit. Rejects with a `CommitError` whose `outcome` says what is known, or with a `LogError` that is not
   * retriable: nothing of it happened, and nothing will until somebody mends the cause.
   */
  commit(commit: Commit): Promise<CommitResult>

  listGroups(): Promise<string[]>
  describeGroup(group: string): Promise<GroupInfo | undefined>
  /** Sets positions of a group without members (`LogError` code `group-active` otherwise), with the metadata given or none. */
  resetGroup(group: string, positions: readonly PositionReset[]): Promise<void>
  deleteGroup(group: string): Promise<void>
  close(): Promise<void>
}

export type LogErrorCode =
  | 'unknown-topic'
  | 'topic-mismatch'
  | 'invalid-topic'
  | 'offset-out-of-range'
  | 'record-too-large'
  | 'corrupt'
  | 'group-active'
  | 'unavailable'
  | 'unauthorized'
  | 'disk-full'
  | 'read-only'
  | 'locked'
  | 'layout'
  | 'closed'

/** An error of the log; `retriable` says whether the same call may succeed later. */
export class LogError extends Error {
  override readonly name = 'LogError'
  readonly code: LogErrorCode
  readonly retriable: boolean
  /** What to do about it, where the log knows better than its code tells. */
  readonly wayOut: string | undefined
  constructor(
    code: LogErrorCode,
    message: string,
    options: { retriable?: boolean; wayOut?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.retriable = options.retriable ?? false
    this.wayOut = options.wayOut
  }
}

/**
 * A commit that did not succeed. `aborted`: certainly nothing of it happened. `fenced`: nothing of it
 * happened and the tasks belong to somebody else now; a member whose identity it was is told of its loss, or given another one.
 * `unknown`: the committed positions decide.
 */
export class CommitError extends Error {
  override readonly name = 'CommitError'
  readonly outcome: 'aborted' | 'fenced' | 'unknown'
  constructor(outcome: 'aborted' | 'fenced' | 'unknown', message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.outcome = outcome
  }
}
