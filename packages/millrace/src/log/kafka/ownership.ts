import { CommitError, type MemberIdentity, type TopicPartition } from '../log.ts'
import type { KafkaMembership } from './membership.ts'

/** Lets a commit run while its member owns what it is about, and under the generation of the moment. */
export interface Ownership {
  /**
   * Runs `work` under the identity a commit was cut with, if that is still the member's. While a rebalance goes on it waits; then
   * the commit goes out with the new generation, if what it is about was owned without a break. Throws `CommitError` `fenced`.
   */
  whileOwner<T>(
    identity: MemberIdentity,
    partitions: readonly TopicPartition[],
    work: (current: MemberIdentity) => Promise<T>,
  ): Promise<T>
}

/** Of the members that joined through one log. */
export class LocalOwnership implements Ownership {
  readonly #memberships = new Set<KafkaMembership>()

  add(membership: KafkaMembership): void {
    this.#memberships.add(membership)
  }

  /** Whose member id this is or was. */
  find({ group, memberId }: MemberIdentity): KafkaMembership | undefined {
    return [...this.#memberships].find(each => each.group === group && each.isOrWas(memberId))
  }

  /** Of a stranger's commit the broker is the judge. */
  whileOwner<T>(
    identity: MemberIdentity,
    partitions: readonly TopicPartition[],
    work: (current: MemberIdentity) => Promise<T>,
  ): Promise<T> {
    return this.find(identity)?.whileOwner(identity, partitions, work) ?? work(identity)
  }

  abandon(): void {
    for (const membership of this.#memberships) membership.abandon()
  }
}

/** Kafka takes a commit without an identity for one without a group, and checks nothing. */
export function requireIdentity({ group, memberId, generation }: MemberIdentity): void {
  if (generation < 0 || memberId === '')
    throw new CommitError('fenced', `A commit of ${group} has no identity`)
}
