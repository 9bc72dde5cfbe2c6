import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { batchInfo, checkBatch } from '../record/batch.ts'
import { RecordCursor } from '../record/cursor.ts'
import { ChangelogBatches, type ChangeSink } from './changelog.ts'
import { writeStart } from './changelog-key.ts'
import {
  countColumn,
  definitionOf,
  layoutOf,
  listColumn,
  recordsOf,
  sumColumn,
  WALL_MS,
} from './fixtures.test.ts'
import type { KeyTable } from './key-table.ts'
import type { LayoutColumn } from './layout.ts'
import { RowCodec } from './row-codec.ts'
import { RowWriter } from './row-writer.ts'

/** A key of that length, some of them like reserved ones. */
const anyKey = fc
  .tuple(
    fc.constantFrom('', 'k', '\u00ff', '\u00ff\u0000H'),
    fc.oneof({ weight: 9, arbitrary: fc.nat(40) }, { weight: 1, arbitrary: fc.constantFrom(60, 130, 900) }),
    fc.nat(),
  )
  .map(([first, length, no]) => Buffer.from(`${first}${no}`.padEnd(length, '-'), 'latin1'))

interface Change {
  readonly key: Buffer
  readonly values: readonly number[]
  readonly isRemoved: boolean
  readonly isWritten: boolean
}

const anyChange: fc.Arbitrary<Change> = fc.record({
  key: anyKey,
  values: fc.tuple(fc.double(), fc.double(), fc.double()),
  isRemoved: fc.boolean(),
  isWritten: fc.boolean(),
})

/** What is written as records through `append`, which knows nothing of rows. */
function oneByOne(sink: ChangeSink): ChangeSink {
  return { append: (...args) => sink.append(...args) }
}

function offsetsOf(batch: Uint8Array): number[] {
  const cursor = new RecordCursor()
  const offsets: number[] = []
  cursor.open(batch)
  while (cursor.next()) offsets.push(cursor.offset)
  return offsets
}

function written(
  write: (sink: ChangeSink) => void,
  limit: number,
  wrap: (sink: ChangeSink) => ChangeSink = sink => sink,
) {
  const batches = new ChangelogBatches(limit)
  write(wrap(batches))
  const made = batches.finish()
  for (const batch of made) {
    checkBatch(batch)
    assert.deepEqual(offsetsOf(batch), [...Array(batchInfo(batch).recordCount).keys()])
  }
  assert.ok(made.every(({ length }) => length <= limit))
  return recordsOf(made)
}

describe('RowWriter', () => {
  it('[2.6] writes numbers straight from the table as they are written by way of a record', () => {
    fc.assert(
      fc.property(
        fc.array(anyChange, { maxLength: 120 }),
        fc.constantFrom<LayoutColumn[]>(
          [countColumn, sumColumn],
          [],
          [countColumn],
          [countColumn, listColumn],
        ),
        fc.option(fc.integer({ min: -(2 ** 52), max: 2 ** 52 }), { nil: undefined }),
        fc.constantFrom(2_000, 20_000, 1_000_000),
        fc.boolean(),
        (changes, columns, start, limit, hasBefore) => {
          const codec = new RowCodec(definitionOf(layoutOf('table', columns)))
          const table = codec.newTable()
          for (const change of changes) apply(table, change)
          const prefix = Buffer.alloc(start === undefined ? 0 : 8)
          if (start !== undefined) writeStart(prefix, 0, start)
          const rows = new RowWriter(codec)
          const write = (sink: ChangeSink) => {
            // A batch whose times count from another one than that of the rows.
            if (hasBefore) sink.append(WALL_MS - 7, Buffer.from('header'), 0, 6, null, 0, 0)
            rows.write(sink, table, 3, WALL_MS, prefix)
          }
          assert.deepEqual(written(write, limit), written(write, limit, oneByOne))
        },
      ),
    )
  })

  it('writes batch after batch, with offsets that need one to three bytes', () => {
    const codec = new RowCodec(definitionOf(layoutOf('table', [countColumn, sumColumn])))
    const table = codec.newTable()
    for (let i = 0; i < 60_000; i++) {
      const row = table.upsert(Buffer.from(`user ${i}`), 0, 5 + `${i}`.length)
      table.f64[row] = i
      table.touch(row)
    }
    const write = (sink: ChangeSink) => new RowWriter(codec).write(sink, table, 1, WALL_MS)
    assert.deepEqual(written(write, 1_000_000), written(write, 1_000_000, oneByOne))
  })
})

function apply(table: KeyTable, { key, values, isRemoved, isWritten }: Change): void {
  const row = table.upsert(key, 0, key.length)
  if (table.columns === 3 && isWritten) table.f64.set(values, row)
  table.touch(row)
  if (isRemoved) table.remove(row)
}
