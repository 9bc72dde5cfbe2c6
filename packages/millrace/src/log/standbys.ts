/** Which members keep a copy of the state of units that run elsewhere: the pure part. */

/** A member as a place for copies. */
export interface StandbyCandidate {
  readonly memberId: string
  readonly host: string
  readonly weight: number
  /** Ids of the units whose copies it has now. */
  readonly warm: ReadonlySet<string>
}

/**
 * Gives each unit its copies on members other than its own. A copy goes first where another machine keeps it, then where it is
 * already, then so that the units of one member have theirs on many others, and then where least is to be done. With fewer members than copies each has
 * one. The same input gives the same answer.
 */
export function placeStandbys(
  units: readonly string[],
  copies: number,
  owners: ReadonlyMap<string, string>,
  candidates: readonly StandbyCandidate[],
): Map<string, string[]> {
  const members = [...candidates].sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
  const given = new Map(members.map(({ memberId }) => [memberId, [] as string[]]))
  const load = new Map(members.map(({ memberId }) => [memberId, 0]))
  for (const owner of owners.values()) if (load.has(owner)) load.set(owner, load.get(owner)! + 1)
  /** Copies on a member of units of another. */
  const shared = new Map<string, number>()
  for (const unit of units) {
    const owner = owners.get(unit)
    if (owner === undefined) continue
    const host = members.find(({ memberId }) => memberId === owner)?.host
    const rank = (member: StandbyCandidate): readonly number[] => [
      member.host === host ? 1 : 0,
      member.warm.has(unit) ? 0 : 1,
      shared.get(`${owner} ${member.memberId}`) ?? 0,
      load.get(member.memberId)! / member.weight,
    ]
    const others = members.filter(({ memberId }) => memberId !== owner)
    const ranked = others
      .map(member => ({ member, rank: rank(member) }))
      .sort((a, b) => compare(a.rank, b.rank))
    for (const { member } of ranked.slice(0, copies)) {
      const pair = `${owner} ${member.memberId}`
      given.get(member.memberId)!.push(unit)
      shared.set(pair, (shared.get(pair) ?? 0) + 1)
      load.set(member.memberId, load.get(member.memberId)! + 1)
    }
  }
  return given
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((each, i) => each !== b[i])
  return at < 0 ? 0 : a[at]! - b[at]!
}
