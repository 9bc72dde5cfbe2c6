import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, json, pipeline, start, topic } from '../index.ts'
import { metadataTopic } from '../log/kafka/metadata-topic.ts'
import { openKafkaLog } from '../log/kafka/open.ts'
import { testBrokers } from '../log/kafka/testkit/brokers.ts'
import type { TopicSpec } from '../log/log.ts'
import { internalSpecs, specOf } from './topics.ts'

interface Hit {
  readonly url: string
  readonly at: number
}

const brokers = testBrokers()
const named = () => `topics-${crypto.randomUUID().slice(0, 8)}`

describe('topics on Kafka', { timeout: 120_000 }, () => {
  it('have the settings that are declared, and get others', async () => {
    const name = named()
    const kafka = { 'max.message.bytes': 2_000_000, 'replication.factor': 1 }
    const declared = topic(name, { value: json<Hit>(), partitions: 2, retention: '1d', kafka })
    await using app = await start([], { app: name, brokers })
    await app.log.createTopics([specOf(declared)])
    const [made] = await app.log.describeTopics([name])
    assert.equal(made!.kafka!['max.message.bytes'], '2000000')
    assert.equal(made!.kafka!['replication.factor'], '1')
    assert.equal(made!.retentionMs, 86_400_000)
    await app.log.alterTopics([{ name, retentionMs: -1, kafka: { 'max.message.bytes': '3000000' } }])
    const [altered] = await app.log.describeTopics([name])
    assert.equal(altered!.kafka!['max.message.bytes'], '3000000')
    assert.equal(altered!.retentionMs, -1)
  })

  it('are refused by the broker with the name of the topic and what it minds', async () => {
    const name = named()
    const log = await openKafkaLog({ brokers })
    try {
      await assert.rejects(
        log.createTopics([{ name, partitions: 1, kafka: { 'no.such.setting': '1' } }]),
        new RegExp(`create topic ${name}.*no\\.such\\.setting`),
      )
    } finally {
      await log.close()
    }
  })

  it('[5.9] that meet in a store have one partition count, or the start names them with theirs', async () => {
    const app = named()
    const value = json<Hit>()
    const [left, right] = ['left', 'right'].map(side => topic(`${app}-${side}`, { value, key: 'url' }))
    const merging = pipeline('merging', p => {
      p.from(left!)
        .merge(p.from(right!))
        .byKey()
        .aggregate('n', { n: count() })
        .emit('updates')
        .print(row => `${row?.n}`)
    })
    await using sender = await start([], { app, brokers })
    await sender.log.createTopics([
      { name: left!.name, partitions: 2 },
      { name: right!.name, partitions: 3 },
    ])
    await assert.rejects(start([merging], { app, brokers }), {
      name: 'PlanError',
      message: new RegExp(`different partition counts: "${app}-left" has 2, "${app}-right" has 3`),
    })
  })

  it('[1.5] of a re-keying are made, sized as the input, and purged of what is read and committed', async () => {
    const app = named()
    const hits = topic(`${app}-hits`, { value: json<Hit>(), partitions: 3, timestamp: 'at' })
    const perUrl = pipeline('per-url', p => {
      p.from(hits)
        .keyBy('url')
        .aggregate('n', { n: count() })
        .emit('updates')
        .to(topic(`${app}-counts`, { value: json<{ n: number }>() }))
    })
    await using running = await start([perUrl], { app, brokers, createTopics: true })
    const repartition = `${app}.per-url.url.repartition`
    const [info] = await running.log.describeTopics([repartition])
    assert.equal(info!.partitions, 3)
    assert.equal(info!.internal, true)
    let sent = 0
    for (let trimmed = 0; trimmed === 0; sent++) {
      await running.send(hits, { url: `/${sent % 7}`, at: Date.now() })
      const offsets = await running.log.offsets(repartition)
      trimmed = Math.max(...offsets.map(({ earliest }) => earliest))
    }
    const counts = await running.log.describeGroup(`${app}.per-url`)
    for (const { partition, earliest } of await running.log.offsets(repartition)) {
      const position = counts!.positions.find(
        each => each.topic === repartition && each.partition === partition,
      )
      assert.ok(earliest <= (position?.offset ?? 0), 'what is not committed stays')
    }
  })

  it('[2.1] for those who make them beforehand include one for times, where more tasks write a re-keying than surely fit', async () => {
    const app = named()
    await using running = await start([], { app, brokers })
    const specsOf = async (partitions: number) => {
      const hits = topic(`${app}-hits-${partitions}`, { value: json<Hit>(), partitions })
      const perUrl = pipeline('per-url', p => {
        p.from(hits)
          .keyBy('url', v => v.url, { partitions: 1 })
          .aggregate('n', { n: count() })
          .emit('updates')
          .print(String)
      })
      await running.log.createTopics([specOf(hits)])
      return internalSpecs(running.log, app, perUrl.graph)
    }
    const times = (specs: readonly { name: string }[]) =>
      specs.filter(({ name }) => name === metadataTopic(`${app}.per-url`))
    assert.deepEqual(times(await specsOf(120)), [])
    const [spec] = times(await specsOf(121))
    await running.log.createTopics([spec as TopicSpec])
    const [made] = await running.log.describeTopics([spec!.name])
    assert.deepEqual([made!.cleanup, made!.retentionMs, made!.internal], ['compact', -1, true])
  })
})
