import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { LogError, type TopicChange, type TopicSpec } from '../log.ts'
import { alteredTopic, topicFrom } from '../topic-defaults.ts'
import type { Catalog } from './catalog.ts'
import { batchTable, createBatchTable } from './layout.ts'

/** Creates and deletes topics inside write transactions. */
export class TopicWriter {
  readonly #db: DatabaseSync
  readonly #catalog: Catalog
  readonly #uniqueId: () => string
  readonly #bump: StatementSync
  readonly #nextPartition: StatementSync
  readonly #addTopic: StatementSync
  readonly #alterTopic: StatementSync
  readonly #addPartition: StatementSync
  readonly #removeTopic: StatementSync
  readonly #orphan: StatementSync
  readonly #orphans: StatementSync
  readonly #removePositions: StatementSync
  readonly #removePartition: StatementSync

  constructor(db: DatabaseSync, catalog: Catalog, uniqueId: () => string) {
    this.#db = db
    this.#catalog = catalog
    this.#uniqueId = uniqueId
    this.#bump = db.prepare(`UPDATE counters SET value = value + 1 WHERE name = 'topics'`)
    this.#nextPartition = db.prepare(
      `UPDATE counters SET value = value + 1 WHERE name = 'partition' RETURNING value`,
    )
    this.#addTopic = db.prepare(
      `INSERT INTO topics (uid, name, partitions, cleanup, retention_ms, retention_bytes, internal)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id`,
    )
    this.#alterTopic = db.prepare(
      'UPDATE topics SET partitions = ?2, cleanup = ?3, retention_ms = ?4, retention_bytes = ?5 WHERE id = ?1',
    )
    this.#addPartition = db.prepare('INSERT INTO partitions (id, topic, number) VALUES (?1, ?2, ?3)')
    this.#removeTopic = db.prepare('DELETE FROM topics WHERE id = ?1')
    this.#orphan = db.prepare('UPDATE partitions SET topic = 0 WHERE id = ?1')
    this.#orphans = db.prepare('SELECT id FROM partitions WHERE topic = 0')
    this.#removePositions = db.prepare('DELETE FROM positions WHERE partition = ?1')
    this.#removePartition = db.prepare('DELETE FROM partitions WHERE id = ?1')
  }

  /** Makes those of the topics that do not exist; true when there were any. Throws `LogError` before it changes anything. */
  create(specs: readonly TopicSpec[]): boolean {
    const wanted = specs.map(spec => topicFrom(spec, this.#uniqueId()))
    const added = new Map<string, (typeof wanted)[number]>()
    for (const info of wanted) {
      const existing = this.#catalog.topics.get(info.name)?.info ?? added.get(info.name)
      if (existing === undefined) added.set(info.name, info)
      else if (existing.partitions !== info.partitions) {
        throw new LogError(
          'topic-mismatch',
          `Topic ${info.name} has ${existing.partitions} partitions, not ${info.partitions}`,
        )
      }
    }
    for (const info of added.values()) {
      const { id, name, partitions, cleanup, retentionMs, retentionBytes, internal } = info
      const row = this.#addTopic.get(
        id,
        name,
        partitions,
        cleanup,
        retentionMs,
        retentionBytes,
        internal ? 1 : 0,
      )
      this.#addPartitions((row as { id: number }).id, 0, partitions)
    }
    if (added.size > 0) this.#changed()
    return added.size > 0
  }

  #addPartitions(topicId: number, from: number, end: number): void {
    for (let number = from; number < end; number++) {
      const partitionId = (this.#nextPartition.get() as { value: number }).value
      this.#db.exec(createBatchTable(partitionId))
      this.#addPartition.run(partitionId, topicId, number)
    }
  }

  /** Alters existing topics; true when one got more partitions. Throws `LogError` before it changes anything. */
  alter(changes: readonly TopicChange[]): boolean {
    const altered = changes.map(change => {
      const { info, rowId } = this.#catalog.topic(change.name)
      return { rowId, before: info.partitions, info: alteredTopic(info, change) }
    })
    for (const { rowId, before, info } of altered) {
      this.#alterTopic.run(rowId, info.partitions, info.cleanup, info.retentionMs, info.retentionBytes)
      this.#addPartitions(rowId, before, info.partitions)
    }
    if (altered.length > 0) this.#changed()
    return altered.some(({ before, info }) => info.partitions > before)
  }

  /** Takes the topics and every position on them away; their batches are left to be dropped piece by piece. */
  delete(names: readonly string[]): boolean {
    const topics = names.flatMap(name => this.#catalog.topics.get(name) ?? [])
    for (const { rowId, partitionIds } of topics) {
      this.#removeTopic.run(rowId)
      for (const id of partitionIds) {
        this.#orphan.run(id)
        this.#removePositions.run(id)
      }
    }
    if (topics.length > 0) this.#changed()
    return topics.length > 0
  }

  /** Partitions whose topic is gone. */
  orphans(): number[] {
    return (this.#orphans.all() as { id: number }[]).map(row => row.id)
  }

  /** Removes an orphan whose batches are gone. */
  drop(partitionId: number): void {
    this.#db.exec(`DROP TABLE IF EXISTS ${batchTable(partitionId)}`)
    this.#removePartition.run(partitionId)
  }

  #changed(): void {
    this.#bump.run()
    this.#catalog.refresh()
  }
}
