import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { OutgoingBatch } from '../log/log.ts'
import { RecordCursor } from '../record/cursor.ts'
import { KeyKind } from '../serde/serde.ts'
import { BufferPool } from '../std/buffer-pool.ts'
import { decodeMarker } from './marker.ts'
import { RepartitionLane } from './repartition-lane.ts'

const value = Buffer.alloc(1000)

/** Writes records of these value sizes, the watermark a granule further before each. */
function written(sizes: readonly number[]): OutgoingBatch[] {
  const sealed: OutgoingBatch[] = []
  const lane = new RepartitionLane({
    topic: 't',
    partitions: 1,
    partitionWithoutKey: 0,
    recordBytesMax: 1_000_000,
    sealed,
    memory: new BufferPool(),
    upstream: 'hits/0',
    granuleMs: 1,
  })
  lane.keyKind = KeyKind.string
  sizes.forEach((size, i) => {
    lane.append(i, i, false, 0, i, value, 0, 1, value, 0, size, null, 0, 0)
  })
  lane.lane.sealAll()
  return sealed
}

/** The task that a batch names first; undefined when it begins with a record. */
function firstUpstream({ bytes }: OutgoingBatch): string | undefined {
  const cursor = new RecordCursor()
  cursor.open(bytes)
  cursor.next()
  if (cursor.keyStart >= 0) return undefined
  return decodeMarker(cursor.buffer, cursor.valueStart, cursor.valueEnd).upstream
}

describe('the lane of a re-keying', () => {
  it('[3.3] begins every batch with a marker that names the task, wherever the batch before it is full', () => {
    for (let shift = 0; shift < 1000; shift += 10) {
      const batches = written([1 + shift, ...Array(240).fill(960)])
      assert.ok(batches.length >= 2)
      for (const batch of batches) assert.equal(firstUpstream(batch), 'hits/0')
    }
  })
})
