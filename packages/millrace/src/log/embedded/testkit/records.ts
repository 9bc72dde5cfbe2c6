import assert from 'node:assert/strict'
import { RecordCursor } from '../../../record/cursor.ts'
import { BatchWriter } from '../../../record/writer.ts'
import { systemClock } from '../../../std/clock.ts'
import type { Log } from '../../log.ts'

/** Looks again and again, for at most 30 s. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 1500; i++) {
    if (await condition()) return
    await new Promise<void>(resolve => systemClock.after(20, resolve))
  }
  assert.fail(`Not within 30 s: ${what}`)
}

export function batchOf(values: readonly string[], timestamp = 1000): Uint8Array {
  const writer = new BatchWriter()
  for (const text of values) {
    const value = Buffer.from(text)
    writer.append(timestamp, null, 0, 0, value, 0, value.length)
  }
  return writer.finish()
}

/** Every value of the partition, in order, with its offset checked to follow the one before. */
export async function allValues(log: Log, topic: string, partition = 0): Promise<string[]> {
  const { earliest, latest } = (await log.offsets(topic))[partition]!
  const values: string[] = []
  const cursor = new RecordCursor()
  for (let offset = earliest; offset < latest; ) {
    const limits = { maxWaitMs: 0, maxBytes: 1 << 20, partitionMaxBytes: 1 << 20 }
    const [found] = await log.fetch([{ topic, partition, offset }], limits)
    assert.equal(found!.error, undefined)
    for (const batch of found!.batches) {
      cursor.open(batch)
      while (cursor.next()) {
        assert.equal(cursor.offset, offset++)
        values.push(cursor.buffer.toString('utf8', cursor.valueStart, cursor.valueEnd))
      }
    }
  }
  return values
}
