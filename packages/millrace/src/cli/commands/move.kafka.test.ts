import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, json, pipeline, start, sum, topic, tumbling } from '../../index.ts'
import { testBrokers } from '../../log/kafka/testkit/brokers.ts'
import { readTopic } from '../../runtime/testkit/read-topic.ts'
import { openLog } from '../open-log.ts'
import { commandLine } from '../testkit/command-line.ts'
import { testProject } from '../testkit/project.ts'

interface Hit {
  readonly user: string
  readonly url: string
  readonly ms: number
  readonly at: number
}

const brokers = testBrokers()
const from = Date.now() - 3_600_000
const hitCount = 2_000
const windowMs = 10_000

function hitAt(i: number): Hit {
  return { user: `u${i % 17}`, url: `/${i % 5}`, ms: i % 100, at: from + i * 50 }
}

/** A re-keying with open windows, and a running count by the topic's own key. */
function setting() {
  const app = `move-${crypto.randomUUID().slice(0, 8)}`
  const hits = topic(`${app}-hits`, { value: json<Hit>(), key: 'user', timestamp: 'at', partitions: 3 })
  const rows = topic(`${app}-rows`, {
    value: json<{ n: number; total: number; key: string; start: number }>(),
    partitions: 2,
  })
  const users = topic(`${app}-users`, { value: json<{ n: number }>(), partitions: 2 })
  const moving = pipeline('moving', p => {
    const all = p.from(hits, { outOfOrder: '5s', idle: 'never' })
    all
      .keyBy('url')
      .window(tumbling('10s'))
      .aggregate('per-url', { n: count(), total: sum('ms') })
      .emit('final')
      .to(rows)
    all.byKey().aggregate('per-user', { n: count() }).emit('updates').to(users)
  })
  return { app, hits, rows, users, moving }
}

function expectedRows(): string[] {
  const rows = new Map<string, { n: number; total: number }>()
  for (let i = 0; i < hitCount; i++) {
    const { url, ms, at } = hitAt(i)
    const id = `${url} ${at - (at % windowMs)}`
    const { n, total } = rows.get(id) ?? { n: 0, total: 0 }
    rows.set(id, { n: n + 1, total: total + ms })
  }
  return [...rows].map(([id, { n, total }]) => `${id} ${n} ${total}`).sort()
}

/** Each user's counts, in order: 1, 2, 3 … to the last. */
function expectedCounts(): Map<string, number[]> {
  const counts = new Map<string, number[]>()
  for (let i = 0; i < hitCount; i++) {
    const of = counts.get(hitAt(i).user) ?? []
    counts.set(hitAt(i).user, [...of, of.length + 1])
  }
  return counts
}

describe('millrace move', { timeout: 300_000 }, () => {
  it('takes a pipeline with a re-keying, state and open windows to Kafka, where it goes on as if nothing had been', async () => {
    const { app, hits, rows, users, moving } = setting()
    using project = testProject()
    const data = project.path('.millrace')
    const cli = (...argv: string[]) => commandLine(project.directory, argv, { openLog })
    {
      await using embedded = await start([moving], { app, data })
      await Promise.all(Array.from({ length: hitCount / 2 }, (_, i) => embedded.send(hits, hitAt(i))))
      while ((await readTopic(embedded.log, users.name)).length < hitCount / 2)
        await Promise.race([embedded.failed, new Promise(resolve => setImmediate(resolve))])
      const busy = await cli('move', '--to', brokers, '--yes')
      assert.equal(busy.exitCode, 1)
      assert.match(busy.stderr, /moving is run here by/)
      // The other half comes in after the pipeline has stopped: it moves as unread records.
      await embedded.stop()
    }
    {
      await using sender = await start([], { app, data })
      await Promise.all(
        Array.from({ length: hitCount / 4 }, (_, i) => sender.send(hits, hitAt(hitCount / 2 + i))),
      )
    }
    const dry = await cli('move', '--to', brokers, '--dry-run')
    assert.equal(dry.exitCode, 0, dry.stderr)
    assert.match(dry.stdout, new RegExp(`^${hits.name} +3 +1,500 +is created$`, 'm'))
    const moved = await cli('move', '--to', brokers, '--yes')
    assert.equal(moved.exitCode, 0, moved.stderr)
    assert.match(moved.stderr, /Moved [\d,]+ records.*\nGo on with: millrace run --brokers/s)
    assert.match((await cli('move', '--to', brokers, '--yes')).stderr, /was moved to .* already/)
    {
      await using sender = await start([], { app, brokers })
      await Promise.all(
        Array.from({ length: hitCount / 4 }, (_, i) => sender.send(hits, hitAt((hitCount * 3) / 4 + i))),
      )
    }
    await using onKafka = await start([moving], { app, brokers, once: true })
    await Promise.race([onKafka.failed, onKafka.finished])
    const closed = (await readTopic(onKafka.log, rows.name)).map(({ value }) => {
      const { key, start: begin, n, total } = JSON.parse(value!)
      return `${key} ${begin} ${n} ${total}`
    })
    assert.deepEqual(closed.sort(), expectedRows())
    const counts = Map.groupBy(await readTopic(onKafka.log, users.name), ({ key }) => key!)
    const seen = new Map(
      [...counts].map(([user, records]) => [user, records.map(({ value }) => JSON.parse(value!).n)]),
    )
    assert.deepEqual([...seen].sort(), [...expectedCounts()].sort())
  })
})
