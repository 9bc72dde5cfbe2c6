import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startCluster, type TestCluster } from '../../../../../tools/kafka/cluster.ts'
import { outgoing } from '../conformance/store.ts'
import { openKafkaLog } from './open.ts'
import { isWithoutJava } from './testkit/java-client.ts'

describe('replication of topics on three brokers', { skip: isWithoutJava, timeout: 180_000 }, () => {
  let cluster: TestCluster
  before(async () => {
    cluster = await startCluster(3)
  })
  after(() => cluster?.stop())

  async function topicWith(name: string, kafka: Record<string, number>, own: Record<string, string> = {}) {
    const log = await openKafkaLog({
      brokers: cluster.brokers,
      kafka: { 'delivery.timeout.ms': 5_000, ...kafka },
    })
    try {
      await log.createTopics([{ name, partitions: 2, kafka: own }])
      const [info] = await log.describeTopics([name])
      await log.append([outgoing(name, 1, 'a')])
      const { 'replication.factor': replicas, 'min.insync.replicas': insync } = info!.kafka!
      return { replicas, insync }
    } finally {
      await log.close()
    }
  }

  it('follows the settings of the connection', async () => {
    const made = await topicWith('both', { 'replication.factor': 3, 'min.insync.replicas': 2 })
    assert.deepEqual(made, { replicas: '3', insync: '2' })
  })

  it('follows the settings of the topic before those', async () => {
    const own = { 'replication.factor': '2', 'min.insync.replicas': '1' }
    const made = await topicWith('own', { 'replication.factor': 3, 'min.insync.replicas': 2 }, own)
    assert.deepEqual(made, { replicas: '2', insync: '1' })
  })

  it('cannot be wider than there are brokers, and says so', async () => {
    await assert.rejects(topicWith('wide', { 'replication.factor': 4 }), /INVALID_REPLICATION_FACTOR.*4/)
  })

  it('holds appends back while too few replicas are there, and lets them through again', async () => {
    const log = await openKafkaLog({ brokers: cluster.brokers, kafka: { 'request.timeout.ms': 3_000 } })
    try {
      await log.createTopics([
        { name: 'strict', partitions: 1, kafka: { 'replication.factor': '3', 'min.insync.replicas': '3' } },
      ])
      await log.append([outgoing('strict', 0, 'before')])
      await cluster.kill(3)
      let isDone = false
      const appended = log.append([outgoing('strict', 0, 'during')]).then(() => {
        isDone = true
      })
      const next = log.append([outgoing('strict', 0, 'next')])
      // Another topic takes records meanwhile, through the same handle.
      await log.createTopics([
        { name: 'lax', partitions: 1, kafka: { 'replication.factor': '2', 'min.insync.replicas': '1' } },
      ])
      await log.append([outgoing('lax', 0, 'a')])
      assert.equal(isDone, false)
      await cluster.start(3)
      await appended
      assert.deepEqual(await next, [2])
      assert.equal((await log.offsets('strict'))[0]!.latest, 3)
    } finally {
      await log.close()
    }
  })
})
