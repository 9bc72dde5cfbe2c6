import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FetchedPartition, FetchOptions, FetchPosition } from '../log/log.ts'
import { MemoryBroker } from '../log/memory/broker.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { BatchWriter } from '../record/writer.ts'
import { changelogParts } from './changelog-parts.ts'

const changelog = { topic: 'counts.changelog', partition: 0 }
/** So large that an answer holds no second one. */
const batchBytes = 3 * 1024 * 1024

/** Notes what is asked, answered and given back. */
class NotingLog extends MemoryLog {
  readonly events: string[] = []
  signal: AbortSignal | undefined

  override async fetch(positions: readonly FetchPosition[], options: FetchOptions) {
    const { offset } = positions[0]!
    this.signal = options.signal
    this.events.push(`asked ${offset}`)
    const answer: FetchedPartition[] = await super.fetch(positions, options)
    return answer.map(part => ({ ...part, release: () => void this.events.push(`released ${offset}`) }))
  }
}

/** Three batches of two records. */
async function filled(): Promise<NotingLog> {
  const log = new NotingLog(new MemoryBroker())
  await log.createTopics([{ name: changelog.topic, partitions: 1, cleanup: 'compact' }])
  const value = Buffer.alloc(batchBytes / 2)
  for (let batch = 0; batch < 3; batch++) {
    const writer = new BatchWriter()
    for (const key of ['a', 'b']) writer.append(0, Buffer.from(key), 0, 1, value, 0, value.length)
    await log.append([{ ...changelog, bytes: writer.finish() }])
  }
  return log
}

describe('the parts of a changelog', () => {
  it('come while the one before is worked on, whose memory goes back then', async () => {
    const log = await filled()
    for await (const { offset } of changelogParts({ log, changelog, from: 1, end: 6 }))
      log.events.push(`works on ${offset}`)
    assert.deepEqual(log.events, [
      ...['asked 1', 'asked 2', 'works on 1', 'released 1'],
      ...['asked 4', 'works on 2', 'released 2'],
      ...['works on 4', 'released 4'],
    ])
  })

  it('[2.3] end where the changelog ended, whatever comes behind', async () => {
    const log = await filled()
    const offsets: number[] = []
    for await (const { offset } of changelogParts({ log, changelog, from: 0, end: 4 })) offsets.push(offset)
    assert.deepEqual(offsets, [0, 2])
    for await (const part of changelogParts({ log, changelog, from: 4, end: 4 }))
      assert.fail(`${part.offset}`)
  })

  it('[2.6] go on where the changelog begins when it was trimmed meanwhile', async () => {
    const log = await filled()
    await log.trim([{ ...changelog, offset: 2 }])
    const offsets: number[] = []
    for await (const { offset } of changelogParts({ log, changelog, from: 0, end: 6 })) offsets.push(offset)
    assert.deepEqual(offsets, [2, 4])
  })

  it('that were asked for ahead are given up, and given back, when one cannot be used', async () => {
    const log = await filled()
    const use = async () => {
      for await (const { offset } of changelogParts({ log, changelog, from: 0, end: 6 }))
        throw new Error(`${offset} is damaged`)
    }
    await assert.rejects(use(), { message: '0 is damaged' })
    assert.equal(log.signal?.aborted, true)
    await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual(log.events, ['asked 0', 'asked 2', 'released 2'])
  })

  it('that cannot be had fail in their turn, behind those before them', async () => {
    const log = await filled()
    const offsets: number[] = []
    const read = async () => {
      for await (const { offset } of changelogParts({ log, changelog, from: 0, end: 6 })) {
        offsets.push(offset)
        if (offset === 0) await log.deleteTopics([changelog.topic])
        await new Promise(resolve => setImmediate(resolve))
      }
    }
    await assert.rejects(read(), { code: 'unknown-topic' })
    assert.deepEqual(offsets, [0, 2])
  })
})
