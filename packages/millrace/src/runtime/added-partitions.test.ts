import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { buildPrograms } from '../engine/compile-sub.ts'
import { encodeMetadata } from '../engine/metadata.ts'
import { type App, count, json, type Pipeline, pipeline, start, topic } from '../index.ts'
import { batchOf } from '../log/conformance/store.ts'
import type { TopicPartition } from '../log/log.ts'
import { MemoryBroker } from '../log/memory/broker.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { learnChannels, learnUpstream } from './added-partitions.ts'
import { readTopic } from './testkit/read-topic.ts'

interface Hit {
  readonly user: string
}

const hits = topic('hits', { value: json<Hit>(), key: 'user', partitions: 2 })
const out = topic('out', { value: json<Hit>(), partitions: 2 })
const rows = topic('rows', { value: json<{ n: number }>(), partitions: 2 })

const copy = pipeline('copy', p => {
  p.from(hits).to(out)
})
const keyed = pipeline('keyed', p => {
  p.from(hits).byKey().aggregate('per-user', { n: count() }).emit('updates').to(rows)
})
const rekeyed = pipeline('rekeyed', p => {
  p.from(hits).keyBy('user').aggregate('per-user', { n: count() }).emit('updates').to(rows)
})

const hit = (user: string) => batchOf([{ key: user, value: JSON.stringify({ user }) }])
const noTime = { maxTime: 0, watermark: 0, released: false }

/** A pipeline that runs and has read one record when the third partition comes, with a record in it already. */
async function withThird(subject: Pipeline, run: (app: App, log: MemoryLog) => Promise<void>): Promise<void> {
  const log = new MemoryLog()
  await using app = await start([subject], { app: 'a', log })
  const target = subject === copy ? out : rows
  await log.append([{ topic: 'hits', partition: 0, bytes: hit('u0') }])
  await until(app, async () => (await readTopic(log, target.name)).length === 1)
  await log.alterTopics([{ name: 'hits', partitions: 3 }])
  await log.append([{ topic: 'hits', partition: 2, bytes: hit('u2') }])
  await run(app, log)
}

async function until(app: App, isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await Promise.race([app.failed, new Promise(resolve => setImmediate(resolve))])
}

const usersIn = async (log: MemoryLog) =>
  (await readTopic(log, 'out')).map(({ value }) => JSON.parse(value!).user).sort()

const counted = async (log: MemoryLog) =>
  (await readTopic(log, 'rows')).map(({ key, value }) => `${key} ${JSON.parse(value!).n}`).sort()

describe('[5.9] partitions that are added while a pipeline runs', () => {
  it('are read from their beginning where nothing is keyed', () =>
    withThird(copy, async (app, log) => {
      await until(app, async () => (await readTopic(log, 'out')).length === 2)
      assert.deepEqual(await usersIn(log), ['u0', 'u2'])
    }))

  it('stop a step that is keyed directly on the topic, and the message says what can be done', () =>
    withThird(keyed, async app => {
      await assert.rejects(app.failed, /added to hits.*"per-user" is keyed directly.*--reset.*keyBy/s)
    }))

  it('are read from their beginning in front of a keyBy, and what was counted before stays', () =>
    withThird(rekeyed, async (app, log) => {
      await log.append([{ topic: 'hits', partition: 2, bytes: hit('u0') }])
      await until(app, async () => (await readTopic(log, 'rows')).length === 3)
      assert.deepEqual(await counted(log), ['u0 1', 'u0 2', 'u2 1'])
    }))

  it('are read from their beginning after a restart, too', () =>
    withThird(rekeyed, async (app, log) => {
      await until(app, async () => (await readTopic(log, 'rows')).length === 2)
      await app.stop()
      await using again = await start([rekeyed], { app: 'a', log })
      await log.append([{ topic: 'hits', partition: 0, bytes: hit('u0') }])
      await until(again, async () => (await readTopic(log, 'rows')).length === 3)
      assert.deepEqual(await counted(log), ['u0 1', 'u0 2', 'u2 1'])
    }))

  it('reach the tasks behind a keyBy in processes that were given none of them', async () => {
    const broker = new MemoryBroker()
    const logs = [1, 2, 3].map(pid => new MemoryLog(broker, { pid }))
    const log = logs[0]!
    const apps = await Promise.all(logs.map(each => start([rekeyed], { app: 'a', log: each })))
    await log.alterTopics([{ name: 'hits', partitions: 3 }])
    const members = async () => (await log.describeGroup('a.rekeyed'))?.members ?? []
    const hasThird = (assignment: readonly TopicPartition[]) =>
      assignment.some(({ topic, partition }) => topic === 'hits' && partition === 2)
    await until(apps[0]!, async () => (await members()).some(({ assignment }) => hasThird(assignment)))
    const others = (await members()).filter(({ assignment }) => !hasThird(assignment))
    const isBehind = ({ topic }: TopicPartition) => topic.endsWith('.repartition')
    assert.ok(others.some(({ assignment }) => assignment.some(isBehind)))
    const users = Array.from({ length: 20 }, (_, i) => `u${i}`)
    for (const user of users) await log.append([{ topic: 'hits', partition: 2, bytes: hit(user) }])
    await until(apps[0]!, async () => (await readTopic(log, 'rows')).length === users.length)
    assert.deepEqual(await counted(log), users.map(user => `${user} 1`).sort())
    for (const app of apps) {
      assert.equal(app.health().status, 'running')
      await app.stop()
    }
  })

  it('are among the times that a task goes on from, though its process was given none of them', () => {
    const graph = rekeyed.graph
    const [front, behind] = buildPrograms(graph, {
      app: 'a',
      closedLog: true,
      mode: 'compiled',
      freeze: false,
    })
    const plans = [front!.plan, behind!.plan]
    const name = (partition: number) => `${front!.plan.sub.name}/${partition}`
    const channels = [0, 1, 2].map(partition => ({ ...noTime, name: name(partition) }))
    const seen = new Map<string, number>()
    learnChannels(seen, [{ metadata: encodeMetadata({ channels }) }], plans)
    assert.ok(!learnUpstream(seen, 'somebody else/3', plans))
    assert.ok(!learnUpstream(seen, `${behind!.plan.sub.name}/3`, plans))
    assert.deepEqual([...seen], [[front!.plan.sub.name, 3]])
  })
})
