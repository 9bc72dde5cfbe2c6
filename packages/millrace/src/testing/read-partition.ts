import { endOfInputHeader } from '../engine/intake.ts'
import type { Log } from '../log/log.ts'
import { RecordCursor } from '../record/cursor.ts'
import { readHeaders } from '../record/headers.ts'

/** A record as bytes. */
export interface StoredRecord {
  readonly partition: number
  readonly offset: number
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** Values as text; of several headers with one name the last. */
  readonly headers: Readonly<Record<string, string>>
}

const limits = { maxWaitMs: 0, maxBytes: 1 << 26, partitionMaxBytes: 1 << 26 }

/** All records of a topic from the given offsets on, one partition after the other, without end-of-input records. */
export async function readPartitions(
  log: Log,
  topic: string,
  fromOffset: (partition: number) => number,
): Promise<StoredRecord[][]> {
  const ends = await log.offsets(topic)
  return Promise.all(
    ends.map(({ partition, earliest, latest }) => {
      const from = Math.max(earliest, fromOffset(partition))
      return readPartition(log, topic, partition, from, latest)
    }),
  )
}

async function readPartition(
  log: Log,
  topic: string,
  partition: number,
  from: number,
  end: number,
): Promise<StoredRecord[]> {
  const records: StoredRecord[] = []
  const cursor = new RecordCursor()
  for (let offset = from; offset < end; ) {
    const [fetched] = await log.fetch([{ topic, partition, offset }], limits)
    if (fetched!.error !== undefined) throw fetched!.error
    for (const batch of fetched!.batches) {
      cursor.open(batch)
      while (cursor.next()) if (cursor.offset >= from) records.push(storedRecord(cursor, partition))
      offset = cursor.lastOffset + 1
    }
    // What compaction left may end before the end.
    if (fetched!.batches.length === 0) break
  }
  return records.filter(({ headers }) => !(endOfInputHeader in headers))
}

function storedRecord(cursor: RecordCursor, partition: number): StoredRecord {
  const { buffer, offset, timestamp } = cursor
  const copy = (start: number, end: number) => (start < 0 ? null : Buffer.from(buffer.subarray(start, end)))
  const headers = cursor.headerCount === 0 ? [] : readHeaders(buffer, cursor.headersStart, cursor.headersEnd)
  return {
    partition,
    offset,
    timestamp,
    key: copy(cursor.keyStart, cursor.keyEnd),
    value: copy(cursor.valueStart, cursor.valueEnd),
    headers: Object.fromEntries(
      headers.map(({ key, value }) => [key, value === null ? '' : Buffer.from(value).toString('utf8')]),
    ),
  }
}
