import { assignAmong } from './assign-among.ts'
import { assignUnits, type Candidate, type Unit } from './assignor.ts'
import { eligibleFor, type Floors, type Offer } from './layouts.ts'
import type { TopicPartition } from './log.ts'

/** A member as its group sees it. */
export interface GroupCandidate extends Candidate, Offer {}

export interface Division {
  /** What each member shall have. */
  readonly targets: ReadonlyMap<string, readonly Unit[]>
  /** Partitions that no member may have. */
  readonly barred: readonly TopicPartition[]
}

/**
 * Divides the units among the members that may have them: in balance, as far as that allows, and moving few. A unit that any
 * member may have has an owner.
 */
export function divide(
  units: readonly Unit[],
  candidates: readonly GroupCandidate[],
  floors: Floors,
): Division {
  const eligible = new Map(units.map(unit => [unit.id, eligibleFor(unit, candidates, floors)]))
  const ids = [...eligible.keys()]
  const isFree = [...eligible.values()].every(({ length }) => length === candidates.length)
  const assigned = isFree
    ? assignUnits(ids, candidates)
    : assignAmong(ids, candidates, unit => eligible.get(unit)!)
  const byId = new Map(units.map(unit => [unit.id, unit]))
  return {
    targets: new Map([...assigned].map(([member, given]) => [member, given.map(id => byId.get(id)!)])),
    barred: units.filter(({ id }) => eligible.get(id)!.length === 0).flatMap(unit => unit.partitions),
  }
}
