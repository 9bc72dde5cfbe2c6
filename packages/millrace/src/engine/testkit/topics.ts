import type { CommittedPosition, FetchedPartition, OutgoingBatch, PositionUpdate } from '../../log/log.ts'
import { batchInfo, padded, setBaseOffset } from '../../record/batch.ts'
import { RecordCursor } from '../../record/cursor.ts'
import { readHeaders } from '../../record/headers.ts'
import { invariant } from '../../std/assert.ts'

/** A record as a reader of a topic sees it. */
export interface StoredRecord {
  readonly partition: number
  readonly offset: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly timestamp: number
  readonly headers: Readonly<Record<string, string>>
}

interface StoredBatch {
  readonly bytes: Uint8Array
  readonly first: number
  readonly last: number
}

interface StoredPartition {
  batches: StoredBatch[]
  end: number
}

/** The topics and committed positions of a run, without a log: what a commit changes, at once and whole. */
export class Topics {
  readonly #partitions = new Map<string, StoredPartition>()
  readonly #positions = new Map<string, CommittedPosition>()

  /** Keeps a copy and gives the memory back at once, so that it is written over by what comes next. */
  append({ topic, partition, bytes, release }: OutgoingBatch): number {
    const place = this.#partition(topic, partition)
    const first = place.end
    const batch = padded(new Uint8Array(bytes))
    release?.()
    setBaseOffset(batch, first)
    place.end = batchInfo(batch).lastOffset + 1
    place.batches.push({ bytes: batch, first, last: place.end - 1 })
    return first
  }

  /** Batches from `offset` on, at most `batchesMax`; the first may begin before it. */
  fetch(
    topic: string,
    partition: number,
    offset: number,
    batchesMax = Number.POSITIVE_INFINITY,
  ): FetchedPartition {
    const { batches, end } = this.#partition(topic, partition)
    const found = batches.filter(({ last }) => last >= offset).slice(0, batchesMax)
    return {
      topic,
      partition,
      offset,
      batches: found.map(({ bytes }) => bytes),
      highWatermark: end,
      logStartOffset: batches[0]?.first ?? end,
    }
  }

  end(topic: string, partition: number): number {
    return this.#partition(topic, partition).end
  }

  /** Forgets the batches that lie whole before `offset`. */
  trim(topic: string, partition: number, offset: number): void {
    const place = this.#partition(topic, partition)
    place.batches = place.batches.filter(({ last }) => last >= offset)
  }

  committed(topic: string, partition: number): CommittedPosition | undefined {
    return this.#positions.get(`${topic}/${partition}`)
  }

  commitPosition(update: PositionUpdate): void {
    const id = `${update.topic}/${update.partition}`
    const known = this.#positions.get(id)?.offset ?? -1
    invariant(
      known === update.previousOffset,
      `${id} stands at ${known}, the commit replaces ${update.previousOffset}`,
    )
    this.#positions.set(id, update)
  }

  /** All records of a topic, partition by partition, in offset order. */
  records(topic: string): StoredRecord[] {
    const records: StoredRecord[] = []
    for (let partition = 0; this.#partitions.has(`${topic}/${partition}`); partition++) {
      for (const cursor of this.walk(topic, partition)) records.push({ partition, ...stored(cursor) })
    }
    return records
  }

  /** Stands on each record of a partition in turn. */
  *walk(topic: string, partition: number): Iterable<RecordCursor> {
    const cursor = new RecordCursor()
    for (const { bytes } of this.#partition(topic, partition).batches) {
      cursor.open(bytes)
      while (cursor.next()) yield cursor
    }
  }

  #partition(topic: string, partition: number): StoredPartition {
    // Lower partitions are made too, so that `records` knows where a topic ends.
    for (let p = 0; p <= partition; p++) {
      const id = `${topic}/${p}`
      if (!this.#partitions.has(id)) this.#partitions.set(id, { batches: [], end: 0 })
    }
    return this.#partitions.get(`${topic}/${partition}`)!
  }
}

function stored(cursor: RecordCursor): Omit<StoredRecord, 'partition'> {
  const range = (start: number, end: number) =>
    start < 0 ? null : Buffer.from(cursor.buffer.subarray(start, end))
  const headers = readHeaders(cursor.buffer, cursor.headersStart, cursor.headersEnd)
  return {
    offset: cursor.offset,
    key: range(cursor.keyStart, cursor.keyEnd),
    value: range(cursor.valueStart, cursor.valueEnd),
    timestamp: cursor.timestamp,
    headers: Object.fromEntries(headers.map(({ key, value }) => [key, Buffer.from(value ?? []).toString()])),
  }
}
