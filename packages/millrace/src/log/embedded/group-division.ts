import { unitsOf } from '../assignor.ts'
import { type Division, divide } from '../divide.ts'
import type { Floors } from '../layouts.ts'
import type { Catalog } from './catalog.ts'
import { type MemberRow, placeName } from './group-rows.ts'

/** What each member of a group shall have. */
export function divideGroup(members: readonly MemberRow[], floors: Floors, { topics }: Catalog): Division {
  const units = unitsOf(
    members.flatMap(member => member.topicSets),
    topic => topics.get(topic)?.info.partitions ?? 0,
  )
  const candidates = members.map(member => {
    const names = new Set(member.owned.map(placeName))
    const previous = units.filter(unit => unit.partitions.some(place => names.has(placeName(place))))
    return { ...member, previous: previous.map(unit => unit.id) }
  })
  return divide(units, candidates, floors)
}
