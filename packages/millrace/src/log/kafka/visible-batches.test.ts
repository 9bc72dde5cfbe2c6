import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { batchInfo, isPadded, setBaseOffset } from '../../record/batch.ts'
import { AT, ATTRIBUTE } from '../../record/layout.ts'
import { BatchWriter } from '../../record/writer.ts'
import { lz4 } from './codecs.ts'
import { packed, signed } from './recompress.ts'
import { visibleBatches } from './visible-batches.ts'

interface Piece {
  readonly at: number
  readonly producer?: number
  readonly marker?: 'commit' | 'abort'
  readonly records?: number
}

/** Batches as a broker sends them: data of a producer (in a transaction if it has a number), or a marker. */
function bytesOf(pieces: readonly Piece[]): Buffer {
  const parts = pieces.map(({ at, producer, marker, records = 2 }) => {
    const writer = new BatchWriter()
    const key = Buffer.from([0, 0, 0, marker === 'commit' ? 1 : 0])
    for (let i = 0; i < (marker === undefined ? records : 1); i++)
      writer.append(1000, key, 0, key.length, null, 0, 0, null, 0, 0)
    const batch = writer.finish()
    if (marker !== undefined) batch[AT.attributes + 1] = ATTRIBUTE.control
    const made = signed(batch, producer ?? -1, 0, 0, producer !== undefined)
    setBaseOffset(made, at)
    return made
  })
  return Buffer.concat([...parts, Buffer.alloc(64)])
}

function seen(
  pieces: readonly Piece[],
  aborted: [producerId: number, firstOffset: number][],
  cut = 0,
): string[] {
  const bytes = bytesOf(pieces)
  const ranges = aborted.map(([producerId, firstOffset]) => ({ producerId, firstOffset }))
  return visibleBatches(bytes, 0, bytes.length - 64 - cut, ranges).map(batch => {
    const { baseOffset, lastOffset, recordCount } = batchInfo(batch)
    assert.ok(isPadded(batch))
    return recordCount === 0 ? `nothing ${baseOffset}-${lastOffset}` : `${baseOffset}-${lastOffset}`
  })
}

describe('what a reader of committed data gets', () => {
  it('is everything that is not in an aborted transaction, and empty batches for the rest', () => {
    const pieces = [
      { at: 0 },
      { at: 2, producer: 7 },
      { at: 4, producer: 8 },
      { at: 6, producer: 7, marker: 'abort' },
      { at: 7, producer: 8, marker: 'commit' },
      { at: 8 },
    ] satisfies Piece[]
    assert.deepEqual(seen(pieces, [[7, 2]]), ['0-1', 'nothing 2-3', '4-5', 'nothing 6-7', '8-9'])
  })

  it('knows several aborted transactions of one producer', () => {
    const pieces = [
      { at: 0, producer: 7 },
      { at: 2, producer: 7, marker: 'abort' },
      { at: 3, producer: 7 },
      { at: 5, producer: 7, marker: 'commit' },
      { at: 6, producer: 7 },
      { at: 8, producer: 7, marker: 'abort' },
    ] satisfies Piece[]
    const aborted: [number, number][] = [
      [7, 6],
      [7, 0],
    ]
    assert.deepEqual(seen(pieces, aborted), ['nothing 0-2', '3-4', 'nothing 5-8'])
  })

  it('holds nothing of an aborted transaction whose marker comes later', () => {
    assert.deepEqual(
      seen(
        [
          { at: 5, producer: 7 },
          { at: 7, producer: 8 },
        ],
        [[7, 0]],
      ),
      ['nothing 5-6', '7-8'],
    )
  })

  it('holds what the producer of an aborted transaction wrote outside of one', () => {
    const bytes = bytesOf([{ at: 0, producer: 7 }])
    bytes[AT.attributes + 1] = 0
    assert.equal(visibleBatches(bytes, 0, bytes.length - 64, [{ producerId: 7, firstOffset: 0 }]).length, 1)
  })

  it('leaves a last batch out that is cut off', () => {
    for (const cut of [1, 20, 60, 80]) assert.deepEqual(seen([{ at: 0 }, { at: 2 }], [], cut), ['0-1'])
  })

  it('is readable whatever it was compressed with', () => {
    const writer = new BatchWriter()
    const value = Buffer.alloc(1000, 'x')
    writer.append(1, null, 0, 0, value, 0, value.length, null, 0, 0)
    const small = packed(writer.finish(), lz4)
    const [batch] = visibleBatches(Buffer.from(small), 0, small.length, [])
    assert.equal(batch![AT.attributes + 1]! & ATTRIBUTE.codecMask, 0)
  })
})
