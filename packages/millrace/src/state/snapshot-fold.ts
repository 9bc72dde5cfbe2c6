/**
 * Makes a new snapshot from the one before and the changelog behind it, without a look at live tables, which
 * are ahead of what is acknowledged (SEMANTICS 2.3).
 *
 * Two passes over the same records: the first notes the last offset of each key, the second copies the
 * records that stand there. So order and offsets stay, and memory goes into keys only.
 */
import { RecordCursor } from '../record/cursor.ts'
import { BatchWriter } from '../record/writer.ts'
import { keyForm, readStart } from './changelog-key.ts'
import type { Disk } from './disk.ts'
import { KeyTable } from './key-table.ts'
import type { StoreLayout } from './layout.ts'
import { type Snapshot, SnapshotWriter } from './snapshot.ts'
import { throwDamaged } from './snapshot-format.ts'

export interface FoldTarget {
  readonly disk: Disk
  readonly path: string
  readonly topicId: string
  readonly partition: number
  readonly createdMs: number
  readonly layout: StoreLayout
  /** Where the fold stops and the tail begins: behind the last batch given. */
  readonly offset: number
  readonly seed: number
  /** Lets the loop go on; awaited after every `recordsPerSlice` records. */
  readonly pause: () => Promise<void>
  /** Default 2000: about a millisecond. */
  readonly recordsPerSlice?: number
}

type Batches = () => AsyncIterable<Uint8Array> | Iterable<Uint8Array>

const BATCH_BYTES = 262_144
/** Offset deltas inside a batch are 32-bit. */
const GAP_MAX = 0x3fffffff

/**
 * Folds acknowledged changelog batches, in order and from the previous snapshot's offset on, into a new
 * snapshot file. `tail` is called twice and must give the same batches, or those that compaction left of them.
 * Gives the number of records kept. Throws a `SnapshotDamagedError` where the previous snapshot is damaged.
 */
export async function foldSnapshot(
  previous: Snapshot | undefined,
  tail: Batches,
  target: FoldTarget,
): Promise<number> {
  const slices = new Slices(target)
  const ends = new LastOffsets(target.layout.kind === 'windows', target.seed)
  await eachRecord(previous, tail, target, slices, record => ends.note(record))
  const { topicId, partition, offset, createdMs, layout } = target
  const header = { topicId, partition, offset, createdMs, layout }
  const file = await SnapshotWriter.begin(target.disk, target.path, header)
  try {
    const out = new OffsetKeepingWriter(file)
    await eachRecord(previous, tail, target, slices, record =>
      ends.keeps(record) ? out.append(record) : undefined,
    )
    await out.flush()
    await file.finish(out.count)
    return out.count
  } catch (error) {
    await file.abandon()
    throw error
  }
}

/** Visits the records of the previous snapshot and of the tail that lie between the two offsets. */
async function eachRecord(
  previous: Snapshot | undefined,
  tail: Batches,
  target: FoldTarget,
  slices: Slices,
  visit: (record: RecordCursor) => Promise<void> | undefined | void,
): Promise<void> {
  const cursor = new RecordCursor()
  const visitBatch = async (batch: Uint8Array, offsetStart: number) => {
    cursor.open(batch)
    while (!cursor.isControl && cursor.next()) {
      if (cursor.offset < offsetStart || cursor.offset >= target.offset) continue
      const writing = visit(cursor)
      if (writing !== undefined) await writing
      if (slices.isOver()) await target.pause()
    }
  }
  if (previous !== undefined)
    for await (const batch of previous.batches()) await visitBatch(batch, 0).catch(throwDamaged)
  for await (const batch of tail()) await visitBatch(batch, previous?.header.offset ?? 0)
}

/** Counts records into slices of the loop's time. */
class Slices {
  readonly #length: number
  #done = 0

  constructor({ recordsPerSlice = 2000 }: FoldTarget) {
    this.#length = recordsPerSlice
  }

  isOver(): boolean {
    return ++this.#done % this.#length === 0
  }
}

/** The offset of the last record of each key, and how far windows are closed. */
class LastOffsets {
  readonly #windowed: boolean
  readonly #offsets: KeyTable
  #closedBelow = Number.NEGATIVE_INFINITY

  constructor(windowed: boolean, seed: number) {
    this.#windowed = windowed
    this.#offsets = new KeyTable({ columns: 1, initial: Float64Array.of(-1), seed })
  }

  note(record: RecordCursor): void {
    const row = this.#offsets.upsert(record.buffer, record.keyStart, record.keyEnd)
    this.#offsets.f64[row] = record.offset
    if (keyForm(this.#windowed, record.buffer, record.keyStart, record.keyEnd) === 'close')
      this.#closedBelow = readStart(record.buffer, record.valueStart)
  }

  keeps(record: RecordCursor): boolean {
    const { buffer, keyStart, keyEnd } = record
    if (record.valueStart < 0) return false
    if (this.#offsets.f64[this.#offsets.find(buffer, keyStart, keyEnd)] !== record.offset) return false
    if (!this.#windowed || keyForm(true, buffer, keyStart, keyEnd) !== 'row') return true
    return readStart(buffer, keyStart) >= this.#closedBelow
  }
}

/** Copies records into batches, each under its old offset. */
class OffsetKeepingWriter {
  count = 0
  readonly #file: SnapshotWriter
  readonly #writer = new BatchWriter()
  #baseOffset = 0

  constructor(file: SnapshotWriter) {
    this.#file = file
  }

  /** Copies the record at once unless it gives a promise: then when that is awaited, before the cursor moves. */
  append(record: RecordCursor): Promise<void> | undefined {
    const isFull = this.#writer.byteLength > BATCH_BYTES || this.#gapBefore(record) > GAP_MAX
    if (isFull && this.#writer.count > 0) return this.flush().then(() => this.#copy(record))
    this.#copy(record)
    return undefined
  }

  async flush(): Promise<void> {
    if (this.#writer.count === 0) return
    await this.#file.write(this.#writer.finish({ baseOffset: this.#baseOffset }))
  }

  #gapBefore(record: RecordCursor): number {
    return record.offset - this.#baseOffset - this.#writer.nextOffsetDelta
  }

  #copy(record: RecordCursor): void {
    if (this.#writer.count === 0) this.#baseOffset = record.offset
    else this.#writer.skipOffsets(this.#gapBefore(record))
    const { buffer, timestamp, keyStart, keyEnd, valueStart, valueEnd } = record
    this.#writer.append(timestamp, buffer, keyStart, keyEnd, buffer, valueStart, valueEnd)
    this.count++
  }
}
