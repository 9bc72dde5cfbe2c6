import type { Log } from '../../packages/millrace/src/log/log.ts'
import { batchInfo } from '../../packages/millrace/src/record/batch.ts'
import { RecordCursor } from '../../packages/millrace/src/record/cursor.ts'

const options = { maxWaitMs: 0, maxBytes: 16 << 20, partitionMaxBytes: 16 << 20 }

/** Every record of a topic, as a consumer would read it, a partition after the other. It is valid until the next one is asked for. */
export async function* topicRecords(
  log: Log,
  topic: string,
  partitions: number,
): AsyncGenerator<RecordCursor> {
  const cursor = new RecordCursor()
  for (let partition = 0; partition < partitions; partition++) {
    for (let offset = 0; ; ) {
      const [fetched] = await log.fetch([{ topic, partition, offset }], options)
      if (fetched!.error !== undefined) throw fetched!.error
      if (fetched!.batches.length === 0) break
      for (const batch of fetched!.batches) {
        cursor.open(batch)
        while (cursor.next()) yield cursor
        offset = batchInfo(batch).lastOffset + 1
      }
    }
  }
}
