import { type Log, LogError, type OutgoingBatch, type TopicPartition } from '../../log/log.ts'
import { batchInfo } from '../../record/batch.ts'
import { batchesToAppend, offsetsIn, type Range, sourceBatches } from './source-batches.ts'

/** Sent in one go. */
const BYTES_PER_APPEND = 4 << 20

export interface PartitionCopyOptions {
  readonly from: Log
  readonly to: Log
  readonly partition: TopicPartition
  /** What is copied of the source. */
  readonly start: number
  readonly end: number
  /** The offset that the first record gets. */
  readonly base: number
  /** Records that an earlier run has copied. */
  readonly done: number
  /** Source offsets whose place in the target is wanted: positions of groups. */
  readonly wanted: readonly number[]
  onCopied(records: number): void
  readonly signal?: AbortSignal
}

export interface PartitionCopy {
  readonly records: number
  /** Source offset → target offset of the first record at or behind it. */
  readonly places: ReadonlyMap<number, number>
}

/** Copies a partition record by record in order: keys, values, headers and times as they are; offsets without the gaps. */
export async function copyPartition(options: PartitionCopyOptions): Promise<PartitionCopy> {
  const { from, to, partition, start, end, base, done, onCopied, signal } = options
  const wanted = [...new Set(options.wanted)].sort((a, b) => a - b)
  const places = new Map<number, number>()
  let records = 0
  let outgoing: OutgoingBatch[] = []
  let bytes = 0
  const send = async () => {
    if (outgoing.length === 0) return
    await appendAt(to, outgoing, base + records - recordsIn(outgoing))
    onCopied(recordsIn(outgoing))
    outgoing = []
    bytes = 0
  }
  for await (const batch of sourceBatches(from, partition, start, end)) {
    signal?.throwIfAborted()
    const offsets = offsetsIn(batch, start)
    const count = countOf(offsets)
    while (wanted.length > 0 && wanted[0]! <= batch.info.lastOffset) {
      const place = wanted.shift()!
      places.set(place, base + records + before(offsets, place))
    }
    const skip = Math.max(0, Math.min(count, done - records))
    records += count
    if (skip === count) {
      onCopied(count)
      continue
    }
    onCopied(skip)
    for (const each of batchesToAppend(batch, start, skip)) {
      outgoing.push({ ...partition, bytes: each })
      bytes += each.length
    }
    if (bytes >= BYTES_PER_APPEND) await send()
  }
  await send()
  if (done > records)
    throw new LogError(
      'topic-mismatch',
      `${partition.topic}/${partition.partition} of the target has ${done} records behind ${base}, and the source only ${records}: delete the topic there and move again`,
    )
  for (const place of wanted) places.set(place, base + records)
  return { records, places }
}

/** Somebody else who writes there would shift every offset behind. */
async function appendAt(to: Log, batches: readonly OutgoingBatch[], expected: number): Promise<void> {
  // The log owns the bytes from then on.
  const counts = batches.map(({ bytes }) => batchInfo(bytes).recordCount)
  const offsets = await to.append(batches)
  let next = expected
  offsets.forEach((offset, i) => {
    if (offset !== next) {
      const { topic, partition } = batches[i]!
      throw new LogError(
        'topic-mismatch',
        `${topic}/${partition} of the target got records from somebody else during the move: offset ${offset} where ${next} was expected`,
      )
    }
    next += counts[i]!
  })
}

function recordsIn(batches: readonly OutgoingBatch[]): number {
  return batches.reduce((sum, { bytes }) => sum + batchInfo(bytes).recordCount, 0)
}

function countOf(offsets: readonly number[] | Range): number {
  return 'count' in offsets ? offsets.count : offsets.length
}

/** How many of the offsets lie before one. */
function before(offsets: readonly number[] | Range, place: number): number {
  if ('count' in offsets) return Math.min(offsets.count, Math.max(0, place - offsets.first))
  return offsets.filter(offset => offset < place).length
}
