import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { systemClock } from '../../std/clock.ts'
import { AT_ONCE, outgoing } from '../conformance/store.ts'
import { Cluster } from './cluster.ts'
import { type Dial, systemDial } from './dial.ts'
import { Fetcher } from './fetcher.ts'
import type { KafkaLog } from './kafka-log.ts'
import { Offsets } from './offsets.ts'
import { openKafkaIn, openKafkaLog } from './open.ts'
import { kafkaSettings } from './settings.ts'
import { testBrokers } from './testkit/brokers.ts'
import { REQUEST, watchRequests } from './testkit/watch-requests.ts'

async function opened(t: TestContext): Promise<KafkaLog> {
  const log = await openKafkaLog({ brokers: testBrokers() })
  t.after(() => log.close())
  return log
}

describe('a reader on Kafka', { timeout: 120_000, concurrency: true }, () => {
  for (const isWaiting of [false, true]) {
    it(`hears that its topic was deleted and created again ${isWaiting ? 'while it waits' : 'between two fetches'}`, async t => {
      const topic = `again-${crypto.randomUUID().slice(0, 8)}`
      const [log, other] = [await opened(t), await opened(t)]
      const make = () => other.createTopics([{ name: topic, partitions: 1, retentionMs: -1 }])
      await make()
      await other.append([outgoing(topic, 0, 'a', 'b')])
      const at = (offset: number) => [{ topic, partition: 0, offset }]
      assert.equal((await log.fetch(at(0), AT_ONCE))[0]!.batches.length, 1)
      const waiting = isWaiting ? log.fetch(at(2), { ...AT_ONCE, maxWaitMs: 30_000 }) : undefined
      await other.deleteTopics([topic])
      await make()
      await other.append([outgoing(topic, 0, 'others', 'altogether', 'and more')])
      const [found] = await (waiting ?? log.fetch(at(2), AT_ONCE))
      // A reader that waits may hear of the moment when there is none.
      if (isWaiting && found!.error?.code === 'unknown-topic') assert.equal(found!.error.retriable, false)
      else {
        assert.equal(found!.error?.code, 'topic-mismatch')
        assert.equal(found!.error.retriable, false)
        const told = new RegExp(`^Topic ${topic} was deleted and created again .* offset 2 `)
        assert.match(found!.error.message, told)
      }
      // Whoever has been told and goes on means the new one.
      assert.equal((await log.fetch(at(0), AT_ONCE))[0]!.batches.length, 1)
      await other.deleteTopics([topic])
    })
  }

  it('names to a broker only what is not as in the request before, and gets what comes', async t => {
    const topic = `idle-${crypto.randomUUID().slice(0, 8)}`
    const count = 40
    const sizes: number[] = []
    const dial: Dial = options =>
      watchRequests(systemDial(undefined)(options), (request, send, bytes) => {
        if (request === REQUEST.fetch) sizes.push(bytes)
        return send()
      })
    const log = await openKafkaIn({ dial }, { brokers: testBrokers() })
    t.after(() => log.close())
    await log.createTopics([{ name: topic, partitions: count, retentionMs: -1 }])
    const offsets = new Array<number>(count).fill(0)
    const fetch = async (): Promise<number[]> => {
      const at = offsets.map((offset, partition) => ({ topic, partition, offset }))
      const found = await log.fetch(at, { ...AT_ONCE, maxWaitMs: 200 })
      assert.equal(found.length, count)
      // A broker under load takes a second and more to lead what was just created.
      if (found.some(({ error }) => error?.retriable)) return fetch()
      for (const { partition, batches, error, highWatermark } of found) {
        assert.equal(error, undefined)
        if (batches.length > 0) offsets[partition] = highWatermark
      }
      return found.map(({ highWatermark }) => highWatermark)
    }
    // A broker that answers a moment before the time is asked once more within the same fetch.
    const sizesOfFetch = async () => {
      const before = sizes.length
      assert.deepEqual(await fetch(), offsets)
      return sizes.slice(before)
    }
    const [first, second] = [await sizesOfFetch(), await sizesOfFetch()]
    assert.ok(first[0]! > count * 30, `the first names all: ${first}`)
    assert.ok(Math.max(...second) < 150, `the second names none: ${second}`)
    for (const partition of [7, 31]) {
      await log.append([outgoing(topic, partition, 'a')])
      while (offsets[partition] === 0) await fetch()
    }
    const last = await sizesOfFetch()
    assert.ok(Math.max(...last) < 250, `the last names at most the one that changed: ${last}`)
    await log.deleteTopics([topic])
  })

  it('hears that its topic is gone', async t => {
    const topic = `gone-${crypto.randomUUID().slice(0, 8)}`
    const [log, other] = [await opened(t), await opened(t)]
    await other.createTopics([{ name: topic, partitions: 1 }])
    const at = [{ topic, partition: 0, offset: 0 }]
    await log.fetch(at, AT_ONCE)
    const waiting = log.fetch(at, { ...AT_ONCE, maxWaitMs: 30_000 })
    await other.deleteTopics([topic])
    const [found] = await waiting
    assert.equal(found!.error?.code, 'unknown-topic')
    assert.equal(found!.error.message, `There is no topic ${topic}`)
  })

  it('looks the leader up again when a broker does not know its epoch', async t => {
    const topic = `epoch-${crypto.randomUUID().slice(0, 8)}`
    const log = await opened(t)
    await log.createTopics([{ name: topic, partitions: 1, retentionMs: -1 }])
    await log.append([outgoing(topic, 0, 'a')])
    const settings = kafkaSettings({ 'bootstrap.servers': testBrokers() })
    const cluster = new Cluster({ settings, clock: systemClock, dial: systemDial(undefined) })
    t.after(() => cluster.close())
    await cluster.refresh([topic])
    const lookUp = cluster.topics.bind(cluster)
    let lookUps = 0
    cluster.topics = async names => {
      const views = await lookUp(names)
      if (++lookUps > 1) return views
      const { partitions, ...view } = views.get(topic)!
      const ahead = partitions.map(each => ({ ...each, leaderEpoch: each.leaderEpoch + 7 }))
      return new Map([[topic, { ...view, partitions: ahead }]])
    }
    const fetcher = new Fetcher(cluster, new Offsets(cluster))
    const [found] = await fetcher.fetch([{ topic, partition: 0, offset: 0 }], AT_ONCE)
    assert.equal(lookUps, 2)
    assert.equal(found!.error, undefined)
    assert.equal(found!.batches.length, 1)
    fetcher.close()
  })
})
