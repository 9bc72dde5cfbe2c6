/**
 * What members tell each other: Kafka's consumer protocol, which its tools can read, with our own part in the user data as JSON.
 * Versions of Millrace meet in one group during a rolling restart: what is added to that part is left out where there is nothing to
 * say, has a meaning when it is absent, and is passed over by those who do not know it.
 */
import type { Floors } from '../layouts.ts'
import type { TopicPartition, TopicVersions } from '../log.ts'
import { type FloorsByTopic, flatFloors, groupedFloors } from './floors.ts'
import { byTopic } from './positions.ts'

/** The consumer protocol's; tools show such groups. */
export const PROTOCOL_TYPE = 'consumer'
/** Of the assignor. A new kind of assignment gets a new name and is offered beside this one. */
export const PROTOCOL_NAME = 'millrace'

/** What a member offers when it joins. */
export interface Subscription {
  readonly topicSets: readonly (readonly string[])[]
  readonly weight: number
  readonly userData?: Uint8Array
  readonly host: string
  readonly pid: number
  /** Under which its workers' transactions run, so that others can end them when it has vanished. */
  readonly transactionalIds: readonly string[]
  /** What it has, and since which generation it is sure of that (-1: nothing). */
  readonly owned: readonly TopicPartition[]
  readonly generation: number
  /** Undefined for a member that keeps none, as those do that know nothing of them. */
  readonly standbys?: StandbyOffer | undefined
  /** Undefined for a member that knows nothing of layouts. */
  readonly layouts?: TopicVersions | undefined
  /** What it knows of who has had what: the leader may be new, and knows only what it is told. */
  readonly floors: Floors
}

export interface StandbyOffer {
  readonly copies: number
  /** Topics whose partitions have state. */
  readonly topics: readonly string[]
  /** Partitions whose copies it has. */
  readonly warm: readonly TopicPartition[]
}

/** What the leader gives a member. */
export interface Assignment {
  readonly partitions: readonly TopicPartition[]
  readonly generation: number
  /** Of all members now. */
  readonly transactionalIds: readonly string[]
  /** Of members that were there before and are not any more. */
  readonly vanishedIds: readonly string[]
  /** Partitions of others whose state it keeps a copy of. */
  readonly standbys: readonly TopicPartition[]
  /** Of all partitions, those of this generation's owners included. */
  readonly floors: Floors
  /** Partitions that no member may have. */
  readonly barred: readonly TopicPartition[]
  /** Present where partitions wait for members to give them up, so that another generation has to follow: the member it was made for. */
  readonly interimOf?: string | undefined
}

type PartitionsByTopic = readonly (readonly [topic: string, partitions: readonly number[]])[]

interface SubscriptionData {
  readonly sets: readonly (readonly string[])[]
  readonly weight: number
  readonly data?: string
  readonly host: string
  readonly pid: number
  readonly txns: readonly string[]
  readonly generation: number
  readonly standbys?: {
    readonly copies: number
    readonly topics: readonly string[]
    readonly warm: PartitionsByTopic
  }
  readonly layouts?: TopicVersions
  readonly floors?: FloorsByTopic
}

interface AssignmentData {
  readonly generation: number
  readonly txns: readonly string[]
  readonly gone: readonly string[]
  readonly standbys?: PartitionsByTopic
  readonly floors?: FloorsByTopic
  readonly barred?: PartitionsByTopic
  readonly interimOf?: string | undefined
}

const SUBSCRIPTION_VERSION = 1
const ASSIGNMENT_VERSION = 0

export function encodeSubscription(subscription: Subscription): Buffer {
  const { topicSets, weight, userData, host, pid, transactionalIds, owned, generation } = subscription
  const { standbys, layouts, floors } = subscription
  const data: SubscriptionData = {
    sets: topicSets,
    weight,
    ...(userData && { data: Buffer.from(userData).toString('base64') }),
    host,
    pid,
    txns: transactionalIds,
    generation,
    ...(standbys && { standbys: { ...standbys, warm: grouped(standbys.warm) } }),
    ...(layouts && { layouts }),
    ...(floors.size > 0 && { floors: groupedFloors(floors) }),
  }
  const topics = [...new Set(topicSets.flat())]
  return Buffer.concat([
    int16(SUBSCRIPTION_VERSION),
    int32(topics.length),
    ...topics.map(text),
    bytes(Buffer.from(JSON.stringify(data))),
    partitionsBytes(owned),
  ])
}

export function decodeSubscription(encoded: Buffer): Subscription {
  const reader = new PlainReader(encoded)
  reader.int16()
  for (let topics = reader.int32(); topics > 0; topics--) reader.text()
  const data = JSON.parse(reader.bytes().toString()) as SubscriptionData
  return {
    topicSets: data.sets,
    weight: data.weight,
    ...(data.data !== undefined && { userData: new Uint8Array(Buffer.from(data.data, 'base64')) }),
    host: data.host,
    pid: data.pid,
    transactionalIds: data.txns,
    owned: reader.partitions(),
    generation: data.generation,
    ...(data.standbys && { standbys: { ...data.standbys, warm: flat(data.standbys.warm) } }),
    ...(data.layouts && { layouts: data.layouts }),
    floors: flatFloors(data.floors),
  }
}

export function encodeAssignment(assignment: Assignment): Buffer {
  const { generation, transactionalIds, vanishedIds, partitions, standbys, floors, barred, interimOf } =
    assignment
  const data: AssignmentData = {
    generation,
    txns: transactionalIds,
    gone: vanishedIds,
    ...(standbys.length > 0 && { standbys: grouped(standbys) }),
    ...(floors.size > 0 && { floors: groupedFloors(floors) }),
    ...(barred.length > 0 && { barred: grouped(barred) }),
    interimOf,
  }
  return Buffer.concat([
    int16(ASSIGNMENT_VERSION),
    partitionsBytes(partitions),
    bytes(Buffer.from(JSON.stringify(data))),
  ])
}

/** An empty one is what a member gets that the leader did not know. */
export function decodeAssignment(encoded: Buffer): Assignment {
  if (encoded.length === 0) return noAssignment
  const reader = new PlainReader(encoded)
  reader.int16()
  const partitions = reader.partitions()
  const data = JSON.parse(reader.bytes().toString()) as AssignmentData
  return {
    partitions,
    generation: data.generation,
    transactionalIds: data.txns,
    vanishedIds: data.gone,
    standbys: flat(data.standbys ?? []),
    floors: flatFloors(data.floors),
    barred: flat(data.barred ?? []),
    ...(data.interimOf !== undefined && { interimOf: data.interimOf }),
  }
}

const noAssignment: Assignment = {
  partitions: [],
  generation: -1,
  transactionalIds: [],
  vanishedIds: [],
  standbys: [],
  floors: new Map(),
  barred: [],
}

function grouped(partitions: readonly TopicPartition[]): PartitionsByTopic {
  return byTopic(partitions, each => each.partition)
}

function flat(partitions: PartitionsByTopic): TopicPartition[] {
  return partitions.flatMap(([topic, numbers]) => numbers.map(partition => ({ topic, partition })))
}

function partitionsBytes(partitions: readonly TopicPartition[]): Buffer {
  const topics = byTopic(partitions, each => each.partition)
  const parts = topics.flatMap(([topic, numbers]) => [
    text(topic),
    int32(numbers.length),
    ...numbers.map(int32),
  ])
  return Buffer.concat([int32(topics.length), ...parts])
}

function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2)
  buffer.writeInt16BE(value)
  return buffer
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}

function text(value: string): Buffer {
  return Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)])
}

function bytes(value: Buffer): Buffer {
  return Buffer.concat([int32(value.length), value])
}

class PlainReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int16(): number {
    this.#at += 2
    return this.#bytes.readInt16BE(this.#at - 2)
  }

  int32(): number {
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }

  text(): string {
    return this.#take(this.int16()).toString()
  }

  bytes(): Buffer {
    return this.#take(Math.max(0, this.int32()))
  }

  partitions(): TopicPartition[] {
    const partitions: TopicPartition[] = []
    for (let topics = this.int32(); topics > 0; topics--) {
      const topic = this.text()
      for (let count = this.int32(); count > 0; count--) partitions.push({ topic, partition: this.int32() })
    }
    return partitions
  }

  #take(length: number): Buffer {
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}
