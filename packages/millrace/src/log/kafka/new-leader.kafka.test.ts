import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { systemClock } from '../../std/clock.ts'
import { AT_ONCE, outgoing } from '../conformance/store.ts'
import { Cluster } from './cluster.ts'
import { systemDial } from './dial.ts'
import { Fetcher } from './fetcher.ts'
import type { KafkaLog } from './kafka-log.ts'
import { Offsets } from './offsets.ts'
import { openKafkaLog } from './open.ts'
import { kafkaSettings } from './settings.ts'
import { testBrokers } from './testkit/brokers.ts'

const topic = `new-leader-${crypto.randomUUID().slice(0, 8)}`

describe('a leader that does not know yet how far the one before had come', () => {
  let log: KafkaLog
  let cluster: Cluster
  let offsets: Offsets
  let fetcher: Fetcher
  before(async () => {
    log = await openKafkaLog({ brokers: testBrokers() })
    const settings = kafkaSettings({ 'bootstrap.servers': testBrokers() })
    cluster = new Cluster({ settings, clock: systemClock, dial: systemDial(undefined) })
    offsets = new Offsets(cluster)
    fetcher = new Fetcher(cluster, offsets)
    await log.createTopics([{ name: topic, partitions: 1, retentionMs: -1 }])
    await log.append([outgoing(topic, 0, 'zero')])
  })
  after(async () => {
    fetcher.close()
    await cluster.close()
    await log.deleteTopics([topic])
    await log.close()
  })

  it('[2.3] [3.4] does not make the end of a partition lower, and a reader that must have all waits for the rest', async () => {
    const [view] = await cluster.refresh([topic])
    // What the one before has said.
    offsets.highWatermarks.raise(view!.id, 0, 2)
    assert.equal((await offsets.bounds(topic))[0]!.latest, 2)
    const end = [{ topic, partition: 0, offset: 1 }]
    const [now] = await fetcher.fetch(end, AT_ONCE)
    assert.deepEqual([now!.batches.length, now!.highWatermark], [0, 2], 'not drained')
    let isAnswered = false
    const waiting = fetcher.fetch(end, { ...AT_ONCE, waitForOpen: true })
    void waiting.then(() => {
      isAnswered = true
    })
    // Several round trips to the same broker.
    for (let i = 0; i < 5; i++) await offsets.bounds(topic)
    assert.equal(isAnswered, false, 'nothing there is not taken for nothing to come')
    await log.append([outgoing(topic, 0, 'one')])
    const [found] = await waiting
    assert.deepEqual([found!.batches.length, found!.highWatermark], [1, 2])
  })
})
