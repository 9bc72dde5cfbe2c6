import { isBroken } from '../std/broken-rules.ts'
import type { Disk, DiskReader, DiskWriter } from './disk.ts'
import {
  checkFrame,
  decodeFooter,
  decodeHeader,
  demand,
  encodeFooter,
  encodeFrame,
  encodeHeader,
  FOOTER_BYTES,
  FRAME_BYTES,
  frameLength,
  headerLength,
  PREAMBLE_BYTES,
  type SnapshotHeader,
  SnapshotReplacedError,
} from './snapshot-format.ts'

/** Readable bytes that a record cursor wants behind a batch. */
const PADDING_BYTES = 64
const takesAnySnapshot = isBroken('2.3')

/** A snapshot whose header and footer are whole. */
export interface Snapshot {
  readonly header: SnapshotHeader
  readonly recordCount: number
  /**
   * Its batches in order, each checked outside of its own CRC. Throws `SnapshotDamagedError` on the way, a
   * `SnapshotReplacedError` when another snapshot has come into its place.
   */
  batches(): AsyncGenerator<Uint8Array>
}

/** Opens the snapshot at `path`, undefined when there is none. Throws `SnapshotDamagedError` when it is not whole. */
export async function readSnapshot(disk: Disk, path: string): Promise<Snapshot | undefined> {
  const file = await disk.openRead(path)
  if (file === undefined) return undefined
  try {
    const headerBytes = await readHeader(file)
    const footer = await readAt(file, file.size - FOOTER_BYTES, FOOTER_BYTES)
    const recordCount = decodeFooter(footer, headerBytes)
    const header = decodeHeader(headerBytes)
    return { header, recordCount, batches: () => readBatches(disk, path, headerBytes) }
  } finally {
    await file.close()
  }
}

/** What decides whether a snapshot may be restored from. */
export interface ChangelogState {
  readonly topicId: string
  readonly partition: number
  readonly offsetStart: number
  /** The offset that the next record will get. */
  readonly offsetEnd: number
  /** How long the log keeps tombstones. */
  readonly deleteRetentionMs: number
  readonly nowMs: number
}

/** Why the changelog must be read from its start instead of this snapshot; undefined when it is good. */
export function reasonNotToUse(header: SnapshotHeader, changelog: ChangelogState): string | undefined {
  if (takesAnySnapshot) return undefined
  if (header.topicId !== changelog.topicId || header.partition !== changelog.partition)
    return `it is of another changelog: ${header.topicId}/${header.partition}`
  if (header.offset > changelog.offsetEnd)
    return `it stands at offset ${header.offset}, behind the changelog's end ${changelog.offsetEnd}`
  if (header.offset < changelog.offsetStart)
    return `it stands at offset ${header.offset}, before the changelog's start ${changelog.offsetStart}`
  const ageMs = changelog.nowMs - header.createdMs
  if (ageMs > changelog.deleteRetentionMs / 2)
    return `it is ${ageMs} ms old: tombstones that belong to its rows may be gone`
  return undefined
}

/** Writes a snapshot aside and puts it into place when it is whole and on the disk. */
export class SnapshotWriter {
  readonly #disk: Disk
  readonly #path: string
  readonly #file: DiskWriter
  readonly #header: Buffer
  #isOpen = true

  private constructor(disk: Disk, path: string, file: DiskWriter, header: Buffer) {
    this.#disk = disk
    this.#path = path
    this.#file = file
    this.#header = header
  }

  static async begin(disk: Disk, path: string, header: SnapshotHeader): Promise<SnapshotWriter> {
    const bytes = encodeHeader(header)
    const writer = new SnapshotWriter(disk, path, await disk.create(asidePath(path)), bytes)
    try {
      await writer.#file.write(bytes)
      return writer
    } catch (error) {
      await writer.abandon()
      throw error
    }
  }

  async write(batch: Uint8Array): Promise<void> {
    await this.#file.write(encodeFrame(batch))
    await this.#file.write(batch)
  }

  async finish(recordCount: number): Promise<void> {
    await this.#file.write(encodeFooter(recordCount, this.#header))
    await this.#file.sync()
    await this.#close()
    await this.#disk.replace(asidePath(this.#path), this.#path)
  }

  /** Gives up after any failure; the snapshot in place stays as it is. */
  async abandon(): Promise<void> {
    await this.#close()
    await this.#disk.remove(asidePath(this.#path))
  }

  async #close(): Promise<void> {
    if (this.#isOpen) await this.#file.close()
    this.#isOpen = false
  }
}

const asidePath = (path: string) => `${path}.tmp`

async function readHeader(file: DiskReader): Promise<Buffer> {
  const preamble = await readAt(file, 0, PREAMBLE_BYTES)
  return readAt(file, 0, headerLength(preamble))
}

async function* readBatches(disk: Disk, path: string, header: Buffer): AsyncGenerator<Uint8Array> {
  const file = await disk.openRead(path)
  demand(file !== undefined, 'it was removed')
  try {
    if (!header.equals(await readHeader(file))) throw new SnapshotReplacedError()
    const from = header.length
    const end = file.size - FOOTER_BYTES
    let frame = await readAt(file, from, FRAME_BYTES)
    for (let at = from; at < end; ) {
      const length = frameLength(frame)
      // The next frame, or the beginning of the footer, comes with the batch: one read per batch.
      const bytes = await readAt(file, at + FRAME_BYTES, length + FRAME_BYTES, PADDING_BYTES)
      const batch = bytes.subarray(0, length)
      checkFrame(frame, batch)
      frame = Buffer.from(bytes.subarray(length, length + FRAME_BYTES))
      at += FRAME_BYTES + length
      yield batch
    }
  } finally {
    await file.close()
  }
}

async function readAt(file: DiskReader, at: number, length: number, padding = 0): Promise<Buffer> {
  demand(at >= 0 && at + length <= file.size, 'it is cut off')
  const bytes = Buffer.allocUnsafeSlow(length + padding)
  demand((await file.read(bytes.subarray(0, length), at)) === length, 'it is cut off')
  bytes.fill(0, length)
  return bytes
}
