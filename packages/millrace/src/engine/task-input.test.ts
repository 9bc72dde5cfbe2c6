import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { batchOf } from '../log/conformance/store.ts'
import type { FetchedPartition } from '../log/log.ts'
import { setBaseOffset } from '../record/batch.ts'
import { nextOffset } from './next-offset.ts'
import { TaskInput } from './task-input.ts'

function inputAt(offset: number): TaskInput {
  const origin = {} as TaskInput['origin']
  return new TaskInput({
    loop: 0,
    index: 0,
    topic: 't',
    partition: 0,
    origin,
    channel: 0,
    judgedAt: 0,
    keyKind: 0,
    offset,
    committedOffset: -1,
  })
}

function batchAt(offset: number, ...timestamps: number[]): Uint8Array {
  const bytes = batchOf(timestamps.map(timestamp => ({ value: 'v', timestamp })))
  setBaseOffset(bytes, offset)
  return bytes
}

function offer(input: TaskInput, ...batches: Uint8Array[]): void {
  const fetched = {
    topic: 't',
    partition: 0,
    offset: input.fetchOffset,
    batches,
    highWatermark: 100,
    logStartOffset: 0,
  }
  input.offer(fetched satisfies FetchedPartition, nextOffset, 0)
}

describe('what an input has read', () => {
  it('is counted batch by batch, without what was processed before a restart', () => {
    const input = inputAt(2)
    offer(input, batchAt(0, 1, 2, 3), batchAt(3, 4, 5))
    assert.equal(input.recordsRead, 0)
    input.openBatch()
    assert.equal(input.recordsRead, 1)
    input.closeBatch()
    input.openBatch()
    assert.equal(input.recordsRead, 3)
    assert.ok(input.bytesRead > 100)
  })

  it('says about when the next record was made', () => {
    const input = inputAt(0)
    assert.equal(input.nextTimestamp, undefined)
    offer(input, batchAt(0, 10, 30), batchAt(2, 40))
    assert.equal(input.nextTimestamp, 10, 'the first that waits')
    input.openBatch()
    assert.equal(input.nextTimestamp, 10, 'the batch in work')
    input.closeBatch()
    assert.equal(input.nextTimestamp, 40, 'the next that waits')
    input.openBatch()
    input.closeBatch()
    assert.equal(input.nextTimestamp, 40, 'the last one before what is not fetched yet')
  })
})
