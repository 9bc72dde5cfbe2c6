import type { Candidate } from './assignor.ts'

/**
 * The division where not everyone may have everything: each unit goes to one of those that `eligible` names by position, or to nobody
 * where there are none. No unit could move, directly or in a chain, from a member to one with less for its weight. What members have
 * stays, as far as that allows; dividing again what this gave moves nothing. The same input gives the same answer.
 */
export function assignAmong(
  units: readonly string[],
  candidates: readonly Candidate[],
  eligible: (unit: string) => readonly number[],
): Map<string, string[]> {
  const division = new PartialDivision(units, candidates, eligible)
  division.keep()
  division.giveFree()
  while (division.improve());
  return division.result()
}

/** The way of a unit to a member: from whom, and which. */
interface Step {
  readonly from: number
  readonly unit: string
}

class PartialDivision {
  readonly #units: readonly string[]
  readonly #candidates: readonly Candidate[]
  /** Positions of candidates in the order of their ids: what is equal otherwise is decided by it. */
  readonly #order: readonly number[]
  readonly #eligible: (unit: string) => readonly number[]
  readonly #previous: readonly ReadonlySet<string>[]
  readonly #warm: readonly ReadonlySet<string>[]
  readonly #owner = new Map<string, number>()
  readonly #loads: number[]

  constructor(
    units: readonly string[],
    candidates: readonly Candidate[],
    eligible: (unit: string) => readonly number[],
  ) {
    this.#units = units
    this.#candidates = candidates
    this.#eligible = eligible
    this.#order = candidates
      .map((_, i) => i)
      .sort((a, b) => (candidates[a]!.memberId < candidates[b]!.memberId ? -1 : 1))
    this.#previous = candidates.map(({ previous }) => new Set(previous))
    this.#warm = candidates.map(({ warm }) => new Set(warm ?? []))
    this.#loads = candidates.map(() => 0)
  }

  keep(): void {
    for (const unit of this.#units) {
      const member = this.#membersFor(unit).find(i => this.#previous[i]!.has(unit))
      if (member !== undefined) this.#give(unit, member)
    }
  }

  /** Those first that have the least choice. */
  giveFree(): void {
    const free = this.#units.filter(unit => !this.#owner.has(unit))
    const choice = new Map(free.map(unit => [unit, this.#eligible(unit).length]))
    for (const unit of free.sort((a, b) => choice.get(a)! - choice.get(b)!)) {
      const members = this.#membersFor(unit)
      const [lightest] = members.sort((a, b) => this.#compareNext(a, b))
      if (lightest === undefined) continue
      // Whoever has a copy of the state is worth as much as being the lightest, if it is not heavier by more than this unit.
      const warm = members.find(i => this.#warm[i]!.has(unit) && !this.#isHeavier(i, lightest))
      this.#give(unit, warm ?? lightest)
    }
  }

  /** Moves one unit from a member to a lighter one, through others if need be; false when nothing can be gained. */
  improve(): boolean {
    const heaviestFirst = [...this.#order].sort((a, b) => this.#compare(b, a))
    return heaviestFirst.some(source => this.#relieve(source))
  }

  #relieve(source: number): boolean {
    const steps = new Map<number, Step>()
    const reached = [source]
    for (const member of reached) {
      for (const unit of this.#movable(member)) {
        for (const next of this.#membersFor(unit)) {
          if (next === source || steps.has(next)) continue
          steps.set(next, { from: member, unit })
          reached.push(next)
        }
      }
    }
    const lighter = reached.slice(1).filter(member => this.#isHeavier(source, member))
    const [target] = lighter.sort((a, b) => this.#compareNext(a, b))
    if (target === undefined) return false
    for (let member = target; member !== source; ) {
      const { from, unit } = steps.get(member)!
      this.#loads[from]!--
      this.#give(unit, member)
      member = from
    }
    return true
  }

  /** What a member has, first what it did not have before. */
  #movable(member: number): string[] {
    const held = this.#units.filter(unit => this.#owner.get(unit) === member)
    const isNew = (unit: string) => !this.#previous[member]!.has(unit)
    return [...held.filter(isNew), ...held.filter(unit => !isNew(unit))]
  }

  #membersFor(unit: string): number[] {
    const eligible = new Set(this.#eligible(unit))
    return this.#order.filter(i => eligible.has(i))
  }

  #give(unit: string, member: number): void {
    this.#owner.set(unit, member)
    this.#loads[member]!++
  }

  /** By what each has for its weight. */
  #compare(a: number, b: number): number {
    return this.#loads[a]! * this.#weight(b) - this.#loads[b]! * this.#weight(a)
  }

  /** By what each would have with one more. */
  #compareNext(a: number, b: number): number {
    return (this.#loads[a]! + 1) * this.#weight(b) - (this.#loads[b]! + 1) * this.#weight(a)
  }

  /** Whether `a` has more for its weight than `b` would have with one more. */
  #isHeavier(a: number, b: number): boolean {
    return this.#loads[a]! * this.#weight(b) > (this.#loads[b]! + 1) * this.#weight(a)
  }

  #weight(member: number): number {
    return this.#candidates[member]!.weight
  }

  result(): Map<string, string[]> {
    return new Map(
      this.#order.map(i => [
        this.#candidates[i]!.memberId,
        this.#units.filter(unit => this.#owner.get(unit) === i),
      ]),
    )
  }
}
