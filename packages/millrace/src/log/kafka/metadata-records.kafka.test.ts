import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '../../std/clock.ts'
import { at, rejectsWith } from '../conformance/store.ts'
import type { Log } from '../log.ts'
import { Cluster } from './cluster.ts'
import { systemDial } from './dial.ts'
import { metadataTopic } from './metadata-topic.ts'
import { openKafkaIn } from './open.ts'
import { Positions } from './positions.ts'
import { kafkaSettings } from './settings.ts'
import { testBrokers } from './testkit/brokers.ts'
import { prefixedLog } from './testkit/prefixed-log.ts'

const T0 = { topic: 't', partition: 0 }

async function withLog(run: (log: Log, prefix: string) => Promise<void>): Promise<void> {
  const opened = await openKafkaIn({}, { brokers: testBrokers() })
  try {
    const prefix = `m${crypto.randomUUID().slice(0, 8)}.`
    const log = prefixedLog(opened, prefix)
    await log.createTopics([{ name: 't', partitions: 2 }])
    await run(log, prefix)
  } finally {
    await opened.close()
  }
}

function large(fill: number): Uint8Array {
  return new Uint8Array(5_000).fill(fill)
}

describe('[2.1] metadata in records on Kafka', { timeout: 120_000, concurrency: true }, () => {
  it('lies in a compacted topic that is not there before it is needed', async () => {
    await withLog(async log => {
      const found = () => log.describeTopics([metadataTopic('g')])
      await log.resetGroup('g', [{ ...at('t', 0, 1), metadata: new Uint8Array(2304) }])
      assert.deepEqual(await found(), [])
      await log.resetGroup('g', [{ ...at('t', 0, 1), metadata: large(1) }])
      const [topic] = await found()
      assert.deepEqual([topic!.cleanup, topic!.internal, topic!.retentionMs], ['compact', true, -1])
    })
  })

  it('is an error of the group’s own for who goes on from it, and none for who looks on, when its topic is gone', async () => {
    await withLog(async log => {
      await log.resetGroup('g', [{ ...at('t', 0, 7), metadata: large(1) }, at('t', 1, 8)])
      await log.deleteTopics([metadataTopic('g')])
      await rejectsWith(log.committed('g', [T0]), { code: 'corrupt', retriable: false })
      await assert.rejects(
        log.committed('g', [T0]),
        /t\/0.*repartition\.changelog\/0 offset 0, is gone.*millrace reset/,
      )
      assert.equal((await log.committed('g', [{ ...T0, partition: 1 }]))[0]!.offset, 8)
      const { positions } = (await log.describeGroup('g'))!
      assert.deepEqual(positions.map(({ offset, metadata }) => [offset, metadata[0] ?? 0]).sort(), [
        [7, 254],
        [8, 0],
      ])
      await log.resetGroup('g', [{ ...at('t', 0, 9), metadata: large(2) }])
      assert.deepEqual((await log.committed('g', [T0]))[0]!.metadata, large(2))
    })
  })

  it('is not that of another topic which has the name by now', async () => {
    await withLog(async log => {
      for (const fill of [1, 2, 3]) await log.resetGroup('g', [{ ...at('t', 0, 7), metadata: large(fill) }])
      await log.deleteTopics([metadataTopic('g')])
      await log.resetGroup('g', [{ ...at('t', 1, 7), metadata: large(4) }])
      await rejectsWith(log.committed('g', [T0]), { code: 'corrupt' })
      assert.deepEqual((await log.committed('g', [{ ...T0, partition: 1 }]))[0]!.metadata, large(4))
    })
  })

  it('of groups that are not ours is shown as it is, whatever it begins with', async () => {
    const settings = kafkaSettings({ 'bootstrap.servers': testBrokers() })
    const cluster = new Cluster({ settings, clock: systemClock, dial: systemDial(undefined) })
    try {
      await withLog(async (log, prefix) => {
        const foreign = [Uint8Array.of(254), Uint8Array.of(254, 7, 1), Uint8Array.of(254, 1, 0, 255)]
        for (const [offset, metadata] of foreign.entries()) {
          const position = { topic: `${prefix}t`, partition: 0, offset, metadata }
          await cluster.refresh([])
          await new Positions(cluster).reset(`${prefix}other`, [position])
          const { positions } = (await log.describeGroup('other'))!
          assert.deepEqual(positions, [{ ...position, topic: 't' }])
        }
      })
    } finally {
      await cluster.close()
    }
  })
})
