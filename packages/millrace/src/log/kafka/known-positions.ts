import {
  CommitError,
  type CommittedPosition,
  type MemberIdentity,
  type PositionUpdate,
  type TopicPartition,
} from '../log.ts'
import { partitionKey } from './partition-key.ts'
import type { Positions } from './positions.ts'

/** Committed positions, with what stands beside them, as one identity last knew them, to hold against what a commit says that it replaces. */
export class KnownPositions {
  readonly #positions: Positions
  readonly #known = new Map<string, CommittedPosition | undefined>()
  #knownFor = ''

  constructor(positions: Positions) {
    this.#positions = positions
  }

  get(partition: TopicPartition): CommittedPosition | undefined {
    return this.#known.get(partitionKey(partition))
  }

  /** These are committed now. */
  replace(positions: readonly CommittedPosition[]): void {
    for (const position of positions) this.#known.set(partitionKey(position), position)
  }

  /** What is remembered is not to be trusted. */
  forget(): void {
    this.#knownFor = ''
  }

  /** Throws `CommitError` `aborted` unless the positions to replace are the committed ones. */
  async check(identity: MemberIdentity, positions: readonly PositionUpdate[]): Promise<void> {
    const key = `${identity.memberId} ${identity.generation}`
    if (this.#knownFor !== key) this.#known.clear()
    this.#knownFor = key
    const unknown = positions.filter(each => !this.#known.has(partitionKey(each)))
    if (unknown.length > 0) {
      for (const each of unknown) this.#known.set(partitionKey(each), undefined)
      for (const found of await this.#positions.committed(identity.group, unknown))
        this.#known.set(partitionKey(found), found)
    }
    for (const each of positions) {
      const { topic, partition, previousOffset } = each
      const offset = this.get(each)?.offset ?? -1
      if (offset === previousOffset) continue
      throw new CommitError(
        'aborted',
        `${topic}/${partition} of group ${identity.group} stands at ${offset}, not at ${previousOffset} as the commit says`,
      )
    }
  }
}
