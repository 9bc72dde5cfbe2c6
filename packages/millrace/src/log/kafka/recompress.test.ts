import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { batchInfo, checkBatch, isPadded } from '../../record/batch.ts'
import { RecordCursor } from '../../record/cursor.ts'
import { CorruptBatchError } from '../../record/errors.ts'
import { BatchWriter } from '../../record/writer.ts'
import { kafkaCodecs, lz4, snappy } from './codecs.ts'
import { emptyBatch, packed, readable, signed } from './recompress.ts'

function batchOf(values: readonly string[]): Uint8Array {
  const writer = new BatchWriter()
  for (const [i, text] of values.entries()) {
    const value = Buffer.from(text)
    writer.append(1000 + i, null, 0, 0, value, 0, value.length, null, 0, 0)
  }
  return writer.finish()
}

function valuesOf(batch: Uint8Array): string[] {
  const cursor = new RecordCursor()
  cursor.open(batch)
  const values: string[] = []
  while (cursor.next()) values.push(cursor.buffer.toString('utf8', cursor.valueStart, cursor.valueEnd))
  return values
}

const values = Array.from({ length: 2000 }, (_, i) => `value ${i} ${'again and '.repeat(i % 7)}`)

describe('compressed batches', () => {
  for (const codec of kafkaCodecs) {
    it(`of ${codec.name} are smaller and read as before`, () => {
      const batch = batchOf(values)
      const small = packed(batch, codec)
      assert.ok(small.length < batch.length / 2, `${small.length} of ${batch.length}`)
      assert.equal(small[22]! & 7, codec.id)
      checkBatch(small)
      const back = readable(small)
      assert.deepEqual(valuesOf(back), values)
      assert.ok(isPadded(back))
    })
  }

  it('that would not get smaller stay as they are', () => {
    const batch = batchOf(['x'])
    assert.equal(packed(batch, lz4), batch)
  })

  it('of snappy are read without the framing of Java, too', () => {
    const records = Buffer.from('ab'.repeat(50_000))
    const framed = Buffer.from(snappy.compress(records))
    assert.deepEqual(snappy.decompress(framed, 1 << 20), records)
    const small = Buffer.from('abcabcabcabc')
    const raw = Buffer.from(snappy.compress(small)).subarray(20)
    assert.deepEqual(Buffer.from(snappy.decompress(raw, 100)), small)
  })

  it('that unpack to more than is allowed, or are damaged, are refused', () => {
    const packedZeros = snappy.compress(Buffer.alloc(100_000))
    assert.throws(() => snappy.decompress(packedZeros, 99_999), /100000 bytes/)
    assert.throws(() => lz4.decompress(lz4.compress(Buffer.alloc(100_000)), 99_999), /100000 bytes/)
    const damaged = Buffer.from(packed(batchOf(values), lz4))
    damaged[100] = damaged[100]! ^ 1
    assert.throws(() => readable(damaged), CorruptBatchError)
  })
})

describe('batches on their way out', () => {
  it('say who made them and keep their records', () => {
    const batch = signed(batchOf(['a', 'b']), 2 ** 40 + 7, 3, 12, true)
    checkBatch(batch)
    const { producerId, producerEpoch, baseSequence, isTransactional } = batchInfo(batch)
    assert.deepEqual([producerId, producerEpoch, baseSequence, isTransactional], [2 ** 40 + 7, 3, 12, true])
    assert.deepEqual(valuesOf(batch), ['a', 'b'])
  })
})

describe('a batch for offsets without records', () => {
  it('moves a reader on and gives it nothing', () => {
    const batch = emptyBatch(41, 50)
    const cursor = new RecordCursor()
    cursor.open(batch)
    assert.deepEqual([cursor.baseOffset, cursor.lastOffset, cursor.next()], [41, 50, false])
    assert.ok(isPadded(batch))
  })
})
