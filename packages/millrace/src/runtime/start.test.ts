import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { count, json, max, pipeline, sum, topic, tumbling } from '../index.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { type Clock, systemClock } from '../std/clock.ts'
import type { App, StartOptions } from './app.ts'
import { PipelineStopped } from './pipeline-stopped.ts'
import { start } from './start.ts'
import { readTopic } from './testkit/read-topic.ts'

interface Hit {
  readonly user: string
  readonly ms: number
  readonly at: number
}

const hits = topic('hits', { value: json<Hit>(), key: 'user', timestamp: 'at', partitions: 2 })
const rows = topic('rows', { value: json<{ n: number; key: string; start: number; end: number }>() })
const at = 1_700_000_000_000

const counting = pipeline('counting', { commitInterval: 1 }, p => {
  p.from(hits, { idle: 'never' })
    .byKey()
    .window(tumbling('10s'))
    .aggregate('per-user', { n: count() })
    .emit('final')
    .to(rows)
})

function started(log: MemoryLog, pipelines = [counting], options: StartOptions = {}): Promise<App> {
  return start(pipelines, { app: 'test', log, ...options })
}

async function until(app: App, condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await Promise.race([app.failed, new Promise(resolve => setImmediate(resolve))])
}

/** Everything that the app's pipelines were given is processed and committed. */
async function drained(app: App, group: string, name: string): Promise<void> {
  await until(app, async () => {
    const positions = (await app.log.describeGroup(group))?.positions ?? []
    const ends = await app.log.offsets(name)
    return ends.every(
      ({ partition, latest }) =>
        latest === 0 ||
        positions.some(each => each.topic === name && each.partition === partition && each.offset === latest),
    )
  })
}

const valuesOf = async (log: MemoryLog, name: string) =>
  (await readTopic(log, name)).map(({ value }) => JSON.parse(value!))

describe('start', () => {
  it('finishes a bounded run whose end comes to light only after its last commit', {
    timeout: 60_000,
  }, async () => {
    const log = new MemoryLog()
    const long = topic('long', { value: json<Hit>(), timestamp: 'at' })
    const forwarding = pipeline('forwarding', { commitInterval: 1 }, p => {
      p.from(long)
        .filter(hit => hit.ms > 0)
        .to(topic('kept', { value: json<Hit>() }))
    })
    {
      await using sender = await start([], { app: 'test', log })
      for (let ms = 0; ms < 10; ms++) await sender.send(long, { user: 'a', ms, at })
    }
    // So late at every look that a loop does one turn of a task, and a commit is due behind each.
    let elapsedMs = 0
    const clock: Clock = { ...systemClock, monotonic: () => (elapsedMs += 20) }
    await using app = await start([forwarding], { app: 'test', log, clock, once: true })
    await app.finished
    assert.equal((await valuesOf(log, 'kept')).length, 9)
  })

  it('sends, ends the input, answers from state, says how it is, and stops', async () => {
    const log = new MemoryLog()
    const app = await started(log)
    const sent = await app.send(hits, { user: 'a', ms: 1, at })
    assert.equal((await log.offsets('hits'))[sent.partition]!.latest, sent.offset + 1)
    await drained(app, 'test.counting', 'hits')
    assert.deepEqual(await app.store('per-user').get('a', { start: at }), { n: 1 })
    assert.deepEqual(await app.store('per-user').windows('a'), [
      { start: at, end: at + 10_000, value: { n: 1 } },
    ])
    assert.throws(() => app.store('per-page'), /no pipeline of this app has a step "per-page"/i)
    assert.equal(app.health().status, 'running')
    assert.deepEqual(
      app
        .health()
        .pipelines[0]!.tasks.map(({ task }) => task)
        .sort(),
      ['hits/0', 'hits/1'],
    )
    await app.endInput(hits)
    await until(app, async () => (await readTopic(log, 'rows')).length === 1)
    assert.deepEqual(await valuesOf(log, 'rows'), [{ n: 1, key: 'a', start: at, end: at + 10_000 }])
    await app.stop()
    assert.equal(app.health().status, 'stopped')
    await assert.rejects(app.send(hits, { user: 'a', ms: 1, at }), /stopped/)
    // The log was ours: it stays open.
    await log.describeTopics()
    assert.equal((await log.describeGroup('test.counting'))!.members.length, 0)
  })

  it('[3.5] reads to the end again when it runs once more, behind a re-keying too', async () => {
    const log = new MemoryLog()
    for (let i = 1; i <= 10; i++) {
      {
        await using sender = await started(log, [])
        await sender.send(hits, { user: `u${i % 3}`, ms: 1, at })
      }
      const all = pipeline('all', p =>
        p
          .from(hits)
          .keyBy('all', () => 'all')
          .aggregate('n', { n: count() }),
      )
      await using app = await started(log, [all], { once: true })
      await Promise.race([app.finished, app.failed])
      assert.deepEqual(await app.store('n').get('all'), { n: i })
    }
  })

  it('reads to the end and finishes when it is told to run once', async () => {
    const log = new MemoryLog()
    {
      await using app = await started(log, [])
      await Promise.all(
        Array.from({ length: 50 }, (_, i) => app.send(hits, { user: `u${i % 5}`, ms: i, at: at + i })),
      )
    }
    await using app = await started(log, [counting], { once: true })
    await app.finished
    assert.deepEqual(
      (await valuesOf(log, 'rows')).map(({ n }) => n),
      [10, 10, 10, 10, 10],
    )
  })

  it('stops when its signal aborts', async () => {
    const controller = new AbortController()
    const app = await started(new MemoryLog(), [counting], { signal: controller.signal })
    controller.abort()
    await app.finished
    assert.equal(app.health().status, 'stopped')
    const late = await started(new MemoryLog(), [counting], { signal: AbortSignal.abort() })
    assert.equal(late.health().status, 'stopped')
  })

  it('says of a pipeline that stops with an error which it is; the others go on', async () => {
    const log = new MemoryLog()
    const said: string[] = []
    const broken = pipeline('broken', { commitInterval: 1 }, p => {
      p.from(hits)
        .filter(() => {
          throw new Error('always')
        })
        .to(topic('never', { value: json<Hit>() }))
    })
    const logger = { info() {}, warn() {}, error: (message: string) => said.push(message) }
    await using app = await started(log, [broken, counting], { logger })
    const failed = assert.rejects(app.failed, error => {
      assert.ok(error instanceof PipelineStopped)
      assert.equal(error.pipeline, 'broken')
      assert.equal(error.message, `Pipeline "broken" stopped: ${error.cause.message}`)
      assert.match(error.cause.message, /always|failed/)
      return true
    })
    await Promise.all(
      Array.from({ length: 300 }, (_, i) => app.send(hits, { user: `u${i % 5}`, ms: i, at: at + i })),
    )
    await failed
    assert.equal(app.health().status, 'failed')
    assert.match(said[0]!, /Pipeline "broken" stopped/)
    assert.equal(app.health().error, said[0])
    await app.endInput(hits)
    while ((await readTopic(log, 'rows')).length < 5) await new Promise(resolve => setImmediate(resolve))
    assert.deepEqual(
      (await valuesOf(log, 'rows')).map(({ n }) => n),
      [60, 60, 60, 60, 60],
    )
  })

  it('[1.3] lets other work of the process go on while a long input is processed', async () => {
    const log = new MemoryLog()
    await using app = await started(log)
    const batch = 100
    for (let n = 0; n < 20_000; n += batch)
      await Promise.all(
        Array.from({ length: batch }, (_, i) => app.send(hits, { user: 'a', ms: n + i, at: at + n + i })),
      )
    // Each record takes 1 ms of this clock, however busy the machine is.
    let processed = 0
    const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() + processed }
    const slow = pipeline('slow', p => {
      p.from(hits, { idle: 'never' })
        .peek(() => void processed++)
        .to(topic('seen', { value: json<Hit>() }))
    })
    await using second = await start([slow], { app: 'second', log, clock })
    let longest = 0
    while (processed < 20_000) {
      const before = processed
      await Promise.race([second.failed, new Promise(resolve => setImmediate(resolve))])
      longest = Math.max(longest, processed - before)
    }
    assert.ok(
      longest > 0 && longest <= 2 * batch,
      `${longest} records were processed in one turn of the loop`,
    )
  })

  it('[1.4] two apps in one process share nothing but the topics they are given, beside a plain HTTP server', async () => {
    const log = new MemoryLog()
    const server = createServer((_, response) => response.end('here')).listen(0)
    try {
      await using one = await start([counting], { app: 'one', log })
      await using two = await start([counting], { app: 'two', log })
      await Promise.all(
        Array.from({ length: 20 }, (_, i) => one.send(hits, { user: 'a', ms: i, at: at + i })),
      )
      for (const [app, name] of [
        [one, 'one'],
        [two, 'two'],
      ] as const) {
        await drained(app, `${name}.counting`, 'hits')
        assert.deepEqual(await app.store('per-user').get('a', { start: at }), { n: 20 })
      }
      const own = (await log.describeTopics())
        .map(({ name }) => name)
        .filter(name => !['hits', 'rows'].includes(name))
      const topicsOf = (app: string) => [`${app}.counting.changelog`, `${app}.counting.per-user.changelog`]
      assert.deepEqual(own.sort(), [...topicsOf('one'), ...topicsOf('two')])
      assert.deepEqual((await log.listGroups()).sort(), ['one.counting', 'two.counting'])
      await one.stop()
      assert.equal(two.health().status, 'running')
      const { port } = server.address() as { port: number }
      assert.equal(await (await fetch(`http://localhost:${port}/`)).text(), 'here')
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  it('[1.5] keeps the number of partitions a re-keying began with', async () => {
    const log = new MemoryLog()
    const withPartitions = (partitions?: number) =>
      pipeline('spread', { commitInterval: 1 }, p => {
        p.from(hits, { idle: 'never' })
          .keyBy('user', v => v.user, { partitions })
          .aggregate('all', { n: count() })
      })
    const repartition = async () => (await log.offsets('test.spread.user.repartition')).length
    for (const [i, partitions] of [undefined, 3].entries()) {
      await using app = await started(log, [withPartitions(partitions)])
      await app.send(hits, { user: 'a', ms: 1, at })
      await until(app, async () => {
        const found = (await app
          .store('all')
          .get('a')
          .catch(() => undefined)) as { n: number } | undefined
        return found?.n === i + 1
      })
      assert.equal(await repartition(), 2)
    }
  })

  it('[5.6] checks what it sends against the topic’s schema', async () => {
    const checked = topic('checked', {
      value: json(z.object({ user: z.string(), ms: z.number().min(0) })),
      key: 'user',
    })
    const log = new MemoryLog()
    await using app = await started(log, [])
    await app.send(checked, { user: 'a', ms: 1 })
    await assert.rejects(app.send(checked, { user: 'a', ms: -1 }), /ms/)
    await assert.rejects(app.send(checked, { user: 1 as never, ms: 1 }), /user/)
    assert.deepEqual(await valuesOf(log, 'checked'), [{ user: 'a', ms: 1 }])
  })
})

describe('a pipeline that starts again with other code', () => {
  const version = (columns: Parameters<ReturnType<typeof build>['aggregate']>[1]) =>
    pipeline('shop', { commitInterval: 1 }, p => {
      build(p).aggregate('per-user', columns)
    })
  const build = (p: Parameters<Parameters<typeof pipeline>[2]>[0]) => p.from(hits, { idle: 'never' }).byKey()

  async function after(log: MemoryLog, code: ReturnType<typeof version>): Promise<unknown> {
    await using app = await started(log, [code])
    await app.send(hits, { user: 'a', ms: 5, at })
    await drained(app, 'test.shop', 'hits')
    return app.store('per-user').get('a')
  }

  it('[8.1] begins an added column at its initial value, and drops a removed one', async () => {
    const log = new MemoryLog()
    assert.deepEqual(await after(log, version({ n: count() })), { n: 1 })
    assert.deepEqual(await after(log, version({ n: count(), total: sum('ms') })), { n: 2, total: 5 })
    assert.deepEqual(await after(log, version({ total: sum('ms') })), { total: 10 })
  })

  it('[8.1] is refused where its state means something else, with the ways out', async () => {
    const log = new MemoryLog()
    await after(log, version({ n: count() }))
    const changed = started(log, [version({ n: max('ms') })])
    await assert.rejects(changed, /per-user[\s\S]*(rename|another name)[\s\S]*reset/i)
    assert.deepEqual(await after(log, version({ n: count() })), { n: 2 })
  })

  it('[8.2] goes on with its state when only callbacks changed', async () => {
    const log = new MemoryLog()
    assert.deepEqual(await after(log, version({ total: sum('ms') })), { total: 5 })
    assert.deepEqual(await after(log, version({ total: sum((v: Hit) => v.ms * 100) })), { total: 505 })
  })
})
