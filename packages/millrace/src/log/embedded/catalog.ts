import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { LogError, type TopicInfo, type TopicPartition } from '../log.ts'

/** A topic with the ids its partitions have in the database. */
export interface Topic {
  readonly info: TopicInfo
  readonly rowId: number
  /** Partition id by partition number. */
  readonly partitionIds: readonly number[]
}

interface TopicRow {
  readonly id: number
  readonly uid: string
  readonly name: string
  readonly partitions: number
  readonly cleanup: TopicInfo['cleanup']
  readonly retention_ms: number
  readonly retention_bytes: number
  readonly internal: number
}

/** The topics as one connection last saw them. */
export class Catalog {
  #epoch = -1
  #topics = new Map<string, Topic>()
  #places = new Map<number, TopicPartition>()
  readonly #epochOf: StatementSync
  readonly #topicRows: StatementSync
  readonly #partitionRows: StatementSync

  constructor(db: DatabaseSync) {
    this.#epochOf = db.prepare(`SELECT value FROM counters WHERE name = 'topics'`)
    this.#topicRows = db.prepare('SELECT * FROM topics ORDER BY name')
    this.#partitionRows = db.prepare(
      'SELECT id, topic, number FROM partitions WHERE topic <> 0 ORDER BY number',
    )
  }

  /** Reads the topics again if they have changed; to be called inside the transaction that uses them. */
  refresh(): void {
    const epoch = (this.#epochOf.get() as { value: number }).value
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    const ids = new Map<number, number[]>()
    for (const row of this.#partitionRows.all() as { id: number; topic: number; number: number }[]) {
      const list = ids.get(row.topic)
      if (list === undefined) ids.set(row.topic, [row.id])
      else list.push(row.id)
    }
    this.#topics = new Map()
    this.#places = new Map()
    for (const row of this.#topicRows.all() as unknown as TopicRow[]) {
      const partitionIds = ids.get(row.id) ?? []
      this.#topics.set(row.name, { info: topicInfo(row), rowId: row.id, partitionIds })
      partitionIds.forEach((id, partition) => {
        this.#places.set(id, { topic: row.name, partition })
      })
    }
  }

  /** Makes the next `refresh` read everything, after a rollback. */
  forget(): void {
    this.#epoch = -1
  }

  get topics(): ReadonlyMap<string, Topic> {
    return this.#topics
  }

  /** Where a partition id belongs, or undefined when its topic is gone. */
  place(partitionId: number): TopicPartition | undefined {
    return this.#places.get(partitionId)
  }

  topic(name: string): Topic {
    const topic = this.#topics.get(name)
    if (topic === undefined)
      throw new LogError('unknown-topic', `Topic ${name} does not exist`, { retriable: true })
    return topic
  }

  /** Throws `LogError` `unknown-topic` when there is no such topic or partition. */
  partitionId({ topic, partition }: TopicPartition): number {
    const found = this.topic(topic)
    const id = found.partitionIds[partition]
    if (id === undefined) {
      throw new LogError(
        'unknown-topic',
        `Topic ${topic} has ${found.info.partitions} partitions, there is no ${partition}`,
      )
    }
    return id
  }
}

function topicInfo(row: TopicRow): TopicInfo {
  return {
    id: row.uid,
    name: row.name,
    partitions: row.partitions,
    cleanup: row.cleanup,
    retentionMs: row.retention_ms,
    retentionBytes: row.retention_bytes,
    internal: row.internal === 1,
  }
}
