import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  count,
  json,
  type PipelineBuilder,
  pipeline,
  type StartOptions,
  start,
  topic,
  tumbling,
} from '../index.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { changelogTopic } from '../plan/names.ts'
import { readTopic } from './testkit/read-topic.ts'

const hits = topic('hits', {
  value: json<{ url: string; user: string; at: number }>(),
  key: 'user',
  partitions: 2,
})
const rows = topic('rows', { value: json<{ n: number }>() })

type Build = (p: PipelineBuilder) => unknown

/** One log, on which versions of a pipeline run to the end of what is there, one after the other. */
function setting() {
  const log = new MemoryLog()
  const warnings: string[] = []
  const logger = { info() {}, error() {}, warn: (message: string) => void warnings.push(message) }
  const run = async (build: Build, options: StartOptions = {}) => {
    warnings.length = 0
    await using app = await start([pipeline('shop', p => void build(p))], {
      app: 'app',
      log,
      once: true,
      logger,
      ...options,
    })
    await Promise.race([app.failed, app.finished])
    return warnings
  }
  const send = async (...urls: string[]) => {
    await using app = await start([], { app: 'app', log })
    for (const url of urls) await app.send(hits, { url, user: `u-${url}`, at: 1_700_000_000_000 })
  }
  const results = async () => (await readTopic(log, rows.name)).map(({ value }) => JSON.parse(value!).n)
  return { log, run, send, results }
}

const perUrl =
  (name = 'per-url', keyBy: 'url' | 'user' = 'url'): Build =>
  p =>
    p.from(hits).keyBy(keyBy).aggregate(name, { n: count() }).emit('updates').to(rows)

describe('a pipeline on state of another one', () => {
  it('[8.1] says nothing on its first start and when nothing has changed', async () => {
    const { run, send } = setting()
    await send('a')
    assert.deepEqual(await run(perUrl()), [])
    assert.deepEqual(await run(perUrl()), [])
  })

  it('[8.1] says what is new and what is gone, and the state of the rest stays', async () => {
    const { run, send, results } = setting()
    await send('a', 'a')
    await run(p => {
      perUrl()(p)
      p.from(hits).keyBy('user').aggregate('per-user', { n: count() })
    })
    await send('a')
    const told = await run(p => {
      perUrl()(p)
      p.from(hits)
        .keyBy('by-time', v => v.at)
        .aggregate('per-time', { n: count() })
    })
    assert.match(told.join('\n'), /shop: re-keying "by-time" new/)
    assert.match(told.join('\n'), /shop: re-keying "user" removed/)
    assert.match(told.join('\n'), /shop: store "per-time" new/)
    assert.match(told.join('\n'), /shop: store "per-user" removed: .*millrace reset shop --step per-user/)
    assert.equal(told.length, 4, told.join('\n'))
    assert.deepEqual((await results()).sort(), [1, 2, 3])
    assert.deepEqual(
      await run(p => {
        perUrl()(p)
        p.from(hits)
          .keyBy('by-time', v => v.at)
          .aggregate('per-time', { n: count() })
      }),
      [],
    )
  })

  it('[8.1] is refused before anything is made or run where it would mix or lose state, with every reason and way out', async () => {
    const { log, run, send, results } = setting()
    await send('a')
    await run(perUrl())
    await assert.rejects(run(perUrl('pages')), {
      name: 'PlanError',
      message:
        /pipeline "shop": .*store "pages" renamed \(it looks like "per-url".*millrace rename shop per-url pages/,
    })
    assert.deepEqual(await log.describeTopics([changelogTopic('app', 'shop', 'pages')]), [])
    await assert.rejects(run(perUrl('per-url', 'user')), /keyed by url.repartition, now user.repartition/)
    await assert.rejects(
      run(p => p.from(hits).keyBy('url').window(tumbling('1m')).aggregate('per-url', { n: count() })),
      /store "per-url" changed \(window none, now tumbling.*millrace reset shop --step per-url/,
    )
    // The one that made it goes on as if nothing had been tried.
    await send('a')
    assert.deepEqual(await run(perUrl()), [])
    assert.deepEqual(await results(), [1, 2])
  })

  it('[5.9] is refused when its keyed topic has got more partitions than its state', async () => {
    const { log, run, send } = setting()
    await send('a')
    const keyed: Build = p => p.from(hits).byKey().aggregate('per-user', { n: count() })
    await run(keyed)
    await log.alterTopics([{ name: hits.name, partitions: 4 }])
    await assert.rejects(run(keyed), /partitions 2, now 4.*millrace reset shop/)
  })
})
