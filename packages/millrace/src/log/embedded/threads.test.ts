import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { startHandleThread, startLockHolder } from './testkit/children.ts'
import { directoryFor, openFor } from './testkit/directory.ts'
import { allValues, batchOf } from './testkit/records.ts'

const t0 = { topic: 't', partition: 0 }

describe('handles in several threads', () => {
  it('[9.1] write through the one commit thread of the process, and wake each other', async t => {
    const directory = await directoryFor(t)
    const log = await openFor(t, { directory })
    await log.createTopics([{ name: 't', partitions: 1 }])
    const worker = startHandleThread(await log.port())
    const ask = async (question: object) => {
      worker.postMessage(question)
      return (await once(worker, 'message'))[0]
    }
    assert.deepEqual(await ask({ append: 'theirs' }), { offset: 0 })
    const waiting = ask({ waitFrom: 1 })
    assert.deepEqual(await log.append([{ ...t0, bytes: batchOf(['ours']) }]), [1])
    assert.deepEqual(await waiting, { batches: 1 })
    const exit = once(worker, 'exit')
    assert.deepEqual(await ask({}), { values: ['theirs', 'ours'] })
    await exit
    assert.deepEqual(await log.append([{ ...t0, bytes: batchOf(['more']) }]), [2])
  })

  it('[9.1] commits that wait together are flushed together, in the order they came', async t => {
    const directory = await directoryFor(t)
    const log = await openFor(t, { directory })
    await log.createTopics([{ name: 't', partitions: 1 }])
    const holder = startLockHolder(t, directory, 'write')
    await holder.told('holding')
    const before = walBytes(directory)
    const values = Array.from({ length: 200 }, (_, i) => `${i}`)
    const appended = Promise.all(values.map(value => log.append([{ ...t0, bytes: batchOf([value]) }])))
    await holder.stop()
    const offsets = await appended
    assert.deepEqual(offsets.flat(), values.map(Number))
    assert.deepEqual(await allValues(log, 't'), values)
    const written = walBytes(directory) - before
    assert.ok(written < 1_000_000, `${written} bytes, as if few had waited together`)
  })

  it('[9.2] a handle that waits uses no processor time to speak of', async t => {
    const directory = await directoryFor(t)
    const log = await openFor(t, { directory })
    await log.createTopics([{ name: 't', partitions: 8 }])
    const positions = Array.from({ length: 8 }, (_, partition) => ({ topic: 't', partition, offset: 0 }))
    const limits = { maxBytes: 1 << 20, partitionMaxBytes: 1 << 20 }
    const before = process.threadCpuUsage()
    await log.fetch(positions, { ...limits, maxWaitMs: 1500 })
    const used = process.threadCpuUsage(before)
    assert.ok(used.user + used.system < 0.02 * 1_500_000 + 10_000, `${used.user + used.system} µs in 1.5 s`)
  })

  it('a program from the command line may open a log, and ends by itself though it never closes it', async t => {
    const directory = await directoryFor(t)
    const open = JSON.stringify(new URL('./open.ts', import.meta.url).href)
    const program = `const { openEmbeddedLog } = await import(${open})
      const log = await openEmbeddedLog({ directory: ${JSON.stringify(directory)} })
      await log.createTopics([{ name: 't', partitions: 1 }])`
    const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
      encoding: 'utf8',
      timeout: 20_000,
    })
    assert.equal(status, 0, stderr)
    const log = await openFor(t, { directory })
    assert.equal((await log.describeTopics()).length, 1)
  })

  it('a batch that has its memory to itself is sent without a copy, others are copied', async t => {
    const directory = await directoryFor(t)
    const log = await openFor(t, { directory })
    await log.createTopics([{ name: 't', partitions: 1 }])
    const own = batchOf(['x'.repeat(50_000)])
    const shared = new Uint8Array(own.length * 8)
    shared.set(own)
    const part = shared.subarray(0, own.length)
    await log.append([
      { ...t0, bytes: own },
      { ...t0, bytes: part },
    ])
    assert.equal(own.length, 0)
    assert.equal(part.length, shared.length / 8)
    assert.equal((await allValues(log, 't')).length, 2)
  })
})

/** Every commit adds the pages that it has changed. */
function walBytes(directory: string): number {
  return statSync(join(directory, 'log.db-wal')).size
}
