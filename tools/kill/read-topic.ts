import type { Log } from '../../packages/millrace/src/log/log.ts'
import { RecordCursor } from '../../packages/millrace/src/record/cursor.ts'

export interface ReadRecord {
  readonly key: string
  /** The text of the value. */
  readonly value: string
}

/** Every record of a topic, by partition, in the order of its offsets. */
export async function readTopic(log: Log, topic: string): Promise<ReadRecord[][]> {
  const offsets = await log.offsets(topic)
  return Promise.all(offsets.map(({ partition, latest }) => readPartition(log, topic, partition, latest)))
}

async function readPartition(log: Log, topic: string, partition: number, end: number): Promise<ReadRecord[]> {
  const records: ReadRecord[] = []
  const cursor = new RecordCursor()
  const limits = { maxWaitMs: 0, maxBytes: 1 << 24, partitionMaxBytes: 1 << 24 }
  for (let offset = 0; offset < end; ) {
    const [found] = await log.fetch([{ topic, partition, offset }], limits)
    if (found!.error !== undefined) throw found!.error
    if (found!.batches.length === 0) throw new Error(`${topic}/${partition} ends at ${offset}, not at ${end}`)
    for (const batch of found!.batches) {
      cursor.open(batch)
      while (cursor.next()) {
        const { buffer, keyStart, keyEnd, valueStart, valueEnd } = cursor
        records.push({
          key: buffer.toString('utf8', keyStart, keyEnd),
          value: buffer.toString('utf8', valueStart, valueEnd),
        })
      }
      offset = cursor.lastOffset + 1
    }
  }
  return records
}
