import {
  CommitError,
  type JoinOptions,
  type LeaveOptions,
  type MemberIdentity,
  type Membership,
  type TopicPartition,
} from '../log.ts'
import { assign, type JoinedMembers, offersOf } from './assign.ts'
import { CommitGate } from './commit-gate.ts'
import { type Era, newEra } from './era.ts'
import { KafkaError } from './errors.ts'
import { type Assignment, decodeAssignment, encodeAssignment, encodeSubscription } from './group-protocol.ts'
import { FencedInstanceError, GroupRequests, LostMembershipError } from './group-requests.ts'
import { KnownFloors } from './known-floors.ts'
import { toLogError } from './log-error.ts'
import type { MembershipOptions } from './membership-options.ts'
import { partitionKey } from './partition-key.ts'
import { TopicWatch } from './topic-watch.ts'

/** Long sessions have several heartbeats to lose while a coordinator moves. */
const BEAT_MAX_MS = 500
const REVOKED_TOO_LATE = 'the revoke took longer than the rebalance timeout'

/**
 * A place in a group, by Kafka's classic protocol with an assignor of our own. Partitions move in two generations: in the first
 * their owner learns that they go and gives them up (awaited), in the second their new owner gets them.
 */
export class KafkaMembership implements Membership {
  identity: MemberIdentity | undefined
  assignment: readonly TopicPartition[] = []
  readonly #options: MembershipOptions
  readonly #join: JoinOptions
  readonly #requests: GroupRequests
  readonly #gate = new CommitGate()
  readonly #known: KnownFloors
  readonly #pastIds = new Set<string>()
  readonly #watch: TopicWatch
  readonly #started = Promise.withResolvers<void>()
  #era = newEra()
  #generation = -1
  /** The generation in which each partition of the assignment came. */
  #ownedSince: ReadonlyMap<string, number> = new Map()
  #isLeader = false
  #rejoinWanted = true
  #isOver = false
  #keepsPlace = false
  /** Nothing was ever assigned: what an earlier process of this name left open is still to be ended. */
  #isFresh = true
  /** Of members that vanished, and whose partitions not all have a new owner yet. */
  #vanishedIds: readonly string[] = []
  #leaving: { resolve(): void; reject(error: unknown): void; readonly promise: Promise<void> } | undefined
  #wake = Promise.withResolvers<void>()
  #cancelBeat = () => {}
  #knownIds: readonly string[] = []
  /** Partitions of others whose state is kept here, too. */
  #standbys: readonly TopicPartition[] = []
  #unitsOfInstances: ReadonlyMap<string, readonly string[]> = new Map()

  constructor(options: MembershipOptions) {
    this.#options = options
    this.#join = options.join
    this.#known = new KnownFloors(options.join.layouts)
    this.#standbys = options.join.standbys?.warm ?? []
    this.#watch = new TopicWatch(options.cluster, () => this.#wantRejoin())
    this.#requests = new GroupRequests(options.cluster, options.join, options.lane, () =>
      this.#started.resolve(),
    )
  }

  get group(): string {
    return this.#join.group
  }

  /** Joins; resolves when the group has taken the member in. Rejects when it never will. */
  start(): Promise<void> {
    this.#started.promise.catch(() => {})
    void this.#run()
    return this.#started.promise
  }

  /** True for every member id this place has had. */
  isOrWas(memberId: string): boolean {
    return this.#requests.memberId === memberId || this.#pastIds.has(memberId)
  }

  /**
   * As the contract of `Ownership`. A commit from another thread may be cut before the news of a generation has come there: it is
   * ours as long as what it is about has not left since.
   */
  async whileOwner<T>(
    identity: MemberIdentity,
    partitions: readonly TopicPartition[],
    work: (current: MemberIdentity) => Promise<T>,
    from: 'this thread' | 'from another thread' = 'this thread',
  ): Promise<T> {
    const era = this.#era
    const { memberId, generation } = this.identity ?? { memberId: '', generation: -1 }
    const isCurrent =
      from === 'this thread' ? identity.generation === generation : identity.generation <= generation
    if (identity.memberId !== memberId || !isCurrent) throw fencedError(this.group)
    while (!this.#gate.isOpen && !era.isOver) await Promise.race([this.#gate.changed, era.over])
    const isKept = partitions.every(
      partition => (this.#ownedSince.get(partitionKey(partition)) ?? Infinity) <= identity.generation,
    )
    // Whoever is refused gives its identity up and waits for news, which an answer to a heartbeat that is under way would not be.
    if (this.#isExpired()) this.#lose(expired())
    if (era.isOver || !isKept) throw fencedError(this.group)
    this.#gate.enter()
    try {
      return await work({ ...identity, generation: this.#generation })
    } catch (error) {
      if (error instanceof CommitError && error.outcome === 'fenced') this.#refused(era, error)
      throw error
    } finally {
      this.#gate.leave()
    }
  }

  /** A commit was refused as a stranger's. Unless a rebalance is about to say who the member is, it joins anew to find out. */
  #refused(era: Era, error: CommitError): void {
    const isSettled = this.#gate.isOpen && !this.#rejoinWanted
    if (this.#era === era && !this.#isOver && isSettled) this.#lose(new LostMembershipError(error.message))
  }

  async #run(): Promise<void> {
    this.#scheduleBeat()
    while (!this.#isOver) {
      try {
        if (this.#leaving !== undefined) return await this.#leaveNow()
        if (this.#rejoinWanted) await this.#rebalance()
        else await Promise.race([this.#wake.promise, this.#era.over])
      } catch (error) {
        if (!this.#isOver) this.#failed(error as Error)
      }
    }
  }

  #failed(error: Error): void {
    if (error instanceof LostMembershipError) return this.#lose(error)
    this.#started.reject(error)
    this.#end()
    this.#lose(error)
  }

  async #rebalance(): Promise<void> {
    this.#rejoinWanted = false
    const era = this.#era
    await this.#shutGate()
    const { standbys } = this.#join
    const joined = await this.#requests.join(
      encodeSubscription({
        topicSets: this.#join.topicSets,
        weight: this.#join.weight ?? 1,
        ...(this.#join.userData && { userData: this.#join.userData }),
        host: this.#options.host,
        pid: this.#options.pid,
        transactionalIds: this.#options.transactionalIds,
        owned: this.#known.owned(this.assignment),
        generation: this.#generation,
        layouts: this.#join.layouts,
        floors: this.#known.floors,
        standbys: standbys && { copies: standbys.copies, topics: standbys.topics, warm: this.#standbys },
      }),
      () => !this.#isOver && this.#era === era,
    )
    this.#isLeader = joined.leader === joined.memberId
    const divided = this.#isLeader && !joined.skipAssignment ? await this.#divide(joined) : []
    const synced = await this.#requests.sync(joined.generationId, divided)
    if (synced === undefined) {
      this.#generation = joined.generationId
      this.#rejoinWanted = true
      return
    }
    this.#generation = joined.generationId
    if (this.#era === era && !this.#isOver) await this.#install(decodeAssignment(synced), era)
    if (this.#isLeader && !this.#isOver) this.#watch.start()
    else this.#watch.stop()
  }

  /** No commit starts from here to the new generation, and those under way end first, within limits. */
  async #shutGate(): Promise<void> {
    this.#gate.shut()
    const { clock } = this.#options.cluster
    const deadlineMs = clock.monotonic() + this.#join.rebalanceTimeoutMs / 2
    while (!this.#gate.isEmpty && clock.monotonic() < deadlineMs) {
      const late = this.#options.cluster.pause(Math.max(1, deadlineMs - clock.monotonic()))
      await Promise.race([this.#gate.changed, late])
    }
  }

  async #install(assigned: Assignment, era: Era): Promise<void> {
    const target = new Set(assigned.partitions.map(partitionKey))
    const owned = new Set(this.assignment.map(partitionKey))
    const revoked = this.assignment.filter(partition => !target.has(partitionKey(partition)))
    const added = assigned.partitions.filter(partition => !owned.has(partitionKey(partition)))
    this.#knownIds = assigned.transactionalIds
    this.#vanishedIds = assigned.vanishedIds
    this.#standbys = assigned.standbys
    this.#join.standbys?.onPlaced(assigned.standbys)
    this.#known.learn(assigned)
    if (revoked.length > 0) {
      this.#gate.open()
      await this.#revoke(revoked, era)
      this.#rejoinWanted = true
      return
    }
    if (this.#known.isUnheard(assigned)) {
      this.#rejoinWanted = true
      return
    }
    if (this.#known.take(assigned)) this.#rejoinWanted = true
    // Who was to give partitions up has died, and this member has its place: nobody else would make the generation that gives them on.
    const { interimOf = this.#requests.memberId } = assigned
    if (interimOf !== this.#requests.memberId) this.#rejoinWanted = true
    if (added.length > 0) await this.#endOpenTransactions()
    if (this.#era !== era || this.#isOver) return
    const { group, instanceId } = this.#join
    const identity: MemberIdentity = {
      group,
      memberId: this.#requests.memberId,
      generation: this.#generation,
      ...(instanceId !== undefined && { instanceId }),
    }
    this.identity = identity
    this.#own(assigned.partitions)
    this.#gate.open()
    if (added.length < assigned.partitions.length || added.length === 0) this.#join.onIdentity(identity)
    if (added.length > 0) this.#join.onAssigned(added, identity)
    this.#join.onBarred?.(assigned.barred)
  }

  /** Before anything is restored: neither what vanished members left open is waited for, nor what this place did before its restart. */
  async #endOpenTransactions(): Promise<void> {
    // The process before may have had more threads than this one.
    const { transactionalIds, isOwnId, fence } = this.#options
    const own = this.#isFresh ? [...transactionalIds, ...this.#knownIds.filter(isOwnId)] : []
    await fence([...new Set([...this.#vanishedIds, ...own])])
    this.#isFresh = false
  }

  /** Waits for the engine to give partitions up. Throws when it takes too long. */
  async #revoke(partitions: readonly TopicPartition[], era: Era): Promise<void> {
    const tooLate = Promise.withResolvers<'late'>()
    const cancel = this.#options.cluster.clock.after(this.#join.rebalanceTimeoutMs, () =>
      tooLate.resolve('late'),
    )
    try {
      const how = await Promise.race([this.#join.onRevoked(partitions), era.over, tooLate.promise])
      if (how === 'late' && !era.isOver) {
        await this.#requests.leave()
        throw new LostMembershipError(REVOKED_TOO_LATE)
      }
    } finally {
      cancel()
    }
    if (era.isOver) return
    const gone = new Set(partitions.map(partitionKey))
    this.#own(this.assignment.filter(partition => !gone.has(partitionKey(partition))))
  }

  #own(partitions: readonly TopicPartition[]): void {
    const before = this.#ownedSince
    this.assignment = partitions
    this.#ownedSince = new Map(
      partitions.map(partitionKey).map(key => [key, before.get(key) ?? this.#generation]),
    )
  }

  async #divide(joined: {
    readonly generationId: number
    readonly members: JoinedMembers
  }): Promise<{ memberId: string; assignment: Buffer }[]> {
    const members = offersOf(joined.members)
    const topics = new Set(members.flatMap(({ subscription }) => subscription.topicSets.flat()))
    const counts = await this.#watch.count(topics)
    const { assignments, unitsOfInstances } = assign({
      generation: joined.generationId,
      members,
      partitionsOf: topic => counts.get(topic) ?? 0,
      formerUnits: this.#unitsOfInstances,
      formerIds: this.#knownIds,
      formerVanishedIds: this.#vanishedIds,
    })
    this.#unitsOfInstances = unitsOfInstances
    return [...assignments].map(([memberId, each]) => ({ memberId, assignment: encodeAssignment(each) }))
  }

  #wantRejoin(): void {
    this.#rejoinWanted = true
    this.#rouse()
  }

  #rouse(): void {
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
  }

  #scheduleBeat(): void {
    this.#cancelBeat()
    if (this.#isOver) return
    this.#cancelBeat = this.#options.cluster.clock.after(
      Math.min(this.#join.sessionTimeoutMs / 4, BEAT_MAX_MS),
      () => {
        void this.#beat().finally(() => this.#scheduleBeat())
      },
    )
  }

  async #beat(): Promise<void> {
    const era = this.#era
    if (this.#isExpired()) return this.#lose(expired())
    if (this.#requests.isJoining || this.#generation < 0) return
    try {
      const isRebalancing = await this.#requests.heartbeat(this.#generation)
      if (isRebalancing && this.#era === era) this.#wantRejoin()
    } catch (error) {
      if (this.#era === era && !this.#isOver) this.#failed(error as Error)
    }
  }

  /** Nothing was heard from the coordinator for a whole session, so it has given the place away, or is about to. */
  #isExpired(): boolean {
    return (
      this.#generation >= 0 &&
      !this.#requests.isJoining &&
      this.#requests.silentMs > this.#join.sessionTimeoutMs
    )
  }

  #lose(reason: Error): void {
    if (reason instanceof FencedInstanceError) this.#end()
    this.#era.end()
    this.#era = newEra()
    this.#gate.shut()
    this.#pastIds.add(this.#requests.memberId)
    this.#requests.forget()
    this.identity = undefined
    this.#known.lose()
    this.#own([])
    this.#generation = -1
    if (this.#isOver) {
      this.#leaving?.resolve()
      this.#started.reject(reason)
    }
    this.#wantRejoin()
    this.#join.onLost(toLogError(reason) as Error, this.#isOver)
  }

  leave({ keepPlace = false }: LeaveOptions = {}): Promise<void> {
    this.#keepsPlace = keepPlace && this.#join.instanceId !== undefined
    if (this.#isOver) return this.#leaving?.promise ?? Promise.resolve()
    this.#leaving ??= Promise.withResolvers<void>()
    this.#rouse()
    return this.#leaving.promise
  }

  async #leaveNow(): Promise<void> {
    const leaving = this.#leaving!
    try {
      if (this.assignment.length > 0) await this.#revoke(this.assignment, this.#era)
      if (!this.#isOver && !this.#keepsPlace) await this.#requests.leave()
    } catch (error) {
      if (!(error instanceof LostMembershipError || error instanceof KafkaError)) return leaving.reject(error)
    } finally {
      this.#pastIds.add(this.#requests.memberId)
      this.#end()
      this.identity = undefined
      this.#own([])
    }
    leaving.resolve()
  }

  /** Goes silent without leaving; the session runs out by itself, or a restart takes the place. */
  abandon(): void {
    if (this.#isOver) return
    this.#end()
    this.identity = undefined
    this.#own([])
    this.#leaving?.resolve()
    this.#started.resolve()
  }

  #end(): void {
    this.#isOver = true
    this.#cancelBeat()
    this.#watch.stop()
    this.#gate.shut()
    this.#era.end()
    this.#rouse()
  }
}

function expired(): LostMembershipError {
  return new LostMembershipError('its session has run out')
}

function fencedError(group: string): CommitError {
  return new CommitError('fenced', `The commit's identity is not (or no longer) a member of group ${group}`)
}
