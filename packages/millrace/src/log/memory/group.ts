/**
 * A group of the memory log: who is in it, who has which partitions, and the committed positions.
 *
 * A rebalance never stops the world. Whenever something changed, the target is computed afresh; members that
 * hold more than their target are asked to give it up (and may still commit under the running generation);
 * once nobody holds too much, the next generation begins for all at once.
 */
import type { Clock } from '../../std/clock.ts'
import { type Unit, unitsOf } from '../assignor.ts'
import { type Division, divide } from '../divide.ts'
import { type Floors, raised } from '../layouts.ts'
import type { CommittedPosition, GroupInfo, MemberIdentity, TopicPartition, TopicVersions } from '../log.ts'

/** The way to one member's process. */
export interface MemberPort {
  revoke(partitions: readonly TopicPartition[]): Promise<void>
  /** A generation began: everything the member has now, what of it is new, and what nobody may have. */
  installed(
    identity: MemberIdentity,
    assignment: readonly TopicPartition[],
    added: readonly TopicPartition[],
    barred: readonly TopicPartition[],
  ): void
  /** The member is out; `replaced` when another process took its instance id. */
  lost(reason: Error, replaced: boolean): void
}

export interface MemberSpec {
  readonly memberId: string
  readonly instanceId?: string
  readonly topicSets: readonly (readonly string[])[]
  readonly weight: number
  readonly userData?: Uint8Array
  readonly layouts?: TopicVersions
  readonly host: string
  readonly pid: number
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
}

interface Member extends MemberSpec {
  readonly port: MemberPort
  units: Set<string>
  assignment: readonly TopicPartition[]
  cancelLease: () => void
  cancelRevoke: (() => void) | undefined
  onLeft: (() => void) | undefined
}

export const partitionKey = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`

export class MemoryGroup {
  readonly name: string
  readonly positions = new Map<string, CommittedPosition>()
  generation = 0
  readonly #clock: Clock
  readonly #partitionsOf: (topic: string) => number
  readonly #members = new Map<string, Member>()
  #membersChanged = false
  #floors: Floors = new Map()

  constructor(name: string, clock: Clock, partitionsOf: (topic: string) => number) {
    this.name = name
    this.#clock = clock
    this.#partitionsOf = partitionsOf
  }

  get memberCount(): number {
    return this.#members.size
  }

  join(spec: MemberSpec, port: MemberPort): void {
    const member: Member = {
      ...spec,
      port,
      units: new Set(),
      assignment: [],
      cancelLease: () => {},
      cancelRevoke: undefined,
      onLeft: undefined,
    }
    for (const other of this.#members.values()) {
      if (spec.instanceId !== undefined && other.instanceId === spec.instanceId) {
        member.units = new Set(other.units)
        this.#remove(other)
        other.port.lost(new Error(`Another process joined ${this.name} as instance ${spec.instanceId}`), true)
      }
    }
    this.#members.set(spec.memberId, member)
    this.#membersChanged = true
    this.heartbeat(spec.memberId)
    this.rebalance()
  }

  /** Prolongs the member's lease. */
  heartbeat(memberId: string): void {
    const member = this.#members.get(memberId)
    if (member === undefined) return
    member.cancelLease()
    member.cancelLease = this.#clock.after(member.sessionTimeoutMs, () =>
      this.expel(memberId, `no heartbeat for ${member.sessionTimeoutMs} ms`),
    )
  }

  /** Resolves when the member gave everything up and is out. */
  leave(memberId: string): Promise<void> {
    const member = this.#members.get(memberId)
    if (member === undefined) return Promise.resolve()
    return new Promise(resolve => {
      const before = member.onLeft
      member.onLeft = () => {
        before?.()
        resolve()
      }
      this.rebalance()
    })
  }

  /** Throws a member out, as when its lease ran out. */
  expel(memberId: string, reason: string): void {
    const member = this.#members.get(memberId)
    if (member === undefined) return
    this.#remove(member)
    member.port.lost(new Error(`Member ${memberId} is out of group ${this.name}: ${reason}`), false)
    this.rebalance()
  }

  expelAll(reason: string): void {
    for (const memberId of [...this.#members.keys()]) this.expel(memberId, reason)
  }

  /** Why a commit under this identity is refused, or undefined when it is current. */
  refusal(identity: MemberIdentity): string | undefined {
    const member = this.#members.get(identity.memberId)
    if (member === undefined) return `${identity.memberId} is not a member of ${this.name}`
    if (member.instanceId !== identity.instanceId)
      return `${identity.memberId} is not instance ${identity.instanceId}`
    if (identity.generation !== this.generation)
      return `generation ${identity.generation} of ${this.name} is over, ${this.generation} is current`
    return undefined
  }

  /** Moves towards the target assignment; called whenever members or topics changed. */
  rebalance(): void {
    for (const member of this.#members.values()) {
      if (member.onLeft !== undefined && member.assignment.length === 0) this.#remove(member)
    }
    if (this.#members.size === 0) this.#floors = new Map()
    const division = this.#divide()
    for (const member of this.#members.values())
      this.#revokeExcess(member, division.targets.get(member.memberId) ?? [])
    if ([...this.#members.values()].some(member => member.cancelRevoke !== undefined)) return
    this.#install(division)
  }

  /** Among those who stay. */
  #divide(): Division {
    const staying = [...this.#members.values()].filter(member => member.onLeft === undefined)
    const units = unitsOf(
      staying.flatMap(member => member.topicSets),
      this.#partitionsOf,
    )
    return divide(
      units,
      staying.map(member => ({ ...member, previous: member.units })),
      this.#floors,
    )
  }

  #revokeExcess(member: Member, target: readonly Unit[]): void {
    if (member.cancelRevoke !== undefined) return
    const wanted = new Set(target.flatMap(unit => unit.partitions.map(partitionKey)))
    const excess = member.assignment.filter(partition => !wanted.has(partitionKey(partition)))
    if (excess.length === 0) return
    const { memberId, rebalanceTimeoutMs } = member
    const cancel = this.#clock.after(rebalanceTimeoutMs, () =>
      this.expel(memberId, `its partitions were not given up within ${rebalanceTimeoutMs} ms`),
    )
    member.cancelRevoke = cancel
    const settled = () => {
      if (member.cancelRevoke !== cancel) return
      cancel()
      member.cancelRevoke = undefined
      member.assignment = member.assignment.filter(partition => !excess.includes(partition))
      const targetIds = new Set(target.map(unit => unit.id))
      member.units = new Set([...member.units].filter(id => targetIds.has(id)))
      this.rebalance()
    }
    member.port.revoke(excess).then(settled, settled)
  }

  #install({ targets, barred }: Division): void {
    const next = [...this.#members.values()].map(member => {
      const units = targets.get(member.memberId) ?? []
      const assignment = units.flatMap(unit => unit.partitions)
      const had = new Set(member.assignment.map(partitionKey))
      return {
        member,
        units,
        assignment,
        added: assignment.filter(partition => !had.has(partitionKey(partition))),
      }
    })
    if (!this.#membersChanged && next.every(({ added }) => added.length === 0)) return
    this.#membersChanged = false
    this.generation++
    for (const { member, units, assignment, added } of next) {
      member.units = new Set(units.map(unit => unit.id))
      member.assignment = assignment
      this.#floors = raised(this.#floors, assignment, member.layouts)
      const { memberId, instanceId } = member
      const identity = { group: this.name, memberId, generation: this.generation, instanceId }
      member.port.installed(identity, assignment, added, barred)
    }
  }

  #remove(member: Member): void {
    member.cancelLease()
    member.cancelRevoke?.()
    member.cancelRevoke = undefined
    this.#members.delete(member.memberId)
    this.#membersChanged = true
    member.onLeft?.()
  }

  describe(): GroupInfo {
    return {
      group: this.name,
      generation: this.generation,
      members: [...this.#members.values()].map(
        ({ memberId, instanceId, host, pid, assignment, userData, layouts }) => ({
          memberId,
          instanceId,
          host,
          pid,
          assignment,
          userData,
          layouts,
        }),
      ),
      barred: this.#divide().barred,
      positions: [...this.positions.values()],
    }
  }
}
