import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { isBroken } from '../../std/broken-rules.ts'
import { raised } from '../layouts.ts'
import { CommitError, LogError, type MemberIdentity, type TopicPartition } from '../log.ts'
import type { Catalog } from './catalog.ts'
import { FloorWriter } from './floor-rows.ts'
import { divideGroup } from './group-division.ts'
import { GroupReader, minus } from './group-rows.ts'
import { type LeaseFile, SLOTS } from './lease-file.ts'
import type { Machine } from './machine.ts'
import { encodeMemberData } from './member-data.ts'
import type { JoinRequest, SyncAnswer, SyncRequest } from './protocol.ts'

const unfenced = isBroken('2.2')

/**
 * Changes groups inside write transactions.
 *
 * Every change of the members raises the group's generation and computes each member's `target`. Members then
 * acknowledge one by one (`sync`), having given up what they lose; whoever acknowledges gets what of its
 * target nobody else owns any more. So no partition ever has two owners, and nobody waits for a round.
 */
export class GroupWriter {
  readonly rows: GroupReader
  readonly #floors: FloorWriter
  readonly #catalog: Catalog
  readonly #leases: LeaseFile
  readonly #machine: Machine
  readonly #bump: StatementSync
  readonly #nextSlot: StatementSync
  readonly #usedSlot: StatementSync
  readonly #addGroup: StatementSync
  readonly #removeGroup: StatementSync
  readonly #raise: StatementSync
  readonly #addMember: StatementSync
  readonly #removeMember: StatementSync
  readonly #removePositions: StatementSync
  readonly #setTarget: StatementSync
  readonly #setOwned: StatementSync
  /** The generation before the last `sync` of a member whose process has not confirmed the new one yet. */
  readonly #unconfirmed = new Map<string, number>()
  /** Some group or member changed in the running transaction. */
  changed = false

  constructor(db: DatabaseSync, catalog: Catalog, leases: LeaseFile, machine: Machine) {
    this.rows = new GroupReader(db)
    this.#floors = new FloorWriter(db)
    this.#catalog = catalog
    this.#leases = leases
    this.#machine = machine
    this.#bump = db.prepare(`UPDATE counters SET value = value + 1 WHERE name = 'groups'`)
    this.#nextSlot = db.prepare(
      `UPDATE counters SET value = (value + 1) % ${SLOTS} WHERE name = 'slot' RETURNING value`,
    )
    this.#usedSlot = db.prepare('SELECT 1 FROM members WHERE slot = ?1')
    this.#addGroup = db.prepare('INSERT INTO groups VALUES (?1, 0) ON CONFLICT DO NOTHING')
    this.#removeGroup = db.prepare('DELETE FROM groups WHERE name = ?1')
    this.#raise = db.prepare('UPDATE groups SET generation = generation + 1 WHERE name = ?1')
    this.#addMember = db.prepare(
      `INSERT INTO members (group_name, id, instance, host, pid, slot, weight, topic_sets, user_data, session_ms,
        rebalance_ms, generation, target, owned) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 0, '[]', ?12)`,
    )
    this.#removeMember = db.prepare('DELETE FROM members WHERE group_name = ?1 AND id = ?2')
    this.#removePositions = db.prepare('DELETE FROM positions WHERE group_name = ?1')
    this.#setTarget = db.prepare('UPDATE members SET target = ?3 WHERE group_name = ?1 AND id = ?2')
    this.#setOwned = db.prepare(
      'UPDATE members SET generation = ?3, owned = ?4 WHERE group_name = ?1 AND id = ?2',
    )
  }

  /** Makes the group if need be. */
  create(group: string): void {
    this.#addGroup.run(group)
    this.#touch()
  }

  /** Takes a member in, in the place of one with the same instance id; returns its lease. */
  join(request: JoinRequest): { readonly slot: number; readonly renewedMs: number } {
    const { group, memberId, instanceId = null } = request
    this.create(group)
    this.#removeExpired(group)
    const former = this.rows
      .members(group)
      .find(member => instanceId !== null && member.instance === instanceId)
    if (former !== undefined) this.#removeMember.run(group, former.memberId)
    const slot = this.#freeSlot()
    const renewedMs = this.#leases.renew(slot, memberId)
    this.#addMember.run(
      group,
      memberId,
      instanceId,
      this.#machine.host,
      this.#machine.pid,
      slot,
      request.weight,
      JSON.stringify(request.topicSets),
      encodeMemberData(request),
      request.sessionMs,
      request.rebalanceMs,
      JSON.stringify(former?.owned ?? []),
    )
    this.#reassign(group)
    return { slot, renewedMs }
  }

  #freeSlot(): number {
    for (let tries = 0; tries < SLOTS; tries++) {
      const slot = (this.#nextSlot.get() as { value: number }).value
      if (this.#usedSlot.get(slot) === undefined) return slot
    }
    throw new LogError('unavailable', `More than ${SLOTS} members are in the groups of one log`)
  }

  /** The member has given up what is not in its target; it gets what of its target is free. */
  sync({ group, memberId, instanceId, generation }: SyncRequest): SyncAnswer {
    const members = this.rows.members(group)
    const member = members.find(other => other.memberId === memberId)
    if (member === undefined) {
      return {
        state: 'lost',
        replaced: instanceId !== undefined && members.some(other => other.instance === instanceId),
      }
    }
    if (this.rows.generation(group) !== generation) return { state: 'behind' }
    const others = members.filter(other => other !== member).flatMap(other => other.owned)
    const owned = minus(member.target, others)
    if (member.generation !== generation || !sameSet(owned, member.owned)) {
      if (member.generation !== generation) this.#unconfirmed.set(memberId, member.generation)
      this.#setOwned.run(group, memberId, generation, JSON.stringify(owned))
      this.#floors.raise(group, raised(this.#floors.read(group), owned, member.layouts))
      this.#touch()
    }
    return { state: 'current', generation, owned }
  }

  /** The member's process uses its new identity from now on. */
  confirm(memberId: string): void {
    this.#unconfirmed.delete(memberId)
  }

  remove(group: string, memberIds: readonly string[]): void {
    let removed = 0
    for (const memberId of memberIds) {
      this.#unconfirmed.delete(memberId)
      removed += Number(this.#removeMember.run(group, memberId).changes)
    }
    if (removed > 0) this.#reassign(group)
  }

  /** Throws out those of the named members that are still where `lagging` saw them, or whose lease is over. */
  expel(
    group: string,
    suspects: readonly { memberId: string; generation: number; overdue: boolean }[],
  ): void {
    const current = this.rows.generation(group)
    const gone = this.rows.members(group).filter(member => {
      const suspect = suspects.find(other => other.memberId === member.memberId)
      if (suspect === undefined) return false
      const stillBehind =
        suspect.overdue && member.generation === suspect.generation && member.generation !== current
      return stillBehind || this.#leases.isExpired(member)
    })
    this.remove(
      group,
      gone.map(member => member.memberId),
    )
  }

  #removeExpired(group: string): void {
    this.remove(
      group,
      this.rows
        .members(group)
        .filter(member => this.#leases.isExpired(member))
        .map(member => member.memberId),
    )
  }

  /** Throws `LogError` `group-active` while somebody lives in the group; the dead are removed. */
  requireIdle(group: string): void {
    this.#removeExpired(group)
    const { length } = this.rows.members(group)
    if (length > 0)
      throw new LogError('group-active', `Group ${group} has ${length} members; stop them first`)
  }

  delete(group: string): void {
    this.#removePositions.run(group)
    this.#removeGroup.run(group)
    this.#floors.clear(group)
    this.#touch()
  }

  /** Throws `CommitError` `fenced` unless the identity is the member's current one. */
  requireCurrent(identity: MemberIdentity, partitions: readonly TopicPartition[]): void {
    const { group, memberId, generation } = identity
    const member = this.rows.member(group, memberId)
    if (unfenced) return
    if (member === undefined) throw fenced(`${memberId} is not a member of ${group}`)
    if ((identity.instanceId ?? null) !== member.instance)
      throw fenced(`${memberId} is not instance ${identity.instanceId}`)
    if (generation === member.generation && generation > 0) return
    const inTransition = generation > 0 && this.#unconfirmed.get(memberId) === generation
    if (inTransition && minus(partitions, member.owned).length === 0) return
    throw fenced(
      `generation ${generation} of ${memberId} in ${group} is over, ${member.generation} is current`,
    )
  }

  /** Gives every group new targets, after topics came or went. */
  reassignAll(): void {
    for (const group of this.rows.names()) if (this.rows.members(group).length > 0) this.#reassign(group)
  }

  #reassign(group: string): void {
    this.#raise.run(group)
    this.#touch()
    const members = this.rows.members(group)
    if (members.length === 0) this.#floors.clear(group)
    const { targets } = divideGroup(members, this.#floors.read(group), this.#catalog)
    for (const [memberId, units] of targets)
      this.#setTarget.run(group, memberId, JSON.stringify(units.flatMap(unit => unit.partitions)))
  }

  #touch(): void {
    this.#bump.run()
    this.changed = true
  }
}

function sameSet(a: readonly TopicPartition[], b: readonly TopicPartition[]): boolean {
  return a.length === b.length && minus(a, b).length === 0
}

function fenced(reason: string): CommitError {
  return new CommitError('fenced', `Commit refused: ${reason}`)
}
