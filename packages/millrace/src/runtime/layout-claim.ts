import type { MemberIdentity, TopicPartition } from '../log/log.ts'
import type { Clock } from '../std/clock.ts'
import type { HostedPipeline } from './host.ts'

/** Partitions that wait so long are given up: somebody else may reach what this member cannot. */
const heldMsMax = 30_000

export interface LayoutClaimOptions {
  readonly clock: Clock
  /** Topics behind which this process brings a layout that has not been at work yet. */
  readonly newTopics: ReadonlySet<string>
  /** All topics behind which it keeps anything. */
  readonly keptTopics: ReadonlySet<string>
  /** Writes down that the layouts are at work, and tries again until that is done or not wanted any more; throws when they must not be. */
  confirm(isWanted: () => boolean): Promise<void>
  onFailed(error: Error): void
  /** Partitions have waited too long: the member is to leave the group until a confirmation succeeds. */
  onLate(): void
}

type ClaimingPipeline = Pick<HostedPipeline, 'assign' | 'revoke' | 'setIdentity' | 'lost'>

/**
 * Writes down that a new layout is at work before anything is written under it (SEMANTICS 8.2): partitions with such a layout are
 * held until that is done, and nothing else waits for it. After a loss of the membership the same is done for any layout: nobody
 * knows how long it was, and what the others have done and left behind meanwhile.
 */
export class LayoutClaim {
  readonly #options: LayoutClaimOptions
  /** Topics whose partitions are not taken on without confirmation. */
  #unconfirmed: ReadonlySet<string>
  #held: readonly TopicPartition[] = []
  #identity: MemberIdentity | undefined
  /** The confirmation under way; of one that is not this any more nothing is expected. */
  #confirming: object | undefined

  constructor(options: LayoutClaimOptions) {
    this.#options = options
    this.#unconfirmed = options.newTopics
  }

  /** How many partitions came and wait for a confirmation. */
  get held(): number {
    return this.#held.length
  }

  /** Partitions come: the pipeline takes them on, after the confirmation where it is missing. */
  assigned(
    pipeline: ClaimingPipeline,
    partitions: readonly TopicPartition[],
    identity: MemberIdentity,
  ): void {
    this.#identity = identity
    const held = partitions.filter(({ topic }) => this.#unconfirmed.has(topic))
    const free = partitions.filter(({ topic }) => !this.#unconfirmed.has(topic))
    // What the pipeline has already goes on under the new identity.
    if (free.length > 0 || held.length === 0) pipeline.assign(free, identity)
    else pipeline.setIdentity(identity)
    this.#held = [...this.#held, ...held]
    if (held.length > 0 && this.#confirming === undefined) void this.#confirm(pipeline)
  }

  identified(pipeline: ClaimingPipeline, identity: MemberIdentity): void {
    this.#identity = identity
    pipeline.setIdentity(identity)
  }

  /** Partitions go; those that were held never came. */
  revoked(pipeline: ClaimingPipeline, partitions: readonly TopicPartition[]): Promise<void> {
    const goes = (held: TopicPartition) =>
      partitions.some(({ topic, partition }) => topic === held.topic && partition === held.partition)
    this.#held = this.#held.filter(each => !goes(each))
    return pipeline.revoke(partitions)
  }

  /** The membership is gone. */
  lost(pipeline: ClaimingPipeline): void {
    this.#confirming = undefined
    this.#held = []
    this.#unconfirmed = this.#options.keptTopics
    pipeline.lost()
  }

  async #confirm(pipeline: ClaimingPipeline): Promise<void> {
    const { clock, confirm, onFailed, onLate } = this.#options
    const mine = {}
    const isCurrent = () => this.#confirming === mine
    this.#confirming = mine
    const cancel = clock.after(heldMsMax, () => {
      if (!isCurrent() || this.#held.length === 0) return
      this.lost(pipeline)
      onLate()
    })
    try {
      await confirm(isCurrent)
      if (isCurrent()) this.#takeOn(pipeline)
    } catch (error) {
      if (isCurrent()) onFailed(error as Error)
    } finally {
      cancel()
    }
  }

  #takeOn(pipeline: ClaimingPipeline): void {
    const held = this.#held
    this.#confirming = undefined
    this.#unconfirmed = new Set()
    this.#held = []
    if (held.length > 0) pipeline.assign(held, this.#identity!)
  }
}
