import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { RecordCursor } from '../../record/cursor.ts'
import { BatchWriter } from '../../record/writer.ts'
import type { EmbeddedLog } from './embedded-log.ts'
import { startLockHolder } from './testkit/children.ts'
import { directoryFor, openFor } from './testkit/directory.ts'
import { allValues, batchOf, until } from './testkit/records.ts'

const MB = 1_000_000
const RETENTION_BYTES = 8 * MB

describe('limits of size', { concurrency: true }, () => {
  it('[9.3] 200 MB pushed through 8 MB of retention leave at most 20 MB, with a frozen reader on the way', async t => {
    const directory = await directoryFor(t)
    const warnings: string[] = []
    const log = await openFor(t, { directory, walBytes: MB, onWarning: warning => warnings.push(warning) })
    await log.createTopics([{ name: 't', partitions: 1, retentionBytes: RETENTION_BYTES }])
    await push(log, 80 * MB)
    const reader = startLockHolder(t, directory, 'read')
    await reader.told('holding')
    await until('the frozen reader is named', async () => {
      await push(log, 8 * MB)
      return warnings.some(text => text.includes(`process ${reader.pid} `))
    })
    await reader.stop()
    await push(log, 80 * MB)
    await until('the write-ahead log is cut', () => sizes(directory).wal === 0)
    const { database } = sizes(directory)
    assert.ok(database <= 2.5 * RETENTION_BYTES, `${database / MB} MB are left`)
    const [bounds] = await log.offsets('t')
    assert.ok(bounds!.bytes! <= 1.3 * RETENTION_BYTES, `${bounds!.bytes! / MB} MB of batches are left`)
    assert.ok(bounds!.earliest > 0)
  })

  it('[9.3] the space of a deleted topic is used again, and given back when most of the file is free', async t => {
    const directory = await directoryFor(t)
    const log = await openFor(t, { directory, walBytes: MB })
    for (const name of ['first', 'second']) {
      await log.createTopics([{ name, partitions: 1 }])
      await push(log, 100 * MB, name)
      await log.deleteTopics([name])
      await log.clean()
    }
    await until('the write-ahead log is cut', () => sizes(directory).wal === 0)
    const { database } = sizes(directory)
    assert.ok(database < 80 * MB, `${database / MB} MB are left`)
  })
})

describe('limits of age', () => {
  it('[9.5] old records that were just written outlive the rounds that the log makes by itself', async t => {
    const directory = await directoryFor(t)
    const log = await openFor(t, { directory, cleanEveryMs: 20 })
    await log.createTopics([
      { name: 'replayed', partitions: 1, retentionMs: 3_600_000 },
      { name: 'shortest', partitions: 1, retentionMs: 0 },
    ])
    const append = (topic: string) =>
      log.append([{ topic, partition: 0, bytes: batchOf(['old'], Date.UTC(2020, 0)) }])
    await append('replayed')
    // The round that drops the second has begun after the first was dropped, and so goes over all topics.
    for (const dropped of [1, 2]) {
      await append('shortest')
      await until('a round has cleaned', async () => (await log.offsets('shortest'))[0]!.earliest === dropped)
    }
    assert.deepEqual(await allValues(log, 'replayed'), ['old'])
  })
})

describe('compaction', () => {
  it('keeps what is newest of many keys over many rounds, and the offsets', async t => {
    const directory = await directoryFor(t)
    const log = await openFor(t, { directory })
    await log.createTopics([{ name: 'c', partitions: 1, cleanup: 'compact' }])
    const newest = new Map<string, string>()
    for (let round = 0; round < 6; round++) {
      const writer = new BatchWriter()
      for (let i = 0; i < 500; i++) {
        const [key, value] = [`k${(i * 7 + round * 31) % 700}`, `${round}.${i}`]
        writer.append(1000, Buffer.from(key), 0, key.length, Buffer.from(value), 0, value.length)
        newest.set(key, value)
      }
      await log.append([{ topic: 'c', partition: 0, bytes: writer.finish() }])
      if (round % 2 === 1) await log.clean()
    }
    const [bounds] = await log.offsets('c')
    assert.equal(bounds!.latest, 3000)
    const limits = { maxWaitMs: 0, maxBytes: 1 << 20, partitionMaxBytes: 1 << 20 }
    const [found] = await log.fetch([{ topic: 'c', partition: 0, offset: 0 }], limits)
    const values = found!.batches.flatMap(valuesOf)
    assert.deepEqual(values.sort(), [...newest.values()].sort())
  })
})

describe('times', () => {
  it('are found among thousands of batches, before and after older ones are dropped', async t => {
    const directory = await directoryFor(t)
    const log = await openFor(t, { directory })
    await log.createTopics([{ name: 't', partitions: 1, retentionMs: -1 }])
    const times = Array.from({ length: 500 }, (_, i) => (i === 100 ? 900_000 : 1000 + i * 10 + (i % 3) * 7))
    await Promise.all(
      times.map((time, i) => log.append([{ topic: 't', partition: 0, bytes: batchOf([`${i}`], time) }])),
    )
    for (const trimmed of [0, 50, 101, 300]) {
      await log.trim([{ topic: 't', partition: 0, offset: trimmed }])
      for (const wanted of [0, 1000, 1500, 1999, 4321, 5990, 6000, 1_000_000]) {
        const expected = times.findIndex((time, i) => i >= trimmed && time >= wanted)
        assert.equal(
          await log.offsetForTime('t', 0, wanted),
          expected < 0 ? 500 : expected,
          `${wanted} from ${trimmed}`,
        )
      }
    }
    assert.equal((await allValues(log, 't')).length, 200)
  })
})

function valuesOf(batch: Uint8Array): string[] {
  const cursor = new RecordCursor()
  const values: string[] = []
  cursor.open(batch)
  while (cursor.next()) values.push(cursor.buffer.toString('utf8', cursor.valueStart, cursor.valueEnd))
  return values
}

async function push(log: EmbeddedLog, bytes: number, topic = 't'): Promise<void> {
  const value = 'x'.repeat(200_000)
  for (let pushed = 0; pushed < bytes; pushed += value.length * 4) {
    await log.append(
      Array.from({ length: 4 }, () => ({ topic, partition: 0, bytes: batchOf([value], Date.now()) })),
    )
  }
}

function sizes(directory: string): { database: number; wal: number } {
  const size = (name: string) => statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0
  return { database: size('log.db'), wal: size('log.db-wal') }
}
