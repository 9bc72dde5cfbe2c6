import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { outgoing, readAll } from '../conformance/store.ts'
import type { KafkaLog } from './kafka-log.ts'
import { openKafkaLog } from './open.ts'
import { testBrokers } from './testkit/brokers.ts'
import { isWithoutJava, java } from './testkit/java-client.ts'

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const count = 500
const records = Array.from({ length: count }, (_, i) => ({
  key: `key ${i}`,
  value: `value ${i} ${'again '.repeat(i % 9)}`,
  timestamp: 1000 + i,
}))

describe('in every codec', () => {
  const run = crypto.randomUUID().slice(0, 8)
  const logs = new Map<string, KafkaLog>()
  const topicOf = (codec: string, writer: string) => `codec-${run}-${codec}-${writer}`
  const all = (writer: string) => codecs.map(codec => topicOf(codec, writer))

  before(async () => {
    for (const codec of codecs)
      logs.set(codec, await openKafkaLog({ brokers: testBrokers(), kafka: { 'compression.type': codec } }))
    const names = [...all('ours'), ...all('java')]
    await logs.get('none')!.createTopics(names.map(name => ({ name, partitions: 1, retentionMs: -1 })))
  })
  after(async () => {
    await logs.get('none')!.deleteTopics([...all('ours'), ...all('java')])
    for (const log of logs.values()) await log.close()
  })

  it('what is written is read as it was', async () => {
    for (const [codec, log] of logs) {
      const topic = topicOf(codec, 'ours')
      await log.append([outgoing(topic, 0, ...records)])
      const read = await readAll(log, { topic, partition: 0 })
      const expected = records.map((record, offset) => ({ offset, ...record }))
      assert.deepEqual(read, expected, codec)
    }
  })

  it('what is written is read by Java', { timeout: 60_000, skip: isWithoutJava }, async () => {
    const topics = codecs.map(codec => `${topicOf(codec, 'ours')}=${codec}`)
    const lines = Map.groupBy(
      await java('consume', testBrokers(), String(count), ...topics),
      line => line[0]!,
    )
    const expected = records.map(({ key, value, timestamp }, i) => [`${i}`, `${timestamp}`, key, value])
    for (const topic of all('ours')) {
      const read = lines.get(topic)?.map(line => line.slice(1))
      assert.deepEqual(read, expected, topic)
    }
  })

  it('what Java writes is read, with its nulls', { timeout: 60_000, skip: isWithoutJava }, async () => {
    const topics = codecs.map(codec => `${topicOf(codec, 'java')}=${codec}`)
    await java('produce', testBrokers(), String(count), ...topics)
    for (const topic of all('java')) {
      const read = await readAll(logs.get('none')!, { topic, partition: 0 })
      assert.equal(read.length, count, topic)
      assert.deepEqual(read[1], { offset: 1, key: 'key 1', value: null, timestamp: 1001 })
      assert.equal(read[2]!.key, null)
      const rest = read.slice(3).map(({ key, value, timestamp }) => ({ key, value, timestamp }))
      assert.deepEqual(rest, records.slice(3), topic)
    }
  })
})
