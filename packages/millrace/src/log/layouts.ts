/**
 * Which members may have a partition (SEMANTICS 8.2): those that know its topic, with a layout that is not older than one
 * under which it may have been written.
 */
import { isBroken } from '../std/broken-rules.ts'
import type { Unit } from './assignor.ts'
import type { TopicPartition, TopicVersions } from './log.ts'

const ignoresFloors = isBroken('8.2')

/** By partition, the newest version of a member that has had it; absent where nobody with a version has. */
export type Floors = ReadonlyMap<string, number>

/** What a member says about itself. */
export interface Offer {
  readonly topicSets: readonly (readonly string[])[]
  /** Undefined for members that know nothing of layouts. */
  readonly layouts?: TopicVersions | undefined
}

/** One text per partition, to look it up by. */
export function partitionName({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}

/**
 * Positions in `offers` of those who may have the unit. During a change of the topics some may know only a part of a unit;
 * then it goes to those who know most of it, so that as little as can be waits.
 */
export function eligibleFor(unit: Unit, offers: readonly Offer[], floors: Floors): number[] {
  const known = offers.map(offer => (mayHave(unit, offer, floors) ? knownTopics(unit, offer) : 0))
  const most = Math.max(...known)
  return most === 0 ? [] : known.flatMap((count, i) => (count === most ? [i] : []))
}

function mayHave(unit: Unit, { layouts }: Offer, floors: Floors): boolean {
  if (ignoresFloors) return true
  return unit.partitions.every(place => {
    const version = layouts?.[place.topic]
    const floor = floors.get(partitionName(place)) ?? 0
    // Who names a topic at 0 is older than what was written before anybody here had it.
    return version === undefined ? floor === 0 : version >= Math.max(1, floor)
  })
}

function knownTopics({ partitions }: Unit, { topicSets }: Offer): number {
  return partitions.filter(({ topic }) => topicSets.some(set => set.includes(topic))).length
}

/** The floors after a member with these layouts has had the partitions: none is ever lowered. */
export function raised(
  floors: Floors,
  partitions: readonly TopicPartition[],
  layouts: TopicVersions | undefined,
): Floors {
  const higher = new Map(floors)
  for (const place of partitions) {
    const version = layouts?.[place.topic] ?? 0
    if (version > (higher.get(partitionName(place)) ?? 0)) higher.set(partitionName(place), version)
  }
  return higher
}

/** The higher of each. */
export function highest(all: Iterable<Floors>): Floors {
  const merged = new Map<string, number>()
  for (const floors of all)
    for (const [name, version] of floors) merged.set(name, Math.max(version, merged.get(name) ?? 0))
  return merged
}
