import assert from 'node:assert/strict'
import type {
  Commit,
  JoinOptions,
  Log,
  MemberIdentity,
  Membership,
  PositionUpdate,
  TopicPartition,
} from '../log.ts'
import type { Context } from './store.ts'

const NO_METADATA = new Uint8Array(0)

/** A member that notes what it is told, and can hold a revoke back. */
export interface TestMember {
  readonly membership: Membership
  /** What was told, in order: `assigned t/0 t/1`, `revoked t/1`, `identity`, `lost`, `over` for what is lost for good. */
  readonly events: string[]
  /** The identity told last, by either callback. */
  identity(): MemberIdentity
  /** Partitions it may work on: assigned, and neither revoked nor lost since; as `t/0`, sorted. */
  owned(): string[]
  /** From now on a revoke stays open until the function returned is called. */
  holdRevokes(): () => void
}

export function names(partitions: readonly TopicPartition[]): string[] {
  return partitions.map(({ topic, partition }) => `${topic}/${partition}`).sort()
}

/** Joins `group` on the topic sets; by default on the one set `['t']`. */
export async function joinGroup(
  context: Context,
  log: Log,
  options: Partial<JoinOptions> = {},
): Promise<TestMember> {
  const events: string[] = []
  const owned = new Set<string>()
  let identity: MemberIdentity | undefined
  let losses = 0
  let held: Promise<void> = Promise.resolve()
  const membership = await log.join({
    group: 'g',
    topicSets: [['t']],
    sessionTimeoutMs: context.sessionTimeoutMs,
    rebalanceTimeoutMs: context.rebalanceTimeoutMs,
    onAssigned: (partitions, current) => {
      events.push(`assigned ${names(partitions).join(' ')}`)
      for (const name of names(partitions)) owned.add(name)
      identity = current
    },
    onRevoked: async partitions => {
      events.push(`revoking ${names(partitions).join(' ')}`)
      const before = losses
      await held
      // What was lost meanwhile may have come back as a new assignment by now.
      if (losses !== before) return
      for (const name of names(partitions)) owned.delete(name)
      events.push(`revoked ${names(partitions).join(' ')}`)
    },
    onIdentity: current => {
      events.push('identity')
      identity = current
    },
    onLost: (_reason, isOver) => {
      events.push('lost')
      if (isOver) events.push('over')
      losses++
      owned.clear()
    },
    ...options,
  })
  return {
    membership,
    events,
    identity: () => {
      assert.ok(identity, 'an identity was told')
      return identity
    },
    owned: () => [...owned].sort(),
    holdRevokes: () => {
      const { promise, resolve } = Promise.withResolvers<void>()
      held = promise
      return resolve
    },
  }
}

export function position(
  partition: number,
  previousOffset: number,
  offset: number,
  metadata: Uint8Array = NO_METADATA,
): PositionUpdate {
  return { topic: 't', partition, offset, previousOffset, metadata }
}

export function commitOf(identity: MemberIdentity, rest: Partial<Commit>): Commit {
  return { identity, batches: [], positions: [], ...rest }
}
