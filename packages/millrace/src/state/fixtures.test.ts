/** What the tests of this folder share: a changelog in memory, a disk in memory, a store definition. */
import { RecordCursor } from '../record/cursor.ts'
import { ChangelogBatches, type ChangeRecord, type ChangeSink } from './changelog.ts'
import type { Disk } from './disk.ts'
import type { KeyTable } from './key-table.ts'
import type { LayoutColumn, StoreLayout } from './layout.ts'
import type { ObjectCodec, StoreDefinition } from './row-codec.ts'

export const WALL_MS = 1_700_000_000_000

export const countColumn: LayoutColumn = {
  name: 'n',
  aggregator: 'count()',
  doubles: 1,
  objects: 0,
  version: 1,
}
export const listColumn: LayoutColumn = {
  name: 'all',
  aggregator: 'custom',
  doubles: 0,
  objects: 1,
  version: 1,
}
export const sumColumn: LayoutColumn = {
  name: 'sum',
  aggregator: 'sum(ms)',
  doubles: 2,
  objects: 0,
  version: 1,
}

/** Its state is a list of texts; stored as an object, to see that the codec is used. */
const listCodec: ObjectCodec<string[]> = {
  initial: () => [],
  encode: state => ({ state }),
  decode: (stored, version) => [
    ...(stored as { state: string[] }).state,
    ...(version === 1 ? [] : [`v${version}`]),
  ],
}

export function layoutOf(
  kind: 'table' | 'windows',
  columns = [countColumn, listColumn, sumColumn],
): StoreLayout {
  const window = kind === 'windows' ? { kind: 'tumbling', sizeMs: 10, offsetMs: 0 } : undefined
  return { step: 'per-user', kind, columns, keySerde: '', window, version: 1 }
}

export function definitionOf(layout: StoreLayout, seed = 1): StoreDefinition {
  let next = seed
  const initial = layout.columns.flatMap(({ name, doubles }) => Array(doubles).fill(name === 'late' ? 7 : 0))
  const objects = layout.columns.flatMap(({ objects }) => Array(objects).fill(listCodec))
  return { layout, initial, objects, nextSeed: () => next++ }
}

/** A changelog partition: batches with their offsets, and a cursor over them. */
export class TestChangelog {
  readonly batches: Uint8Array[] = []
  offsetEnd = 0

  /** Appends what `write` writes; gives the base offset. */
  commit(write: (sink: ChangeSink) => void, batchBytesMax = 600): number {
    const sink = new ChangelogBatches(batchBytesMax)
    write(sink)
    const base = this.offsetEnd
    for (const batch of sink.finish()) this.append(batch)
    return base
  }

  append(batch: Uint8Array): void {
    Buffer.from(batch.buffer, batch.byteOffset).writeBigInt64BE(BigInt(this.offsetEnd))
    const cursor = new RecordCursor()
    cursor.open(batch)
    this.offsetEnd = cursor.lastOffset + 1
    this.batches.push(batch)
  }

  /** The batches that end behind `offset`. */
  from(offset: number): Uint8Array[] {
    return this.batches.filter(batch => {
      const cursor = new RecordCursor()
      cursor.open(batch)
      return cursor.lastOffset >= offset
    })
  }
}

export interface AppliesChanges {
  apply(record: ChangeRecord, nowMs: number): void
  finishRestore(): void
}

/** Applies every record at or behind `offset`. */
export async function replay(
  store: AppliesChanges,
  batches: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  offset = 0,
  keep: (record: ChangeRecord) => boolean = () => true,
): Promise<void> {
  const cursor = new RecordCursor()
  for await (const batch of batches) {
    cursor.open(batch)
    while (cursor.next()) if (cursor.offset >= offset && keep(cursor)) store.apply(cursor, WALL_MS)
  }
}

/** Files in memory. Bytes count as safe once synced, names once replaced; `failAfter` writes fail. */
export class MemoryDisk implements Disk {
  readonly files = new Map<string, Buffer>()
  readonly log: string[] = []
  failAfter = Number.POSITIVE_INFINITY
  failures = 0

  async openRead(path: string) {
    const bytes = this.files.get(path)
    if (bytes === undefined) return undefined
    return {
      size: bytes.length,
      read: async (into: Uint8Array, at: number) => bytes.copy(into, 0, at),
      close: async () => {},
    }
  }

  async create(path: string) {
    this.files.set(path, Buffer.alloc(0))
    return {
      write: async (bytes: Uint8Array) => {
        if (this.failAfter-- <= 0) {
          this.failures++
          throw new Error('no space left on the test disk')
        }
        this.files.set(path, Buffer.concat([this.files.get(path)!, bytes]))
      },
      sync: async () => void this.log.push(`sync ${path}`),
      close: async () => void this.log.push(`close ${path}`),
    }
  }

  async replace(from: string, to: string) {
    this.log.push(`replace ${to}`)
    this.files.set(to, this.files.get(from)!)
    this.files.delete(from)
  }

  async remove(path: string) {
    this.files.delete(path)
  }
}

export const bytesOf = (key: string) => Buffer.from(key, 'latin1')

/** One count and one text more for the key, as an aggregate would. */
export function add(table: KeyTable, key: string, text: string): void {
  const bytes = bytesOf(key)
  const row = table.upsert(bytes, 0, bytes.length)
  table.f64[row]! += 1
  ;(table.objects[table.f64[row + 1]!] as string[]).push(text)
  table.touch(row)
}

export function contents(table: KeyTable): Record<string, unknown>[] {
  const rows = []
  for (let row = table.firstRow(); row !== 0; row = table.nextRow(row)) {
    const key = table.keyBytes.toString('latin1', table.keyStart(row), table.keyEnd(row))
    rows.push({ key, n: table.f64[row], all: table.objects[table.f64[row + 1]!] })
  }
  return rows.sort((a, b) => (a.key < b.key ? -1 : 1))
}

export function recordsOf(batches: readonly Uint8Array[]) {
  const cursor = new RecordCursor()
  const records = []
  for (const batch of batches) {
    cursor.open(batch)
    while (cursor.next())
      records.push({
        timestamp: cursor.timestamp,
        key: Buffer.from(cursor.buffer.subarray(cursor.keyStart, cursor.keyEnd)),
        value:
          cursor.valueStart < 0
            ? null
            : Buffer.from(cursor.buffer.subarray(cursor.valueStart, cursor.valueEnd)),
      })
  }
  return records
}
