import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { batchInfo } from '../../record/batch.ts'
import { systemClock } from '../../std/clock.ts'
import { AT_ONCE, outgoing, readAll } from '../conformance/store.ts'
import { Cluster } from './cluster.ts'
import { systemDial } from './dial.ts'
import type { KafkaLog } from './kafka-log.ts'
import { openKafkaLog } from './open.ts'
import { Producer } from './producer.ts'
import { kafkaSettings } from './settings.ts'
import { testBrokers } from './testkit/brokers.ts'
import { TransactionRequests } from './transaction-requests.ts'

const topic = `open-${crypto.randomUUID().slice(0, 8)}`
const ANY_VERSION = 99

/** A transaction that a test begins and ends at will. */
async function openTransaction(cluster: Cluster, transactionalId: string, value: string) {
  const requests = new TransactionRequests(cluster, transactionalId)
  const producer = new Producer({ cluster, lane: transactionalId, transactionalId })
  producer.use(await cluster.retry(() => requests.init()))
  await producer.write([outgoing(topic, 0, value)])
  return (isCommit: boolean) => requests.end(producer.identity!, isCommit, ANY_VERSION)
}

describe('a group', () => {
  it('shows the positions before an open transaction, and waits for the new ones only where they are asked for', async () => {
    const group = `${topic}-group`
    const place = { topic: `${topic}-positions`, partition: 0 }
    const log = await openKafkaLog({ brokers: testBrokers() })
    const settings = kafkaSettings({ 'bootstrap.servers': testBrokers() })
    const cluster = new Cluster({ settings, clock: systemClock, dial: systemDial(undefined) })
    await log.createTopics([{ name: place.topic, partitions: 1 }])
    await log.resetGroup(group, [{ ...place, offset: 3 }])
    const requests = new TransactionRequests(cluster, group)
    const producer = await cluster.retry(() => requests.init())
    await requests.addOffsets(producer, group)
    const position = { ...place, offset: 5, previousOffset: 3, metadata: new Uint8Array(0) }
    await requests.commitOffsets(producer, { group, memberId: '', generation: -1 }, [position], ANY_VERSION)
    const offsets = async () => (await log.describeGroup(group))!.positions.map(({ offset }) => offset)
    assert.deepEqual(await offsets(), [3])
    const committed = log.committed(group, [place])
    await requests.end(producer, true, ANY_VERSION)
    assert.deepEqual(
      (await committed).map(({ offset }) => offset),
      [5],
    )
    assert.deepEqual(await offsets(), [5])
    await log.deleteGroup(group)
    await log.deleteTopics([place.topic])
    await log.close()
    await cluster.close()
  })
})

describe('a reader of committed data', () => {
  let log: KafkaLog
  let cluster: Cluster
  before(async () => {
    log = await openKafkaLog({ brokers: testBrokers() })
    const settings = kafkaSettings({ 'bootstrap.servers': testBrokers() })
    cluster = new Cluster({ settings, clock: systemClock, dial: systemDial(undefined) })
    await log.createTopics([{ name: topic, partitions: 1, retentionMs: -1 }])
  })
  after(async () => {
    await log.deleteTopics([topic])
    await log.close()
    await cluster.close()
  })

  it('sees nothing of an open transaction, waits for it on demand, and reads it when it is committed', async () => {
    const end = await openTransaction(cluster, `${topic}-a`, 'late')
    const [bounds] = await log.offsets(topic)
    assert.equal(bounds!.latest, 1)
    const [now] = await log.fetch([{ topic, partition: 0, offset: 0 }], AT_ONCE)
    assert.deepEqual([now!.batches.length, now!.highWatermark], [0, 1])
    let isAnswered = false
    const waiting = log.fetch([{ topic, partition: 0, offset: 0 }], { ...AT_ONCE, waitForOpen: true })
    void waiting.then(() => {
      isAnswered = true
    })
    await setTimeout(300)
    assert.equal(isAnswered, false)
    await end(true)
    const [found] = await waiting
    assert.equal(batchInfo(found!.batches[0]!).recordCount, 1)
  })

  it('moves on over an aborted transaction', async () => {
    const [{ latest: from } = { latest: -1 }] = await log.offsets(topic)
    const end = await openTransaction(cluster, `${topic}-b`, 'never')
    await log.append([outgoing(topic, 0, 'beside it')])
    await end(false)
    const records = await readAll(log, { topic, partition: 0 }, from)
    assert.deepEqual(
      records.map(record => record.value),
      ['beside it'],
    )
    const [{ latest } = { latest: -1 }] = await log.offsets(topic)
    const options = { ...AT_ONCE, maxWaitMs: 5000 }
    let offset = from
    while (offset < latest) {
      const [found] = await log.fetch([{ topic, partition: 0, offset }], options)
      offset = batchInfo(found!.batches.at(-1)!).lastOffset + 1
    }
    assert.equal(offset, latest, 'the position reaches the high watermark over the markers')
  })
})
