import { type Unit, unitsOf } from '../assignor.ts'
import { divide, type GroupCandidate } from '../divide.ts'
import { type Floors, highest, raised } from '../layouts.ts'
import type { TopicPartition } from '../log.ts'
import { placeStandbys } from '../standbys.ts'
import { type Assignment, decodeSubscription, type Subscription } from './group-protocol.ts'
import { partitionKey } from './partition-key.ts'

export interface GroupMemberOffer {
  readonly memberId: string
  readonly instanceId?: string
  readonly subscription: Subscription
}

/** Who has joined, as the coordinator tells the leader. */
export type JoinedMembers =
  | readonly { memberId: string; groupInstanceId?: string | null; metadata?: Buffer | null }[]
  | null

export function offersOf(members: JoinedMembers): GroupMemberOffer[] {
  return (members ?? []).map(({ memberId, groupInstanceId, metadata }) => ({
    memberId,
    ...(groupInstanceId != null && { instanceId: groupInstanceId }),
    subscription: decodeSubscription(metadata!),
  }))
}

export interface AssignInput {
  readonly generation: number
  readonly members: readonly GroupMemberOffer[]
  readonly partitionsOf: (topic: string) => number
  /** Units that a restarted process had, by its instance id: it does not know them any more. */
  readonly formerUnits: ReadonlyMap<string, readonly string[]>
  /** Transactional ids of the generation before. */
  readonly formerIds: readonly string[]
  /** Of members that vanished before. */
  readonly formerVanishedIds: readonly string[]
}

export interface AssignOutput {
  readonly assignments: ReadonlyMap<string, Assignment>
  /** For the next `formerUnits`. */
  readonly unitsOfInstances: ReadonlyMap<string, readonly string[]>
}

/**
 * The leader's division: sticky and by weight. What another member still has is given to nobody in this generation; its owner
 * sees that it goes, gives it up and joins again.
 */
export function assign(input: AssignInput): AssignOutput {
  const { members, generation, partitionsOf, formerUnits } = input
  const units = unitsOf(
    members.flatMap(({ subscription }) => subscription.topicSets),
    partitionsOf,
  )
  const owners = ownersOf(members)
  const floors = floorsOf(members, owners)
  const division = divide(
    units,
    members.map(member => candidate(member, units, owners, formerUnits)),
    floors,
  )
  const targets = new Map([...division.targets].map(([member, given]) => [member, given.map(({ id }) => id)]))
  const byId = new Map(units.map(unit => [unit.id, unit]))
  const transactionalIds = members.flatMap(({ subscription }) => subscription.transactionalIds)
  const vanishedIds = vanished(input, transactionalIds, units, owners)
  const copies = copiesOf(input, units, targets)
  const given = new Map<string, readonly TopicPartition[]>()
  let isInterim = false
  for (const { memberId } of members) {
    const isFree = (partition: TopicPartition) =>
      (owners.get(partitionKey(partition)) ?? memberId) === memberId
    const target = targets.get(memberId)!.flatMap(id => byId.get(id)!.partitions)
    given.set(memberId, target.filter(isFree))
    isInterim ||= !target.every(isFree)
  }
  const common = {
    generation,
    transactionalIds,
    vanishedIds,
    floors: members.reduce(
      (before, { memberId, subscription }) => raised(before, given.get(memberId)!, subscription.layouts),
      floors,
    ),
    barred: division.barred,
  }
  const assignments = new Map<string, Assignment>()
  const unitsOfInstances = new Map<string, readonly string[]>()
  for (const { memberId, instanceId } of members) {
    const standbys = (copies.get(memberId) ?? []).flatMap(id => byId.get(id)!.partitions)
    const partitions = given.get(memberId)!
    assignments.set(memberId, { ...common, partitions, standbys, ...(isInterim && { interimOf: memberId }) })
    if (instanceId !== undefined) unitsOfInstances.set(instanceId, targets.get(memberId)!)
  }
  return { assignments, unitsOfInstances }
}

/** What the members know of it, and what they have now. */
function floorsOf(members: readonly GroupMemberOffer[], owners: ReadonlyMap<string, string>): Floors {
  const known = highest(members.map(({ subscription }) => subscription.floors))
  return members.reduce((floors, { memberId, subscription }) => {
    const has = (place: TopicPartition) => owners.get(partitionKey(place)) === memberId
    return raised(floors, subscription.owned.filter(has), subscription.layouts)
  }, known)
}

/** They are named until every partition has an owner again: each of them ends their transactions before it restores. */
function vanished(
  { formerIds, formerVanishedIds }: AssignInput,
  presentIds: readonly string[],
  units: readonly Unit[],
  owners: ReadonlyMap<string, string>,
): string[] {
  const isTakenOver = units.every(unit => unit.partitions.every(each => owners.has(partitionKey(each))))
  const gone = new Set(isTakenOver ? formerIds : [...formerVanishedIds, ...formerIds])
  return [...gone].filter(id => !presentIds.includes(id))
}

/** Copies of state, as many as the member asks for that wants most; on members that keep any. */
function copiesOf(
  { members }: AssignInput,
  units: readonly Unit[],
  targets: ReadonlyMap<string, readonly string[]>,
): Map<string, string[]> {
  const offers = members.flatMap(({ subscription }) => subscription.standbys ?? [])
  const topics = new Set(offers.flatMap(offer => offer.topics))
  const withState = units.filter(unit => unit.partitions.some(({ topic }) => topics.has(topic)))
  const owners = new Map([...targets].flatMap(([memberId, ids]) => ids.map(id => [id, memberId] as const)))
  const candidates = members
    .filter(({ subscription }) => subscription.standbys !== undefined)
    .map(member => ({
      memberId: member.memberId,
      host: member.subscription.host,
      weight: member.subscription.weight,
      warm: new Set(warmUnits(member, units)),
    }))
  const copies = Math.max(0, ...offers.map(offer => offer.copies))
  return placeStandbys(
    withState.map(({ id }) => id),
    copies,
    owners,
    candidates,
  )
}

function warmUnits({ subscription }: GroupMemberOffer, units: readonly Unit[]): string[] {
  const warm = new Set(subscription.standbys?.warm.map(partitionKey))
  return units.filter(unit => unit.partitions.some(each => warm.has(partitionKey(each)))).map(({ id }) => id)
}

/** Who has each partition. Of two that claim it the one of the newer generation has it: the other has missed one. */
function ownersOf(members: readonly GroupMemberOffer[]): Map<string, string> {
  const owners = new Map<string, string>()
  const since = new Map<string, number>()
  for (const { memberId, subscription } of members) {
    for (const partition of subscription.owned) {
      const key = partitionKey(partition)
      if ((since.get(key) ?? -2) >= subscription.generation) continue
      owners.set(key, memberId)
      since.set(key, subscription.generation)
    }
  }
  return owners
}

function candidate(
  offer: GroupMemberOffer,
  units: readonly Unit[],
  owners: ReadonlyMap<string, string>,
  formerUnits: ReadonlyMap<string, readonly string[]>,
): GroupCandidate {
  const { memberId, instanceId, subscription } = offer
  const warm = warmUnits(offer, units)
  const held = units
    .filter(unit => unit.partitions.some(partition => owners.get(partitionKey(partition)) === memberId))
    .map(unit => unit.id)
  const former = instanceId === undefined ? [] : (formerUnits.get(instanceId) ?? [])
  const { weight, topicSets, layouts } = subscription
  return { memberId, weight, topicSets, layouts, previous: held.length > 0 ? held : former, warm }
}
