import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type App, count, json, type Pipeline, pipeline, start, topic } from '../index.ts'
import { batchOf } from '../log/conformance/store.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
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

/** A pipeline that runs and has read one record when the third partition comes, with a record in it already. */
async function withThird(subject: Pipeline, run: (app: App, log: MemoryLog) => Promise<void>): Promise<void> {
  const log = new MemoryLog()
  await using app = await start([subject], { app: 'a', log })
  const hit = (user: string) => batchOf([{ key: user, value: JSON.stringify({ user }) }])
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

  it('stop a pipeline that re-keys; started again it reads them, and what it has counted stays', () =>
    withThird(rekeyed, async (app, log) => {
      await assert.rejects(app.failed, /added to hits.*Start the pipeline again/s)
      await app.stop()
      await using again = await start([rekeyed], { app: 'a', log })
      await log.append([
        { topic: 'hits', partition: 0, bytes: batchOf([{ key: 'u0', value: '{"user":"u0"}' }]) },
      ])
      await until(again, async () => (await readTopic(log, 'rows')).length === 3)
      const counted = (await readTopic(log, 'rows')).map(({ key, value }) => `${key} ${JSON.parse(value!).n}`)
      assert.deepEqual(counted.sort(), ['u0 1', 'u0 2', 'u2 1'])
    }))
})
