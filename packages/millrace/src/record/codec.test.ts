import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RecordCursor } from './cursor.ts'
import { BatchWriter } from './writer.ts'

describe('record batches', () => {
  it('gives back what was appended', () => {
    const writer = new BatchWriter({ initialBytes: 256 })
    const key = Buffer.from('key')
    for (let i = 0; i < 1000; i++) {
      const value = Buffer.from(`value ${'x'.repeat(i % 300)} ${i}`)
      writer.append(
        1000 + i * 37 * (i % 2 ? -1 : 1),
        i % 3 ? key : null,
        0,
        3,
        i % 7 ? value : null,
        0,
        value.length,
      )
      const at = writer.beginRecord(i, key, 0, 3, value.length)
      value.copy(writer.buffer, at)
      writer.endRecord(at + value.length)
    }
    const cursor = new RecordCursor()
    cursor.open(writer.finish())
    for (let i = 0; i < 1000; i++) {
      const value = `value ${'x'.repeat(i % 300)} ${i}`
      assert.ok(cursor.next())
      assert.equal(cursor.offset, 2 * i)
      assert.equal(cursor.timestamp, 1000 + i * 37 * (i % 2 ? -1 : 1))
      assert.equal(cursor.keyStart < 0, i % 3 === 0)
      if (i % 7) assert.equal(cursor.buffer.toString('utf8', cursor.valueStart, cursor.valueEnd), value)
      else assert.equal(cursor.valueStart, -1)
      assert.ok(cursor.next())
      assert.equal(cursor.timestamp, i)
      assert.equal(cursor.buffer.toString('utf8', cursor.valueStart, cursor.valueEnd), value)
    }
    assert.equal(cursor.next(), false)
  })
})
