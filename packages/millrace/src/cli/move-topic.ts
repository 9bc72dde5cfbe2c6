import type { Log } from '../log/log.ts'
import { RecordCursor } from '../record/cursor.ts'
import { BatchWriter } from '../record/writer.ts'

const BATCH_BYTES = 512 * 1024
const LIMITS = { maxWaitMs: 0, maxBytes: 1 << 23, partitionMaxBytes: 1 << 20, waitForOpen: true }

/**
 * Gives a topic another name: writes its records, without headers, to a new one and deletes the old. What lay under the new name is
 * deleted first. Gives the number of records.
 */
export async function moveTopic(log: Log, from: string, to: string): Promise<number> {
  const [info] = await log.describeTopics([from])
  if ((await log.describeTopics([to])).length > 0) await log.deleteTopics([to])
  const { partitions, cleanup, retentionMs, retentionBytes, internal } = info!
  await log.createTopics([{ name: to, partitions, cleanup, retentionMs, retentionBytes, internal }])
  let records = 0
  for (const { partition, earliest, latest } of await log.offsets(from))
    records += await copyPartition(log, from, to, partition, earliest, latest)
  await log.deleteTopics([from])
  return records
}

async function copyPartition(
  log: Log,
  from: string,
  to: string,
  partition: number,
  earliest: number,
  latest: number,
): Promise<number> {
  const cursor = new RecordCursor()
  const writer = new BatchWriter({ initialBytes: BATCH_BYTES })
  let records = 0
  let pending = 0
  const flush = async () => {
    if (pending > 0) await log.append([{ topic: to, partition, bytes: writer.finish() }])
    pending = 0
  }
  for (let offset = earliest; offset < latest; ) {
    const [fetched] = await log.fetch([{ topic: from, partition, offset }], LIMITS)
    if (fetched!.error !== undefined) throw fetched!.error
    // What compaction left may end before the end.
    if (fetched!.batches.length === 0) break
    for (const batch of fetched!.batches) {
      cursor.open(batch)
      while (cursor.next()) {
        if (cursor.offset < offset) continue
        const { buffer, timestamp, keyStart, keyEnd, valueStart, valueEnd } = cursor
        const key = keyStart < 0 ? null : buffer
        const value = valueStart < 0 ? null : buffer
        writer.append(timestamp, key, keyStart, keyEnd, value, valueStart, valueEnd, null, 0, 0)
        records++
        pending += keyEnd - keyStart + Math.max(0, valueEnd - valueStart)
      }
      offset = Math.max(offset, cursor.lastOffset + 1)
      if (pending > BATCH_BYTES) await flush()
    }
  }
  await flush()
  return records
}
