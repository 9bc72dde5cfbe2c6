import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decodeMetadata } from '../engine/metadata.ts'
import { type App, count, json, pipeline, type StartOptions, start, topic, tumbling } from '../index.ts'
import { batchOf } from '../log/conformance/store.ts'
import { until } from '../log/embedded/testkit/records.ts'
import { metadataTopic } from '../log/kafka/metadata-topic.ts'
import { openKafkaIn } from '../log/kafka/open.ts'
import { testBrokers } from '../log/kafka/testkit/brokers.ts'
import { groupName, repartitionTopic, sideTopic } from '../plan/names.ts'
import { readTopic } from './testkit/read-topic.ts'

interface Hit {
  readonly user: string
  readonly at: number
}

const upstreams = 40
/** A twentieth of what brokers take, for a twentieth of the partitions. */
const besideBytesMax = 100
const app = `upstreams-${crypto.randomUUID().slice(0, 8)}`
const hits = topic(`${app}-hits`, {
  value: json<Hit>(),
  timestamp: v => v.at,
  partitions: upstreams,
})
const rows = topic(`${app}-rows`, { value: json<{ start: number; n: number }>() })
const counting = pipeline('counting', p => {
  const keyed = p.from(hits, { idle: 'never' }).keyBy('by-user', v => v.user, { partitions: 2 })
  keyed.window(tumbling('1m')).aggregate('minutes', { n: count() }).emit('final').to(rows)
})
const group = groupName(app, counting.name)
const baseMs = Math.floor(Date.now() / 60_000) * 60_000 - 600_000

/** One record in each of these partitions, of so many seconds. */
async function append({ log }: App, seconds: ReadonlyMap<number, number>): Promise<void> {
  await log.append(
    [...seconds].map(([partition, second]) => {
      const timestamp = baseMs + second * 1_000
      const value = JSON.stringify({ user: 'a', at: timestamp } satisfies Hit)
      return { topic: hits.name, partition, bytes: batchOf([{ value, timestamp }]) }
    }),
  )
}

/** Whether both tasks behind the keyBy have committed how far everybody is. */
async function isAllKnown({ log }: App): Promise<boolean> {
  const positions = (await log.describeGroup(group))?.positions ?? []
  const behind = positions.filter(each => each.topic === repartitionTopic(app, counting.name, 'by-user'))
  const channels = behind.flatMap(({ metadata }) => decodeMetadata(metadata).channels)
  return channels.length === 2 * upstreams && channels.every(({ watermark }) => watermark > baseMs)
}

async function secondsIn({ log }: App, name: string): Promise<number[]> {
  if ((await log.describeTopics([name])).length === 0) return []
  return (await readTopic(log, name)).map(({ timestamp }) => Math.round((timestamp - baseMs) / 1_000))
}

describe('more upstream tasks than fit beside a position, on Kafka', { timeout: 180_000 }, () => {
  it('[2.1] are all known after a restart before the first record, under either guarantee', async () => {
    const late = sideTopic(app, counting.name, 'late')
    const everybody = new Map(Array.from({ length: upstreams }, (_, p) => [p, 100 + (p % 10)]))
    const run = async (work: (running: App) => Promise<void>, guarantee: StartOptions['guarantee']) => {
      const log = await openKafkaIn({ besideBytesMax }, { brokers: testBrokers() })
      try {
        await using running = await start([counting], { app, log, createTopics: true, guarantee })
        await Promise.race([running.failed, work(running)])
      } finally {
        await log.close()
      }
    }
    await run(async running => {
      await append(running, everybody.set(7, 50))
      await until('everybody is known', () => isAllKnown(running))
      assert.ok((await readTopic(running.log, metadataTopic(group))).length > 0)
    }, 'exactly-once')
    // The others say nothing any more: the one that was behind closes the first minute alone.
    await run(async running => {
      await append(running, new Map([[7, 90]]))
      await until('the first minute', async () => (await secondsIn(running, rows.name)).length === 1)
      await append(running, new Map([[8, 5]]))
      await until('a late record', async () => (await secondsIn(running, late)).length === 1)
    }, 'at-least-once')
    await run(async running => {
      await append(running, new Map([[9, 6]]))
      await until('another late record', async () => (await secondsIn(running, late)).length === 2)
      assert.deepEqual(await secondsIn(running, late), [5, 6])
      assert.deepEqual(await secondsIn(running, rows.name), [60])
    }, 'exactly-once')
  })
})
