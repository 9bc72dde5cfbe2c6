import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openWriter } from './database.ts'
import type { EmbeddedLog } from './embedded-log.ts'
import { type Child, startAppender, startMember } from './testkit/children.ts'
import { directoryFor, openFor } from './testkit/directory.ts'
import { allValues, batchOf, until } from './testkit/records.ts'

const PARTITIONS = 6

describe('several processes over one directory', { concurrency: 2 }, () => {
  it('[9.4] share the work exactly once: one is killed, one frozen beyond its session and fenced, one stopped', async t => {
    const directory = await directoryFor(t)
    const log = await openFor(t, { directory })
    await log.createTopics([
      { name: 'in', partitions: PARTITIONS },
      { name: 'out', partitions: 1 },
    ])
    const start = () => startMember(t, directory)
    const [killed, frozen, stopped] = [start(), start(), start()]
    const owns = async (child: Child, count: number) => {
      const members = (await log.describeGroup('g'))?.members ?? []
      return members.some(member => member.pid === child.pid && member.assignment.length === count)
    }
    await until('each has its share', async () => {
      return (await owns(killed, 2)) && (await owns(frozen, 2)) && (await owns(stopped, 2))
    })

    await feed(log, 5)
    await killed.kill()
    await feed(log, 5)
    await until('the two left share', async () => (await owns(frozen, 3)) && (await owns(stopped, 3)))

    // Frozen in the middle of a commit it would hold the write lock, and nobody could go on: another test.
    await until('all is copied', async () => (await log.offsets('out'))[0]!.latest >= 10 * PARTITIONS)
    frozen.process.send({ type: 'remember' })
    await frozen.told('remembered')
    frozen.process.kill('SIGSTOP')
    await feed(log, 5)
    await until('one has everything', () => owns(stopped, PARTITIONS))
    frozen.process.send({ type: 'stale' })
    frozen.process.kill('SIGCONT')
    await frozen.told('fenced')
    await frozen.told('lost')
    await until('they share again', async () => (await owns(frozen, 3)) && (await owns(stopped, 3)))

    await feed(log, 5)
    assert.equal(await stopped.stop(), 0)
    assert.ok(!stopped.messages.some(message => message.type === 'lost'))
    await until('the last one has everything', () => owns(frozen, PARTITIONS))
    await feed(log, 5)
    await until('everything is copied', async () => (await log.offsets('out'))[0]!.latest >= 25 * PARTITIONS)
    assert.equal(await frozen.stop(), 0)

    const expected = Array.from(
      { length: 25 * PARTITIONS },
      (_, i) => `${i % PARTITIONS}:${Math.floor(i / PARTITIONS)}`,
    )
    assert.deepEqual((await allValues(log, 'out')).sort(), expected.sort())
  })

  it('[9.1] every acknowledged batch is there after kill -9 amid commits, and the offsets go on', async t => {
    const directory = await directoryFor(t)
    const log = await openFor(t, { directory })
    await log.createTopics([{ name: 't', partitions: 1 }])
    await log.close()
    for (const [round, acks] of [40, 133, 301].entries()) {
      const child = startAppender(t, directory, `r${round}`)
      await until('enough is acknowledged', () => child.messages.length >= acks)
      await child.kill()
      const after = await openFor(t, { directory })
      const values = await allValues(after, 't')
      for (const { value, offset } of child.messages) assert.equal(values[offset as number], value)
      await after.close()
    }
  })

  it('[9.4] others open the log while one writes to it without a pause', async t => {
    const directory = await directoryFor(t)
    const log = await openFor(t, { directory })
    await log.createTopics([{ name: 't', partitions: 1 }])
    const large = 'x'.repeat(256 * 1024)
    for (let round = 0; round < 10; round++) {
      // The commit thread works on them while this thread opens further connections.
      const appended = Array.from({ length: 20 }, () =>
        log.append([{ topic: 't', partition: 0, bytes: batchOf([large]) }]),
      )
      for (let i = 0; i < 10; i++) openWriter(directory, { fileBytesMax: -1 }).close()
      await Promise.all(appended)
    }
  })

  it('[9.4] two that append at once get offsets of their own', async t => {
    const directory = await directoryFor(t)
    const log = await openFor(t, { directory })
    await log.createTopics([{ name: 't', partitions: 1 }])
    const children = ['a', 'b'].map(name => startAppender(t, directory, name))
    await until('both are well ahead', () => children.every(child => child.messages.length >= 100))
    for (const child of children) await child.kill()
    const values = await allValues(log, 't')
    for (const { messages } of children) {
      for (const { value, offset } of messages) assert.equal(values[offset as number], value)
    }
  })
})

/** Appends `count` records to each partition of `in`. */
async function feed(log: EmbeddedLog, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const batches = Array.from({ length: PARTITIONS }, (_, partition) => ({
      topic: 'in',
      partition,
      bytes: batchOf(['x']),
    }))
    await log.append(batches)
  }
}
