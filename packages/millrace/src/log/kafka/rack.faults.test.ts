import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startCluster, type TestCluster } from '../../../../../tools/kafka/cluster.ts'
import { systemClock } from '../../std/clock.ts'
import { AT_ONCE, outgoing } from '../conformance/store.ts'
import { Cluster } from './cluster.ts'
import { type Dial, systemDial } from './dial.ts'
import { openKafkaIn, openKafkaLog } from './open.ts'
import { kafkaSettings } from './settings.ts'
import { isWithoutJava } from './testkit/java-client.ts'
import { REQUEST, watchRequests } from './testkit/watch-requests.ts'

const topic = 'racks'

describe('three brokers in three racks', { skip: isWithoutJava, timeout: 400_000 }, () => {
  let cluster: TestCluster
  before(async () => {
    cluster = await startCluster(3, { hasRacks: true })
  })
  after(() => cluster?.stop())

  async function leaderOf(): Promise<number> {
    const settings = kafkaSettings({ 'bootstrap.servers': cluster.brokers.join(',') })
    const view = new Cluster({ settings, clock: systemClock, dial: systemDial(undefined) })
    try {
      return (await view.refresh([topic]))[0]!.partitions[0]!.leader
    } finally {
      await view.close()
    }
  }

  it('serve a reader from its own rack, and from the leader when the broker there is gone', async t => {
    const writer = await openKafkaLog({ brokers: cluster.brokers })
    t.after(() => writer.close())
    await writer.createTopics([{ name: topic, partitions: 1, retentionMs: -1 }])
    const values = Array.from({ length: 30 }, (_, i) => `${i}`)
    await writer.append([outgoing(topic, 0, ...values.slice(0, 10))])
    const leader = await leaderOf()
    const near = [1, 2, 3].find(id => id !== leader)!
    /** Fetch requests by the port they went to. */
    const fetches = new Map<number, number>()
    const dial: Dial = options => {
      const { port } = options as { port: number }
      return watchRequests(systemDial(undefined)(options), (request, send) => {
        if (request === REQUEST.fetch) fetches.set(port, (fetches.get(port) ?? 0) + 1)
        return send()
      })
    }
    const fetchesOf = (id: number) => fetches.get(Number(cluster.brokers[id - 1]!.split(':')[1])) ?? 0
    const kafka = { 'client.rack': `rack-${near}` }
    const reader = await openKafkaIn({ dial }, { brokers: cluster.brokers, kafka })
    t.after(() => reader.close())
    let offset = 0
    const readTo = async (end: number) => {
      while (offset < end) {
        const [found] = await reader.fetch([{ topic, partition: 0, offset }], { ...AT_ONCE, maxWaitMs: 1000 })
        if (found!.error !== undefined) assert.ok(found!.error.retriable, found!.error.message)
        if (found!.batches.length > 0) offset += 10
      }
    }
    await readTo(10)
    assert.equal(fetchesOf(leader), 1, 'the leader was asked once, and named the nearer one')
    assert.ok(fetchesOf(near) > 0)
    await writer.append([outgoing(topic, 0, ...values.slice(10, 20))])
    await readTo(20)
    assert.equal(fetchesOf(leader), 1)
    await cluster.kill(near)
    await writer.append([outgoing(topic, 0, ...values.slice(20))])
    await readTo(30)
    assert.ok(fetchesOf(leader) > 1, 'the leader serves it again')
  })
})
