import type { Log } from '../log/log.ts'
import { readPartitions, type StoredRecord } from './read-partition.ts'

/** Offsets of the next record to read, by partition. */
export type ReadPositions = Readonly<Record<number, number>>

/** Reads a topic bit by bit; it remembers how far it is. */
export class TopicReader {
  readonly topic: string
  positions: ReadPositions

  constructor(topic: string, positions: ReadPositions = {}) {
    this.topic = topic
    this.positions = positions
  }

  /** The records that no earlier call gave. */
  async read(log: Log): Promise<StoredRecord[]> {
    const partitions = await readPartitions(log, this.topic, partition => this.positions[partition] ?? 0)
    const read = partitions.flatMap((records): [number, number][] => {
      const last = records.at(-1)
      return last === undefined ? [] : [[last.partition, last.offset + 1]]
    })
    this.positions = { ...this.positions, ...Object.fromEntries(read) }
    return merged(partitions)
  }

  /** Every record; what `read` gives next does not change. */
  async readAll(log: Log): Promise<StoredRecord[]> {
    return merged(await readPartitions(log, this.topic, () => 0))
  }
}

/** By record time, where the partitions' own orders allow it; at equal times the smaller partition first. */
function merged(partitions: readonly StoredRecord[][]): StoredRecord[] {
  const heads = partitions.map(records => ({ records, at: 0 }))
  const total = partitions.reduce((sum, { length }) => sum + length, 0)
  return Array.from({ length: total }, () => {
    let first: (typeof heads)[number] | undefined
    for (const head of heads) {
      const record = head.records[head.at]
      if (record === undefined) continue
      if (first === undefined || record.timestamp < first.records[first.at]!.timestamp) first = head
    }
    return first!.records[first!.at++]!
  })
}
