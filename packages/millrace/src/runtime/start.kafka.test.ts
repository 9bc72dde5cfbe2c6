import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, json, pipeline, start, string, sum, topic, tumbling } from '../index.ts'
import { testBrokers } from '../log/kafka/testkit/brokers.ts'
import { readTopic } from './testkit/read-topic.ts'

interface Hit {
  readonly user: string
  readonly url: string
  readonly ms: number
  readonly at: number
}

interface PerUrl {
  readonly n: number
  readonly total: number
  readonly key: string
  readonly start: number
  readonly end: number
}

const brokers = testBrokers()
const from = Date.UTC(2026, 0, 1)
const hitCount = 3_000

/** Topics and an app of their own for each test, on the Kafka that all share. */
function setting() {
  const app = `start-${crypto.randomUUID().slice(0, 8)}`
  const hits = topic(`${app}-hits`, { value: json<Hit>(), key: 'user', timestamp: 'at', partitions: 3 })
  const rows = topic(`${app}-rows`, { value: json<PerUrl>(), partitions: 2 })
  const perUrl = pipeline('per-url', p => {
    p.from(hits, { outOfOrder: '5s', idle: 'never' })
      .keyBy('url', v => v.url)
      .window(tumbling('10s'))
      .aggregate('count', { n: count(), total: sum(v => v.ms) })
      .emit('final')
      .to(rows)
  })
  return { app, hits, rows, perUrl }
}

function hitAt(i: number): Hit {
  return { user: `u${i % 17}`, url: `/${i % 5}`, ms: i % 100, at: from + i * 10 }
}

/** The rows that a plain count gives. */
function expectedRows(): string[] {
  const rows = new Map<string, PerUrl>()
  for (let i = 0; i < hitCount; i++) {
    const { url, ms, at } = hitAt(i)
    const begin = at - (at % 10_000)
    const row = rows.get(`${url} ${begin}`) ?? { n: 0, total: 0, key: url, start: begin, end: begin + 10_000 }
    rows.set(`${url} ${begin}`, { ...row, n: row.n + 1, total: row.total + ms })
  }
  return [...rows.values()].map(row => JSON.stringify(row)).sort()
}

describe('start on Kafka', { timeout: 120_000 }, () => {
  it('runs a pipeline with a re-keying and windows to the end of its input, over a stop in the middle', async () => {
    const { app, hits, rows, perUrl } = setting()
    {
      await using sender = await start([], { app, brokers, createTopics: true })
      await Promise.all(Array.from({ length: hitCount }, (_, i) => sender.send(hits, hitAt(i))))
    }
    {
      await using first = await start([perUrl], { app, brokers, createTopics: true })
      while ((first.health().pipelines[0]?.tasks.length ?? 0) === 0)
        await Promise.race([first.failed, new Promise(resolve => setTimeout(resolve, 20))])
    }
    await using second = await start([perUrl], { app, brokers, once: true })
    await Promise.race([second.failed, second.finished])
    const values = (await readTopic(second.log, rows.name)).map(({ value }) =>
      JSON.stringify(JSON.parse(value!)),
    )
    assert.deepEqual(values.sort(), expectedRows())
  })

  it('creates no topic of the user’s unasked, and says how to make it', async () => {
    const { app, hits, perUrl } = setting()
    await assert.rejects(start([perUrl], { app, brokers }), {
      code: 'unknown-topic',
      message: new RegExp(
        `no topic ${app}-hits \\(3 partitions\\), ${app}-rows \\(2 partitions\\), .*millrace topics apply .*--create-topics`,
      ),
    })
    await using sender = await start([], { app, brokers })
    await assert.rejects(sender.send(hits, hitAt(0)), { code: 'unknown-topic' })
  })

  it('stops with the reason when the broker refuses a record for good', async () => {
    const app = `start-${crypto.randomUUID().slice(0, 8)}`
    const input = topic(`${app}-in`, { value: string() })
    // A broker takes no record without a key into a topic that it compacts.
    const output = topic(`${app}-out`, { value: string(), cleanup: 'compact' })
    const copy = pipeline('copy', p => p.from(input).to(output))
    await using running = await start([copy], { app, brokers, createTopics: true })
    await running.send(input, 'without a key')
    await assert.rejects(running.failed, {
      name: 'PipelineStopped',
      message: new RegExp(`append to ${app}-out/0.*INVALID_RECORD`),
    })
  })
})
