import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { AT_ONCE, outgoing } from '../conformance/store.ts'
import type { KafkaLog } from './kafka-log.ts'
import { openKafkaLog } from './open.ts'
import { testBrokers } from './testkit/brokers.ts'

const topic = `fetching-${crypto.randomUUID().slice(0, 8)}`

describe('fetching from Kafka', () => {
  let log: KafkaLog
  before(async () => {
    log = await openKafkaLog({ brokers: testBrokers() })
    await log.createTopics([{ name: topic, partitions: 2, retentionMs: -1 }])
    await log.append([outgoing(topic, 0, 'zero'), outgoing(topic, 1, 'one')])
  })
  after(async () => {
    await log.deleteTopics([topic])
    await log.close()
  })
  const both = [0, 1].map(partition => ({ topic, partition, offset: 0 }))
  const memoryOf = (batches: readonly Uint8Array[]) => batches[0]!.buffer

  it('uses memory again when all partitions of an answer are done with, and not before', async () => {
    const [zero, one] = await log.fetch(both, AT_ONCE)
    assert.equal(memoryOf(zero!.batches), memoryOf(one!.batches))
    zero!.release!()
    const [again] = await log.fetch(both, AT_ONCE)
    assert.notEqual(memoryOf(again!.batches), memoryOf(one!.batches))
    one!.release!()
    const [third] = await log.fetch(both, AT_ONCE)
    assert.equal(memoryOf(third!.batches), memoryOf(one!.batches))
  })

  it('has nothing to wait for when nothing is asked', async () => {
    assert.deepEqual(await log.fetch([], { ...AT_ONCE, maxWaitMs: 60_000 }), [])
  })

  it('takes over what an aborted fetch had asked for', async () => {
    const end = both.map(position => ({ ...position, offset: 1 }))
    const abort = new AbortController()
    const options = { ...AT_ONCE, maxWaitMs: 4000 }
    const first = log.fetch(end, { ...options, signal: abort.signal })
    await log.offsets(topic)
    abort.abort(new Error('enough'))
    await assert.rejects(first, /enough/)
    const second = log.fetch(end, options)
    await log.append([outgoing(topic, 1, 'two')])
    const found = (await second).find(part => part.partition === 1)
    assert.equal(found!.batches.length, 1)
  })

  it('answers two readers of one partition with memory of their own', async () => {
    const position = [{ topic, partition: 0, offset: 1 }]
    const options = { ...AT_ONCE, maxWaitMs: 4000 }
    const readers = [log.fetch(position, options), log.fetch(position, options)]
    await log.append([outgoing(topic, 0, 'three')])
    const [one, other] = await Promise.all(readers)
    assert.notEqual(memoryOf(one![0]!.batches), memoryOf(other![0]!.batches))
  })
})
