import type { Log } from '../../packages/millrace/src/log/log.ts'
import { batchInfo } from '../../packages/millrace/src/record/batch.ts'
import { RecordCursor } from '../../packages/millrace/src/record/cursor.ts'
import { Digest } from '../data/digest.ts'
import { partitions } from '../data/input.ts'
import { resultText, type Workload } from '../data/oracle.ts'
import { outputTopic } from '../engine/pipelines.ts'

/** Reads every result back from the log, as a consumer would, into the text that the oracle gives. */
export async function digestOf(log: Log, workload: Workload): Promise<string> {
  const digest = new Digest()
  const cursor = new RecordCursor()
  for (let partition = 0; partition < partitions; partition++) {
    for (let offset = 0; ; ) {
      const options = { maxWaitMs: 0, maxBytes: 16 << 20, partitionMaxBytes: 16 << 20 }
      const [fetched] = await log.fetch([{ topic: outputTopic, partition, offset }], options)
      if (fetched!.error !== undefined) throw fetched!.error
      if (fetched!.batches.length === 0) break
      for (const batch of fetched!.batches) {
        cursor.open(batch)
        const { buffer } = cursor
        while (cursor.next()) {
          const key = buffer.toString('latin1', cursor.keyStart, cursor.keyEnd)
          digest.add(
            resultText(
              workload,
              key,
              cursor.timestamp,
              buffer.toString('latin1', cursor.valueStart, cursor.valueEnd),
            ),
          )
        }
        offset = batchInfo(batch).lastOffset + 1
      }
    }
  }
  return digest.text
}
