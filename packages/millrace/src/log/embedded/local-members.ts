import type { MemberRow } from './group-rows.ts'
import type { LeaseFile } from './lease-file.ts'
import type { Machine } from './machine.ts'

/** A member whose process this is. */
export interface LocalMember {
  readonly group: string
  readonly memberId: string
  readonly sessionMs: number
  readonly slot: number
  /** Tells its handle that something about the group changed. */
  notify(): void
}

/** A member that may have to be thrown out. */
export interface Suspect {
  readonly memberId: string
  readonly generation: number
  /** It has not given up its partitions in time. */
  readonly overdue: boolean
}

/** Heartbeats of this process's members, and a watch over the others in their groups. */
export class LocalMembers {
  readonly #leases: LeaseFile
  readonly #machine: Machine
  /** Their leases are as old here as others see them, so that a process never thinks longer of itself than they do. */
  readonly #members = new Map<string, LocalMember & { renewedMs: number }>()
  /** Since when a member has been seen behind its group, by member and the generation it stands at. */
  readonly #behindSince = new Map<string, number>()

  constructor(leases: LeaseFile, machine: Machine) {
    this.#leases = leases
    this.#machine = machine
  }

  get size(): number {
    return this.#members.size
  }

  [Symbol.iterator](): Iterator<LocalMember> {
    return this.#members.values()
  }

  get groups(): Set<string> {
    return new Set([...this.#members.values()].map(member => member.group))
  }

  /** `renewedMs`: what its lease says. */
  add(member: LocalMember, renewedMs: number): void {
    this.#members.set(member.memberId, { ...member, renewedMs })
  }

  get(memberId: string): LocalMember | undefined {
    return this.#members.get(memberId)
  }

  delete(memberId: string): void {
    this.#members.delete(memberId)
  }

  /** The shortest session, or undefined without members. */
  get sessionMsMin(): number | undefined {
    if (this.#members.size === 0) return undefined
    return Math.min(...[...this.#members.values()].map(member => member.sessionMs))
  }

  /** True when this process itself has slept through the member's session: others may have taken its place. */
  hasLapsed(memberId: string): boolean {
    const member = this.#members.get(memberId)
    return member !== undefined && this.#machine.monotonicMs() - member.renewedMs > member.sessionMs
  }

  /** Renews the lease of every member that still has one; returns those that have lapsed. */
  renew(): LocalMember[] {
    const lapsed: LocalMember[] = []
    for (const member of this.#members.values()) {
      if (this.hasLapsed(member.memberId)) lapsed.push(member)
      else member.renewedMs = this.#leases.renew(member.slot, member.memberId)
    }
    return lapsed
  }

  /** Which members of a group look dead, or too slow in giving up their partitions. */
  suspects(rows: readonly MemberRow[], generation: number): Suspect[] {
    const now = this.#machine.monotonicMs()
    return rows.flatMap(row => {
      const overdue = this.#behindMs(row, generation, now) > row.rebalanceMs
      const { memberId, generation: seen } = row
      return overdue || this.#leases.isExpired(row) ? [{ memberId, generation: seen, overdue }] : []
    })
  }

  #behindMs(row: MemberRow, generation: number, now: number): number {
    const key = `${row.memberId} ${row.generation}`
    if (row.generation === generation) return 0
    const since = this.#behindSince.get(key)
    if (since !== undefined) return now - since
    for (const old of this.#behindSince.keys())
      if (old.startsWith(`${row.memberId} `)) this.#behindSince.delete(old)
    this.#behindSince.set(key, now)
    return 0
  }
}
