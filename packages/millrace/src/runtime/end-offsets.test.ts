import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, json, pipeline, topic, tumbling } from '../index.ts'
import { CommitError } from '../log/log.ts'
import { MemoryBroker } from '../log/memory/broker.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { start } from './start.ts'
import { readTopic } from './testkit/read-topic.ts'

interface Hit {
  readonly user: string
  readonly at: number
}

const t0 = Date.UTC(2026, 0, 1)
const hits = topic('hits', { value: json<Hit>(), key: 'user', timestamp: 'at', partitions: 2 })
const rows = topic('rows', { value: json<unknown>() })
const counting = pipeline('counting', { commitInterval: 1 }, p => {
  p.from(hits).byKey().window(tumbling('10s')).aggregate('per-user', { n: count() }).emit('final').to(rows)
})

async function filled(): Promise<MemoryLog> {
  const log = new MemoryLog()
  await using app = await start([], { app: 'test', log })
  for (let second = 0; second < 40; second++)
    await app.send(hits, { user: second % 2 === 0 ? 'a' : 'c', at: t0 + 1_000 * second })
  return log
}

/** What a bounded run adds to the results: user, start in seconds, count. */
async function added(log: MemoryLog, options: { start?: number; until?: Date | number; app?: string }) {
  const { app: name = 'test' } = options
  const before = (await readTopic(log, 'rows').catch(() => [])).length
  await using app = await start([counting], { ...options, app: name, log, once: true })
  await Promise.race([app.finished, app.failed])
  const values = (await readTopic(log, 'rows')).slice(before).map(({ value }) => JSON.parse(value!))
  return values.map(({ key, start: from, n }) => `${key}@${(from - t0) / 1_000}=${n}`).sort()
}

describe('a bounded run of a task with several inputs', () => {
  const names = topic('names', {
    value: json<{ name: string }>(),
    key: 'name',
    partitions: 2,
    cleanup: 'compact',
  })
  const joined = topic('joined', { value: json<unknown>() })

  it('[6.2] goes on where its task is made anew behind the end of a table', async () => {
    let commits = 0
    const failing = () => {
      commits++
      return commits === 2 ? new CommitError('aborted', 'provoked') : undefined
    }
    const broker = new MemoryBroker({ faults: point => (point === 'commit.before' ? failing() : undefined) })
    const log = new MemoryLog(broker)
    const joining = pipeline('joining', { commitInterval: 1 }, p => {
      p.from(hits)
        .keyBy('user')
        .join(p.table(names), ({ at }, { name }) => ({ at, name }))
        .to(joined)
    })
    {
      await using app = await start([], { app: 'test', log })
      for (const name of ['a', 'b', 'c']) await app.send(names, { name }, { timestamp: t0 })
      for (let i = 0; i < 300; i++) await app.send(hits, { user: 'abcd'[i % 4]!, at: t0 + 1_000 * i })
    }
    await using app = await start([joining], { app: 'test', log, once: true })
    await Promise.race([app.finished, app.failed])
    assert.ok(commits > 2, 'the commit that failed was not the last')
    assert.equal((await readTopic(log, 'joined')).length, 225)
  })

  it('[6.1] ends where one of them is empty', async () => {
    const others = topic('others', { value: json<Hit>(), key: 'user', timestamp: 'at', partitions: 2 })
    const both = pipeline('both', p => {
      const all = p.from(hits).byKey().merge(p.from(others).byKey())
      all.window(tumbling('10s')).aggregate('per-user', { n: count() }).emit('final').to(rows)
    })
    const log = await filled()
    await using app = await start([both], { app: 'test', log, once: true })
    await Promise.race([app.finished, app.failed])
    assert.equal((await readTopic(log, 'rows')).length, 8)
  })
})

describe('a bounded run until a time', () => {
  it('[3.5] ends before the first record of that time, with every window closed', async () => {
    const log = await filled()
    assert.deepEqual(await added(log, { until: new Date(t0 + 14_000) }), [
      'a@0=5',
      'a@10=2',
      'c@0=5',
      'c@10=2',
    ])
  })

  it('is a span of time together with a start, beside what has been read by others', async () => {
    const log = await filled()
    await added(log, {})
    const span = { app: 'replay', start: t0 + 10_000, until: t0 + 30_000 }
    assert.deepEqual(await added(log, span), ['a@10=5', 'a@20=5', 'c@10=5', 'c@20=5'])
  })

  it('does nothing where that time has been read', async () => {
    const log = await filled()
    await added(log, { until: t0 + 20_000 })
    assert.deepEqual(await added(log, { until: t0 + 10_000 }), [])
  })

  it('refuses what is no time, and a run without an end', async () => {
    const log = new MemoryLog()
    const starting = (options: object) => start([counting], { app: 'test', log, ...options })
    for (const until of [17, 'latest'])
      await assert.rejects(
        starting({ once: true, until }),
        /until is (17|latest); give a Date, or ms since the epoch/,
      )
    await assert.rejects(
      starting({ until: t0 }),
      /until is where a bounded run ends, and this one goes on; add once: true/,
    )
  })
})
