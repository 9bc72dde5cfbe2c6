import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { batchByteLength } from '../../record/batch.ts'
import { RecordCursor } from '../../record/cursor.ts'
import { AT, PADDING_BYTES, readInt64 } from '../../record/layout.ts'
import {
  type CommittedPosition,
  type FetchedPartition,
  type FetchPosition,
  type GroupInfo,
  LogError,
  type PartitionOffsets,
  type TopicInfo,
  type TopicPartition,
} from '../log.ts'
import { BatchReader, type BatchRow } from './batch-table.ts'
import { Catalog } from './catalog.ts'
import { openReader } from './database.ts'
import { asLogError } from './errors.ts'
import { FloorReader } from './floor-rows.ts'
import { divideGroup } from './group-division.ts'
import { GroupReader, type MemberRow } from './group-rows.ts'
import { LeaseFile } from './lease-file.ts'
import type { Machine } from './machine.ts'
import { PositionReader } from './position-rows.ts'

interface Partition {
  readonly batches: BatchReader
  /** Bounds as of the version in which they were read. */
  start: number
  next: number
  version: number
}

/** Byte limits of one fetch. */
export interface FetchLimits {
  readonly maxBytes: number
  readonly partitionMaxBytes: number
}

/** Reads the log through a connection of its own; every read is one short transaction. */
export class ReadStore {
  readonly #directory: string
  readonly #db: DatabaseSync
  readonly #catalog: Catalog
  readonly #groups: GroupReader
  readonly #floors: FloorReader
  readonly #positions: PositionReader
  readonly #leases: LeaseFile
  readonly #version: StatementSync
  readonly #start: StatementSync
  readonly #begin: StatementSync
  readonly #end: StatementSync
  readonly #partitions = new Map<number, Partition>()
  #seenVersion = -1
  #rotation = 0

  constructor(directory: string, machine: Machine) {
    this.#directory = directory
    this.#db = openReader(directory)
    this.#catalog = new Catalog(this.#db)
    this.#groups = new GroupReader(this.#db)
    this.#floors = new FloorReader(this.#db)
    this.#positions = new PositionReader(this.#db)
    this.#leases = new LeaseFile(directory, machine, 'read')
    this.#version = this.#db.prepare('PRAGMA data_version')
    this.#start = this.#db.prepare('SELECT start_offset AS value FROM partitions WHERE id = ?1')
    this.#begin = this.#db.prepare('BEGIN')
    this.#end = this.#db.prepare('COMMIT')
  }

  close(): void {
    this.#db.close()
    this.#leases.close()
  }

  topics(): TopicInfo[] {
    return this.#read(() => [...this.#catalog.topics.values()].map(topic => topic.info))
  }

  offsets(topic: string): PartitionOffsets[] {
    return this.#read(() => {
      const { info, partitionIds } = this.#catalog.topic(topic)
      return partitionIds.map((id, number) => {
        const partition = this.#partition(id)
        const [first, last] = [partition.batches.first(), partition.batches.last()]
        const sum =
          first === undefined || last === undefined ? 0 : last.bytesEnd - first.bytesEnd + first.bytes
        const bytes = info.cleanup === 'delete' ? sum : partition.batches.countBytes()
        return { partition: number, earliest: partition.start, latest: partition.next, bytes }
      })
    })
  }

  offsetForTime(place: TopicPartition, timestamp: number): number {
    return this.#read(() => {
      const { batches, start, next } = this.#partition(this.#catalog.partitionId(place))
      // Later batches may be older again, and a peak may have been reached by a batch that is gone.
      const reached = batches.search(row => row.timePeak >= timestamp)
      if (reached === undefined) return next
      const cursor = new RecordCursor()
      for (const row of batches.from(reached.key)) {
        if (row.timeMax < timestamp) continue
        cursor.open(this.#batch(place, row.key, batches.values(row.key, row.key)[0]![1]))
        while (cursor.next())
          if (cursor.timestamp >= timestamp && cursor.offset >= start) return cursor.offset
      }
      return next
    })
  }

  /** What is there now, beginning with another partition each time, so that a small limit starves none. */
  fetch(positions: readonly FetchPosition[], limits: FetchLimits): FetchedPartition[] {
    const rotation = this.#rotation++
    return this.#read(() => {
      const answer: FetchedPartition[] = []
      let room = limits.maxBytes
      for (let i = 0; i < positions.length; i++) {
        const index = (i + rotation) % positions.length
        const allowed = Math.min(limits.partitionMaxBytes, room)
        const found = this.#fetchPartition(
          positions[index]!,
          allowed,
          room === limits.maxBytes ? Infinity : room,
        )
        answer[index] = found
        for (const batch of found.batches) room -= batch.length
      }
      return answer
    })
  }

  #fetchPartition(position: FetchPosition, bytesMax: number, firstBytesMax: number): FetchedPartition {
    const { topic, partition, offset } = position
    const asked = { topic, partition, offset }
    let bounds = { highWatermark: -1, logStartOffset: -1 }
    try {
      const { batches, start, next } = this.#partition(this.#catalog.partitionId(position))
      bounds = { highWatermark: next, logStartOffset: start }
      if (offset < start || offset > next) {
        const message = `${topic}/${partition} holds offsets ${start} to ${next}, not ${offset}`
        throw new LogError('offset-out-of-range', message)
      }
      if (offset === next || firstBytesMax <= 0) return { ...asked, ...bounds, batches: [] }
      return { ...asked, ...bounds, batches: this.#batches(position, batches, bytesMax, firstBytesMax) }
    } catch (error) {
      return { ...asked, ...bounds, batches: [], error: asLogError(error, this.#directory) }
    }
  }

  #batches(
    place: FetchPosition,
    batches: BatchReader,
    bytesMax: number,
    firstBytesMax: number,
  ): Uint8Array[] {
    const range = rowsWithin(batches, place.offset, bytesMax, firstBytesMax)
    if (range === undefined) return []
    return batches.values(range.first, range.last).map(([key, value]) => this.#batch(place, key, value))
  }

  /** Cuts the padding off; the row's key tells a batch that lies in the wrong place. The CRC is the cursor's to check. */
  #batch(place: TopicPartition, key: number, value: Uint8Array): Uint8Array {
    const batch = value.subarray(0, value.length - PADDING_BYTES)
    if (
      batch.length >= AT.records &&
      readInt64(batch, AT.baseOffset) === key &&
      batchByteLengthOf(batch) === batch.length
    )
      return batch
    const message = `The batch at offset ${key} of ${place.topic}/${place.partition} in ${this.#directory} is damaged: restore the log from a copy, or start a new directory`
    throw new LogError('corrupt', message)
  }

  committed(group: string, partitions: readonly TopicPartition[]): CommittedPosition[] {
    return this.#read(() =>
      partitions.flatMap(({ topic, partition }) => {
        const id = this.#catalog.topics.get(topic)?.partitionIds[partition]
        const found = id === undefined ? undefined : this.#positions.find(group, id)
        return found === undefined ? [] : [{ topic, partition, ...found }]
      }),
    )
  }

  groupNames(): string[] {
    return this.#read(() => this.#groups.names())
  }

  /** The group without members whose lease is over. */
  group(group: string): GroupInfo | undefined {
    return this.#read(() => {
      const generation = this.#groups.generation(group)
      if (generation === undefined) return undefined
      const living = this.#groups.members(group).filter(member => !this.#leases.isExpired(member))
      const members = living.map(
        ({ memberId, instance, host, pid, owned: assignment, userData, layouts }) => {
          return { memberId, instanceId: instance ?? undefined, host, pid, assignment, userData, layouts }
        },
      )
      const { barred } = divideGroup(living, this.#floors.read(group), this.#catalog)
      return { group, generation, members, barred, positions: this.#positions.all(group, this.#catalog) }
    })
  }

  /** Partitions that none of a group's members may have. */
  barred(group: string): readonly TopicPartition[] {
    return this.#read(
      () => divideGroup(this.#groups.members(group), this.#floors.read(group), this.#catalog).barred,
    )
  }

  /** A member beside its group's generation, or undefined when it is out. */
  member(group: string, memberId: string): { member: MemberRow; groupGeneration: number } | undefined {
    return this.#read(() => {
      const member = this.#groups.member(group, memberId)
      return member === undefined ? undefined : { member, groupGeneration: this.#groups.generation(group)! }
    })
  }

  #partition(partitionId: number): Partition {
    let partition = this.#partitions.get(partitionId)
    if (partition === undefined) {
      partition = { batches: new BatchReader(this.#db, partitionId), start: 0, next: 0, version: -1 }
      this.#partitions.set(partitionId, partition)
    }
    if (partition.version !== this.#seenVersion) {
      partition.start = (this.#start.get(partitionId) as { value: number }).value
      const last = partition.batches.last()
      partition.next = last === undefined ? partition.start : last.key + last.lastDelta + 1
      partition.version = this.#seenVersion
    }
    return partition
  }

  #read<T>(look: () => T): T {
    try {
      this.#begin.run()
      const { data_version: version } = this.#version.get() as { data_version: number }
      if (version !== this.#seenVersion) {
        this.#catalog.refresh()
        this.#seenVersion = version
      }
      return look()
    } catch (error) {
      throw asLogError(error, this.#directory)
    } finally {
      if (this.#db.isTransaction) this.#end.run()
    }
  }
}

/** The rows from the one that holds `offset` on, as many as fit; the first is taken if it has at most `firstBytesMax`. */
function rowsWithin(
  batches: BatchReader,
  offset: number,
  bytesMax: number,
  firstBytesMax: number,
): { first: number; last: number } | undefined {
  const first = batches.holding(offset)
  const last = batches.last()
  if (first === undefined || last === undefined || first.bytes > firstBytesMax) return undefined
  const isTooFar = (row: BatchRow) => row.bytesEnd - first.bytesEnd + first.bytes > bytesMax
  if (!isTooFar(last)) return { first: first.key, last: last.key }
  return {
    first: first.key,
    last: isTooFar(first) ? first.key : batches.between(first, last, isTooFar).before.key,
  }
}

function batchByteLengthOf(batch: Uint8Array): number {
  try {
    return batchByteLength(batch)
  } catch {
    return -1
  }
}
