import type { Clock } from '../../std/clock.ts'
import type { JoinOptions, MemberIdentity, Membership, TopicPartition } from '../log.ts'
import type { MemoryGroup } from './group.ts'
import { partitionKey } from './group.ts'

/** A process's place in a group of the memory log: heartbeats, callbacks, and joining again after a loss. */
export class MemoryMembership implements Membership {
  identity: MemberIdentity | undefined
  assignment: readonly TopicPartition[] = []
  readonly #group: MemoryGroup
  readonly #options: JoinOptions
  readonly #clock: Clock
  readonly #process: { readonly host: string; readonly pid: number }
  readonly #nextSequence: () => number
  #memberId = ''
  #cancelHeartbeat = () => {}
  #over = false
  /** Messages that wait until the frozen process goes on; undefined while it runs. */
  #held: (() => void)[] | undefined

  constructor(
    group: MemoryGroup,
    options: JoinOptions,
    clock: Clock,
    process: { readonly host: string; readonly pid: number },
    nextSequence: () => number,
  ) {
    this.#group = group
    this.#options = options
    this.#clock = clock
    this.#process = process
    this.#nextSequence = nextSequence
    this.#join()
  }

  #join(): void {
    const {
      instanceId,
      topicSets,
      weight = 1,
      userData,
      layouts,
      sessionTimeoutMs,
      rebalanceTimeoutMs,
    } = this.#options
    const memberId = `${instanceId ?? 'member'}-${this.#nextSequence()}`
    this.#memberId = memberId
    const about = { topicSets, weight, userData, layouts }
    const spec = { memberId, instanceId, ...about, sessionTimeoutMs, rebalanceTimeoutMs }
    const current = (message: () => void) => this.#deliver(() => this.#memberId === memberId && message())
    this.#group.join(
      { ...spec, ...this.#process },
      {
        revoke: partitions =>
          new Promise((resolve, reject) => current(() => this.#revoke(partitions).then(resolve, reject))),
        installed: (identity, assignment, added, barred) =>
          current(() => {
            this.#installed(identity, assignment, added)
            this.#options.onBarred?.(barred)
          }),
        lost: (reason, replaced) => current(() => this.#lost(reason, replaced)),
      },
    )
    this.#scheduleHeartbeat()
  }

  #scheduleHeartbeat(): void {
    this.#cancelHeartbeat()
    this.#cancelHeartbeat = this.#clock.after(this.#options.sessionTimeoutMs / 3, () => {
      if (this.#held === undefined) this.#group.heartbeat(this.#memberId)
      this.#scheduleHeartbeat()
    })
  }

  /** Messages arrive a moment later, as from another process, and not at all after the end. */
  #deliver(message: () => void): void {
    if (this.#held !== undefined) this.#held.push(message)
    else queueMicrotask(() => (this.#held !== undefined ? this.#held.push(message) : this.#over || message()))
  }

  async #revoke(partitions: readonly TopicPartition[]): Promise<void> {
    await this.#options.onRevoked(partitions)
    const gone = new Set(partitions.map(partitionKey))
    this.assignment = this.assignment.filter(partition => !gone.has(partitionKey(partition)))
  }

  #installed(
    identity: MemberIdentity,
    assignment: readonly TopicPartition[],
    added: readonly TopicPartition[],
  ): void {
    this.identity = identity
    this.assignment = assignment
    if (added.length < assignment.length || added.length === 0) this.#options.onIdentity(identity)
    if (added.length > 0) this.#options.onAssigned(added, identity)
  }

  #lost(reason: Error, replaced: boolean): void {
    this.identity = undefined
    this.assignment = []
    this.#cancelHeartbeat()
    if (replaced) this.#over = true
    else this.#join()
    this.#options.onLost(reason, replaced)
  }

  /** Stops the heartbeats and holds back every callback, as if the process were stopped by a signal. */
  freeze(): void {
    this.#held ??= []
  }

  thaw(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const message of held) this.#deliver(message)
  }

  async leave(): Promise<void> {
    if (this.#over) return
    await this.#group.leave(this.#memberId)
    this.#end()
  }

  /** Goes silent without leaving; the lease runs out by itself. */
  abandon(): void {
    if (!this.#over) this.#end()
  }

  #end(): void {
    this.#over = true
    this.#cancelHeartbeat()
    this.identity = undefined
    this.assignment = []
  }
}
