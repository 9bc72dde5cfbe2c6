import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { json, topic } from '../index.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { RecordCursor } from '../record/cursor.ts'
import type { Serde } from '../serde/serde.ts'
import { systemClock } from '../std/clock.ts'
import { Sender } from './sender.ts'

const at = Date.UTC(2026, 0, 1)

/** The key and the time of the only record of a topic. */
async function written(log: MemoryLog, name: string): Promise<{ key: string; timestamp: number }> {
  const [fetched] = await log.fetch([{ topic: name, partition: 0, offset: 0 }], {
    maxWaitMs: 0,
    maxBytes: 1e6,
    partitionMaxBytes: 1e6,
  })
  const cursor = new RecordCursor()
  cursor.open(fetched!.batches[0]!)
  assert.ok(cursor.next())
  return {
    key: cursor.buffer.toString('utf8', cursor.keyStart, cursor.keyEnd),
    timestamp: cursor.timestamp,
  }
}

describe('a record that is sent', () => {
  it('[5.3] has the key of the value that was given and the time of the one that readers get', async () => {
    const log = new MemoryLog()
    const sender = new Sender(log, systemClock)
    const schema = z.object({ user: z.string().toLowerCase(), at: z.iso.datetime().transform(Date.parse) })
    const lowered = topic('lowered', {
      value: json(schema, { encode: false }),
      key: 'user',
      timestamp: 'at',
    })
    await sender.send(lowered, { user: 'Ann', at: new Date(at).toISOString() }, {})
    assert.deepEqual(await written(log, 'lowered'), { key: 'Ann', timestamp: at })
  })

  it('[5.3] has them where a serde of the user reads something else than it takes', async () => {
    const log = new MemoryLog()
    const sender = new Sender(log, systemClock)
    const pairs: Serde<{ user: string; at: number }, string> = {
      format: 'pairs',
      id: 'pairs',
      serialize: line => Buffer.from(line),
      deserialize: (bytes, start, end) => {
        const [user, time] = Buffer.from(bytes.subarray(start, end)).toString().split(' ')
        return { user: user!, at: Number(time) }
      },
    }
    const lines = topic('lines', { value: pairs, key: line => line.slice(0, 3), timestamp: v => v.at })
    await sender.send(lines, `ann ${at}`, {})
    assert.deepEqual(await written(log, 'lines'), { key: 'ann', timestamp: at })
  })

  it('[5.6] is given as output where a schema encodes, and keyed by that', async () => {
    const log = new MemoryLog()
    const sender = new Sender(log, systemClock)
    const schema = z.object({ user: z.string(), at: z.iso.datetime().transform(Date.parse) })
    const encode = (v: z.output<typeof schema>) => ({ ...v, at: new Date(v.at).toISOString() })
    const dated = topic('dated', { value: json(schema, { encode }), key: 'user', timestamp: 'at' })
    await sender.send(dated, { user: 'ann', at }, {})
    assert.deepEqual(await written(log, 'dated'), { key: 'ann', timestamp: at })
  })
})
