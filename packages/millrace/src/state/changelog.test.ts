import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BufferPool } from '../std/buffer-pool.ts'
import { ChangelogBatches, RowTooLargeError } from './changelog.ts'
import { recordsOf } from './fixtures.test.ts'

function append(sink: ChangelogBatches, key: string, valueBytes: number | null): void {
  const value = valueBytes === null ? null : Buffer.alloc(valueBytes)
  sink.append(0, Buffer.from(key), 0, key.length, value, 0, value?.length ?? 0)
}

const keysOf = (batch: Uint8Array) => recordsOf([batch]).map(({ key }) => key.toString())

describe('the batches of a changelog', () => {
  it('hold 1 MB, or one record that is larger where the topic takes it, in order', () => {
    const sink = new ChangelogBatches(3_000_000)
    for (const key of ['a', 'b', 'c']) append(sink, key, 400_000)
    append(sink, 'large', 2_500_000)
    append(sink, 'd', null)
    append(sink, 'larger', 2_900_000)
    const batches = sink.finish()
    assert.deepEqual(batches.map(keysOf), [['a', 'b'], ['c'], ['large'], ['d'], ['larger']])
    assert.ok(batches.every(({ length }) => length <= 3_000_000))
  })

  it('lie in memory of a pool, commit after commit in the same few pieces of it', () => {
    const pool = new BufferPool()
    const sink = new ChangelogBatches(1_000_000, pool)
    const memory = new Set<ArrayBufferLike>()
    for (let commit = 0; commit < 10; commit++) {
      const keys = Array.from({ length: 300 + commit }, (_, i) => `${commit} ${i}`)
      for (const key of keys) append(sink, key, 5_000)
      const batches = sink.finish()
      assert.deepEqual(batches.flatMap(keysOf), keys)
      for (const { buffer } of batches) memory.add(buffer)
      for (const batch of batches) pool.giveWhole(batch.fill(0xff))
    }
    assert.ok(memory.size <= 4)
  })

  it('are no larger than a record may be', () => {
    const sink = new ChangelogBatches(3_000)
    for (const key of ['a', 'b', 'c']) append(sink, key, 1_200)
    const batches = sink.finish()
    assert.deepEqual(batches.map(keysOf), [['a', 'b'], ['c']])
    assert.ok(batches.every(({ length }) => length <= 3_000))
  })

  it('refuse a record that is larger, with its key and size', () => {
    for (const [limit, bytes] of [
      [undefined, 1_000_000],
      [3_000_000, 3_000_000],
    ]) {
      const sink = new ChangelogBatches(limit)
      append(sink, 'a', 10)
      assert.throws(
        () => append(sink, 'large', bytes!),
        (error: unknown) =>
          error instanceof RowTooLargeError &&
          error.key.toString() === 'large' &&
          error.bytes > bytes! &&
          error.maxBytes === bytes,
      )
    }
  })
})
