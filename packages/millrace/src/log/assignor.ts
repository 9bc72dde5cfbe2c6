/**
 * Who gets what in a group: the pure part.
 *
 * What moves is a unit: partition p of every topic of one co-partitioned set.
 */
import type { TopicPartition } from './log.ts'

/** One thing that goes to exactly one member. */
export interface Unit {
  readonly id: string
  readonly partitions: readonly TopicPartition[]
}

/** A member as the assignor sees it. */
export interface Candidate {
  readonly memberId: string
  /** Share of the units relative to the others'; at least 1. */
  readonly weight: number
  /** Ids of the units it has now, or had before its process was restarted. */
  readonly previous: Iterable<string>
  /** Ids of units whose state it has a copy of: of those that nobody has, it gets these before others. */
  readonly warm?: Iterable<string>
}

/**
 * Gives every unit to exactly one member. Each gets its weight's share, rounded down or up; among those
 * divisions it is one that moves the fewest units. The same input gives the same answer.
 */
export function assignUnits(
  units: readonly string[],
  candidates: readonly Candidate[],
): Map<string, string[]> {
  const members = [...candidates].sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
  const claimed = claims(units, members)
  const quotas = shares(
    units.length,
    members.map((member, i) => ({ weight: member.weight, held: claimed[i]!.length })),
  )
  const warm = members.map(member => new Set(member.warm ?? []))
  const hasRoom = (i: number) => claimed[i]!.length < quotas[i]!
  /** Of what a member has too much of, that goes first which finds its state where it goes. */
  const isWanted = (unit: string) => (warm.some((each, i) => hasRoom(i) && each.has(unit)) ? 1 : 0)
  const given = claimed.map((held, i) =>
    held.length <= quotas[i]!
      ? [...held]
      : [...held].sort((a, b) => isWanted(a) - isWanted(b)).slice(0, quotas[i]),
  )
  const taken = new Set(given.flat())
  const free = units.filter(unit => !taken.has(unit) && members.length > 0)
  const cold = free.filter(unit => {
    const i = members.findIndex((_, at) => warm[at]!.has(unit) && given[at]!.length < quotas[at]!)
    if (i >= 0) given[i]!.push(unit)
    return i < 0
  })
  for (const unit of cold) given[hungriest(given, members, quotas)]!.push(unit)
  return new Map(members.map((member, i) => [member.memberId, given[i]!]))
}

/** The units each member has now, in the order of `units`; one that two members name stays with the first. */
function claims(units: readonly string[], members: readonly Candidate[]): string[][] {
  const owner = new Map<string, number>()
  members.forEach((member, i) => {
    for (const unit of member.previous) if (!owner.has(unit)) owner.set(unit, i)
  })
  const claimed: string[][] = members.map(() => [])
  for (const unit of units) {
    const i = owner.get(unit)
    if (i !== undefined) claimed[i]!.push(unit)
  }
  return claimed
}

/** How many units each member gets. The units left over by rounding down go where they are already. */
function shares(count: number, members: readonly { weight: number; held: number }[]): number[] {
  const totalWeight = members.reduce((sum, member) => sum + member.weight, 0)
  const quotas = members.map(({ weight }) => Math.floor((count * weight) / totalWeight))
  let left = count - quotas.reduce((sum, quota) => sum + quota, 0)
  const order = members
    .map(({ weight, held }, i) => ({
      i,
      fraction: (count * weight) % totalWeight,
      saves: held > quotas[i]! ? 1 : 0,
    }))
    .filter(({ fraction }) => fraction > 0)
    .sort((a, b) => b.saves - a.saves || b.fraction - a.fraction || a.i - b.i)
  for (const { i } of order) {
    if (left === 0) break
    quotas[i]!++
    left--
  }
  return quotas
}

/** The member below its quota that has least for its weight: units of one set spread over all members. */
function hungriest(
  given: readonly (readonly string[])[],
  members: readonly Candidate[],
  quotas: readonly number[],
): number {
  let best = -1
  for (let i = 0; i < members.length; i++) {
    if (given[i]!.length >= quotas[i]!) continue
    if (best < 0 || given[i]!.length / members[i]!.weight < given[best]!.length / members[best]!.weight)
      best = i
  }
  return best
}

/**
 * The units of a group whose members listed these sets of topics. Sets that share a topic count as one, so
 * that no partition has two owners. A topic that does not exist (`partitionsOf` gives 0) has no part in it.
 */
export function unitsOf(sets: Iterable<readonly string[]>, partitionsOf: (topic: string) => number): Unit[] {
  const units: Unit[] = []
  for (const topics of mergeSets(sets)) {
    const count = Math.max(0, ...topics.map(partitionsOf))
    for (let partition = 0; partition < count; partition++) {
      const having = topics.filter(topic => partition < partitionsOf(topic))
      units.push({
        id: `${topics.join('+')}/${partition}`,
        partitions: having.map(topic => ({ topic, partition })),
      })
    }
  }
  return units
}

function mergeSets(sets: Iterable<readonly string[]>): string[][] {
  let merged: Set<string>[] = []
  for (const set of sets) {
    const union = new Set(set)
    const apart: Set<string>[] = []
    for (const other of merged) {
      if (![...other].some(topic => union.has(topic))) apart.push(other)
      else for (const topic of other) union.add(topic)
    }
    merged = [...apart, union]
  }
  return merged.map(set => [...set].sort()).sort((a, b) => (a.join() < b.join() ? -1 : 1))
}
