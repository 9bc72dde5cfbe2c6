import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { isBroken } from '../../std/broken-rules.ts'
import {
  CommitError,
  type FetchPosition,
  type OutgoingBatch,
  type PositionReset,
  type TopicChange,
  type TopicSpec,
} from '../log.ts'
import { Catalog } from './catalog.ts'
import { GroupWriter } from './group-writer.ts'
import type { LeaseFile } from './lease-file.ts'
import type { Machine } from './machine.ts'
import { PartitionWriter } from './partition-writer.ts'
import { PositionWriter } from './position-rows.ts'
import type { RequestOf } from './protocol.ts'
import { TopicWriter } from './topic-writer.ts'

const apart = isBroken('2.1')
const blind = isBroken('9.4')

export interface WriteStoreOptions {
  readonly db: DatabaseSync
  readonly leases: LeaseFile
  readonly machine: Machine
  /** Wall time of appends. */
  now(): number
}

/**
 * Everything that changes the log, for one write connection: `begin`, any of the changes, `end`.
 *
 * A change that refuses does so before it has written anything, so that others in the same transaction stand.
 */
export class WriteStore {
  readonly db: DatabaseSync
  readonly catalog: Catalog
  readonly topics: TopicWriter
  readonly groups: GroupWriter
  readonly #positions: PositionWriter
  readonly #now: () => number
  readonly #begin: StatementSync
  readonly #commit: StatementSync
  readonly #version: StatementSync
  readonly #partitions = new Map<number, PartitionWriter>()
  #seenVersion = -1
  /** What is remembered of the log may be out of date. */
  #stale = true

  constructor({ db, leases, machine, now }: WriteStoreOptions) {
    this.db = db
    this.catalog = new Catalog(db)
    this.topics = new TopicWriter(db, this.catalog, machine.uniqueId)
    this.groups = new GroupWriter(db, this.catalog, leases, machine)
    this.#positions = new PositionWriter(db)
    this.#now = now
    this.#begin = db.prepare('BEGIN IMMEDIATE')
    this.#commit = db.prepare('COMMIT')
    this.#version = db.prepare('PRAGMA data_version')
    this.catalog.refresh()
  }

  /** Takes the write lock; throws SQLite's busy error when somebody else has it. */
  begin(): void {
    this.#begin.run()
    this.sawForeignWrite()
    if (!this.#stale) return
    this.#stale = false
    this.catalog.refresh()
    for (const partition of this.#partitions.values()) partition.forget()
  }

  /** True when another connection has written since the last time this was asked. */
  sawForeignWrite(): boolean {
    const version = (this.#version.get() as { data_version: number }).data_version
    if (version === this.#seenVersion || blind) return false
    this.#seenVersion = version
    this.#stale = true
    return true
  }

  /** Commits and flushes. */
  end(): void {
    this.#commit.run()
  }

  rollback(): void {
    if (this.db.isTransaction) this.db.exec('ROLLBACK')
    this.catalog.forget()
    this.#stale = true
    this.groups.changed = false
    for (const partition of this.#partitions.values()) partition.forget()
  }

  /** Removes a partition without a topic, whose batches are gone. */
  drop(partitionId: number): void {
    this.#partitions.delete(partitionId)
    this.topics.drop(partitionId)
  }

  partition(partitionId: number): PartitionWriter {
    let partition = this.#partitions.get(partitionId)
    if (partition === undefined) {
      partition = new PartitionWriter(this.db, partitionId)
      this.#partitions.set(partitionId, partition)
    }
    return partition
  }

  append(batches: readonly OutgoingBatch[]): number[] {
    const now = this.#now()
    const targets = batches.map(batch => this.partition(this.catalog.partitionId(batch)))
    return targets.map((partition, i) => partition.append(batches[i]!.bytes, now))
  }

  commit({ identity, batches, positions }: RequestOf<'commit'>): number[] {
    this.groups.requireCurrent(identity, positions)
    const partitionIds = orAbort(() => {
      for (const batch of batches) this.catalog.partitionId(batch)
      return positions.map(position => this.catalog.partitionId(position))
    })
    positions.forEach((position, i) => {
      this.#positions.requirePrevious(identity.group, partitionIds[i]!, position)
    })
    positions.forEach(({ offset, metadata }, i) => {
      this.#positions.put(identity.group, partitionIds[i]!, offset, metadata)
    })
    if (apart) this.#commitPositionsAlone()
    return this.append(batches)
  }

  /** What rule 2.1 forbids: the positions become visible before the output. */
  #commitPositionsAlone(): void {
    this.end()
    this.begin()
  }

  createTopics(specs: readonly TopicSpec[]): void {
    if (this.topics.create(specs)) this.groups.reassignAll()
  }

  alterTopics(changes: readonly TopicChange[]): void {
    if (this.topics.alter(changes)) this.groups.reassignAll()
  }

  deleteTopics(names: readonly string[]): void {
    if (this.topics.delete(names)) this.groups.reassignAll()
  }

  trim(positions: readonly FetchPosition[]): void {
    const targets = positions.map(position => this.partition(this.catalog.partitionId(position)))
    targets.forEach((partition, i) => {
      partition.trim(positions[i]!.offset)
    })
  }

  resetGroup(group: string, positions: readonly PositionReset[]): void {
    const partitionIds = positions.map(position => this.catalog.partitionId(position))
    this.groups.requireIdle(group)
    this.groups.create(group)
    positions.forEach(({ offset, metadata }, i) => {
      this.#positions.put(group, partitionIds[i]!, offset, metadata)
    })
  }

  deleteGroup(group: string): void {
    this.groups.requireIdle(group)
    this.groups.delete(group)
  }
}

function orAbort<T>(look: () => T): T {
  try {
    return look()
  } catch (cause) {
    throw new CommitError('aborted', `Commit refused: ${(cause as Error).message}`, { cause })
  }
}
