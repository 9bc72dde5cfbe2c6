import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, json, pipeline, topic, tumbling } from '../index.ts'
import { CommitError } from '../log/log.ts'
import { MemoryBroker } from '../log/memory/broker.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { VirtualClock } from '../std/clock.ts'
import type { StartOptions } from './app.ts'
import { nextRunNo } from './end-offsets.ts'
import { start } from './start.ts'
import { readTopic } from './testkit/read-topic.ts'

interface Hit {
  readonly user: string
  readonly at: number
}

const t0 = Date.UTC(2026, 0, 1)
const hits = topic('hits', { value: json<Hit>(), timestamp: 'at', partitions: 2 })
const rows = topic('rows', { value: json<unknown>(), partitions: 1 })
const counting = pipeline('counting', { commitInterval: 1 }, p => {
  const keyed = p.from(hits, { idle: 'never' }).keyBy('user')
  keyed.window(tumbling('10s')).aggregate('per-user', { n: count() }).emit('final').to(rows)
})

/** Hits of one user in each partition, at these seconds. */
async function send(log: MemoryLog, ...seconds: number[]): Promise<void> {
  await using app = await start([], { app: 'test', log })
  for (const second of seconds)
    for (const partition of [0, 1])
      await app.send(hits, { user: 'ab'[partition]!, at: t0 + 1_000 * second }, { partition })
}

async function once(log: MemoryLog, options: StartOptions = {}): Promise<void> {
  await using app = await start([counting], { app: 'test', log, once: true, ...options })
  await Promise.race([app.finished, app.failed])
}

/** User, start in seconds, count. */
async function rowsOf(log: MemoryLog): Promise<string[]> {
  const values = (await readTopic(log, 'rows')).map(({ value }) => JSON.parse(value!))
  return values.map(({ key, start: from, n }) => `${key}@${(from - t0) / 1_000}=${n}`).sort()
}

const lateOf = async (log: MemoryLog) => (await readTopic(log, 'test.counting.late').catch(() => [])).length

describe('bounded runs of a pipeline, one after the other', () => {
  it('[3.5] read what has come, leave closed what is closed, and a live run goes on behind them', async () => {
    const log = new MemoryLog()
    await send(log, 1, 2, 12)
    await once(log)
    assert.deepEqual(await rowsOf(log), ['a@0=2', 'a@10=1', 'b@0=2', 'b@10=1'])
    await once(log)
    await send(log, 13, 21, 22)
    await once(log)
    assert.deepEqual((await rowsOf(log)).slice(2, 3), ['a@20=2'])
    assert.equal(await lateOf(log), 2)
    await send(log, 23, 31, 45)
    await using app = await start([counting], { app: 'test', log })
    while ((await rowsOf(log)).length < 8)
      await Promise.race([app.failed, new Promise(resolve => setImmediate(resolve))])
    assert.deepEqual(await rowsOf(log), [
      ...['a@0=2', 'a@10=1', 'a@20=2', 'a@30=1'],
      ...['b@0=2', 'b@10=1', 'b@20=2', 'b@30=1'],
    ])
    assert.equal(await lateOf(log), 4)
  })

  it('[2.4] [3.5] end though commits fail on the way, each row once', async () => {
    let commits = 0
    const failing = () => {
      commits++
      return [2, 4, 5, 7, 8, 10].includes(commits) ? new CommitError('aborted', 'provoked') : undefined
    }
    const broker = new MemoryBroker({ faults: point => (point === 'commit.before' ? failing() : undefined) })
    const log = new MemoryLog(broker)
    for (const second of [1, 11, 21]) {
      await send(log, second)
      await once(log)
    }
    assert.ok(commits > 10, `${commits} commits`)
    assert.deepEqual(await rowsOf(log), ['a@0=1', 'a@10=1', 'a@20=1', 'b@0=1', 'b@10=1', 'b@20=1'])
  })

  it('[3.5] have numbers that grow, whatever the clock says', async () => {
    const log = new MemoryLog()
    const numberAt = (ms: number) => nextRunNo(log, 'test.counting', new VirtualClock(ms))
    assert.equal(await numberAt(t0), t0)
    await send(log, 1)
    await once(log)
    assert.ok((await numberAt(t0)) > Date.now() - 60_000, 'a clock that went back')
  })
})
