import type { JoinOptions, MemberIdentity, Membership, TopicPartition } from '../log.ts'
import type { CommitClient } from './commit-client.ts'
import { minus } from './group-rows.ts'
import type { SyncAnswer } from './protocol.ts'
import type { ReadStore } from './read-store.ts'

export interface MembershipOptions {
  readonly join: JoinOptions
  readonly client: CommitClient
  readonly reader: ReadStore
  uniqueId(): string
  onEnd(membership: EmbeddedMembership): void
}

/** A place in a group: follows its rows, gives up and takes over partitions, and joins again after a loss. */
export class EmbeddedMembership implements Membership {
  identity: MemberIdentity | undefined
  assignment: readonly TopicPartition[] = []
  memberId = ''
  readonly #options: MembershipOptions
  /** Steps are taken one after the other. */
  #settling: Promise<void> | undefined
  #changed = false
  /** Set while a revoke is waited for. */
  #stopWaiting: (() => void) | undefined
  #isLeaving = false
  #isOver = false

  constructor(options: MembershipOptions) {
    this.#options = options
  }

  /** Joins; resolves when the group knows the member. */
  async join(): Promise<void> {
    const { join, client, uniqueId } = this.#options
    const { group, instanceId, topicSets, userData, layouts, weight = 1 } = join
    this.memberId = `${instanceId ?? 'member'}-${uniqueId()}`
    const sessions = { sessionMs: join.sessionTimeoutMs, rebalanceMs: join.rebalanceTimeoutMs }
    const { memberId } = this
    const about = { topicSets, userData, layouts, weight }
    await client.ask('join', { group, memberId, instanceId, ...about, ...sessions })
    this.notice()
  }

  /** The rows of the group may have changed. */
  notice(): void {
    this.#changed = true
    const { join, reader } = this.#options
    if (this.#stopWaiting !== undefined && reader.member(join.group, this.memberId) === undefined)
      this.#stopWaiting()
    this.#settling ??= this.#settle()
      .catch(error => this.#failed(error))
      .finally(() => {
        this.#settling = undefined
        if (this.#changed && !this.#isOver && !this.#isLeaving) this.notice()
      })
  }

  async #settle(): Promise<void> {
    while (this.#changed && !this.#isOver && !this.#isLeaving) {
      this.#changed = false
      const { join, reader } = this.#options
      const seen = reader.member(join.group, this.memberId)
      if (seen === undefined) {
        await this.#sync(-1)
        continue
      }
      const { member, groupGeneration } = seen
      const isPending = minus(member.target, this.assignment).length > 0
      if (this.identity?.generation === groupGeneration && !isPending) continue
      await this.#revoke(minus(this.assignment, member.target))
      if (!this.#isOver && !this.#isLeaving) await this.#sync(groupGeneration)
    }
  }

  /** Resolves when the partitions are given up, or the member is thrown out meanwhile. */
  async #revoke(partitions: readonly TopicPartition[]): Promise<void> {
    if (partitions.length === 0) return
    const thrownOut = new Promise<void>(resolve => {
      this.#stopWaiting = resolve
    })
    // What it throws is the caller's affair; the partitions go all the same.
    await Promise.race([this.#options.join.onRevoked(partitions).catch(() => {}), thrownOut])
    this.#stopWaiting = undefined
    this.assignment = minus(this.assignment, partitions)
  }

  /** Acknowledges the generation whose target has been followed. */
  async #sync(generation: number): Promise<void> {
    const { join, client } = this.#options
    const { group, instanceId } = join
    const answer = await client.ask('sync', { group, memberId: this.memberId, instanceId, generation })
    if (this.#isOver) return
    if (answer.state === 'behind') this.#changed = true
    else if (answer.state === 'lost') await this.#lost(answer)
    else this.#install(answer)
  }

  #install({ generation, owned }: Extract<SyncAnswer, { state: 'current' }>): void {
    const { onAssigned, onIdentity, onBarred, group, instanceId } = this.#options.join
    const isNew = this.identity?.generation !== generation
    const added = minus(owned, this.assignment)
    this.assignment = owned
    if (isNew) this.identity = { group, memberId: this.memberId, generation, instanceId }
    if (isNew && (added.length === 0 || added.length < owned.length)) onIdentity(this.identity!)
    if (added.length > 0) onAssigned(added, this.identity!)
    if (isNew) onBarred?.(this.#options.reader.barred(group))
    if (isNew) this.#options.client.confirm(this.memberId)
  }

  async #lost({ replaced }: { replaced: boolean }): Promise<void> {
    const { join } = this.#options
    this.identity = undefined
    this.assignment = []
    const why = replaced
      ? `another process joined ${join.group} as instance ${join.instanceId}`
      : `its session of ${join.sessionTimeoutMs} ms ended, or it did not give up its partitions within ${join.rebalanceTimeoutMs} ms`
    if (replaced) this.end()
    join.onLost(new Error(`Member ${this.memberId} is out of group ${join.group}: ${why}`), replaced)
    if (!this.#isOver) await this.join()
  }

  #failed(error: Error): void {
    if (this.#isOver) return
    const { join } = this.#options
    this.end()
    join.onLost(
      new Error(`Member ${this.memberId} cannot follow group ${join.group}: ${error.message}`, {
        cause: error,
      }),
      true,
    )
  }

  async leave(): Promise<void> {
    if (this.#isOver || this.#isLeaving) return
    this.#isLeaving = true
    await this.#settling
    await this.#revoke(this.assignment)
    if (this.#isOver) return
    const { join, client } = this.#options
    await client.ask('leave', { group: join.group, memberId: this.memberId })
    this.end()
  }

  /** Forgets the place without leaving it. */
  end(): void {
    this.#isOver = true
    this.identity = undefined
    this.assignment = []
    this.#options.onEnd(this)
  }
}
