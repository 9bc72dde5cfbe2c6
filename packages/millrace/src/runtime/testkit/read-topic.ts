import type { Log } from '../../log/log.ts'
import { RecordCursor } from '../../record/cursor.ts'

/** A record as text, as it lies in a topic. */
export interface StoredRecord {
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
  readonly timestamp: number
}

/** Everything a topic holds, partition by partition. */
export async function readTopic(log: Log, topic: string): Promise<StoredRecord[]> {
  const records: StoredRecord[] = []
  const cursor = new RecordCursor()
  for (const { partition, earliest, latest } of await log.offsets(topic)) {
    for (let offset = earliest; offset < latest; ) {
      const limits = { maxWaitMs: 0, maxBytes: 1 << 24, partitionMaxBytes: 1 << 24 }
      const [fetched] = await log.fetch([{ topic, partition, offset }], limits)
      for (const batch of fetched!.batches) {
        cursor.open(batch)
        while (cursor.next()) records.push(recordAt(cursor, partition))
        offset = cursor.lastOffset + 1
      }
    }
  }
  return records
}

function recordAt(cursor: RecordCursor, partition: number): StoredRecord {
  const text = (start: number, end: number) => (start < 0 ? null : cursor.buffer.toString('utf8', start, end))
  const { offset, timestamp } = cursor
  const key = text(cursor.keyStart, cursor.keyEnd)
  return { partition, offset, key, value: text(cursor.valueStart, cursor.valueEnd), timestamp }
}
