import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type App,
  count,
  json,
  type PipelineBuilder,
  pipeline,
  type StartOptions,
  start,
  sum,
  topic,
} from '../index.ts'
import { MemoryBroker } from '../log/memory/broker.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { readTopic } from './testkit/read-topic.ts'

const hits = topic('hits', { value: json<{ url: string; user: string; ms: number }>(), partitions: 2 })
const rows = topic('rows', { value: json<{ n?: number }>() })
const others = topic('others', { value: json<{ n?: number }>() })

type Build = (p: PipelineBuilder) => unknown

/** The versions of a pipeline. */
const first: Build = p =>
  p.from(hits).keyBy('url').aggregate('per-url', { n: count() }).emit('updates').to(rows)
const withTotal: Build = p =>
  p
    .from(hits)
    .keyBy('url')
    .aggregate('per-url', { n: count(), total: sum('ms') })
    .emit('updates')
    .to(rows)
const perUser: Build = p =>
  p.from(hits).keyBy('user').aggregate('per-user', { n: count() }).emit('updates').to(others)
const stateless: Build = p =>
  p
    .from(hits)
    .map(({ ms }) => ({ n: ms }))
    .to(rows)

async function until(what: string, condition: () => Promise<boolean> | boolean): Promise<void> {
  const endMs = performance.now() + 60_000
  while (!(await condition())) {
    if (performance.now() > endMs) assert.fail(`Not within a minute: ${what}`)
    await new Promise(resolve => setImmediate(resolve))
  }
}

/** One log with processes of several versions, each with what it has warned of. */
function setting() {
  const broker = new MemoryBroker()
  const log = new MemoryLog(broker)
  const run = async (build: Build, options: StartOptions = {}) => {
    const warnings: string[] = []
    const logger = { info() {}, error() {}, warn: (message: string) => void warnings.push(message) }
    const app = await start([pipeline('shop', p => void build(p))], { app: 'app', log, logger, ...options })
    if (options.once) {
      await Promise.race([app.failed, app.finished])
      await app.stop()
    }
    return Object.assign(app, { warnings })
  }
  const send = async (app: App, ...urls: string[]) => {
    for (const url of urls) await app.send(hits, { url, user: `u-${url}`, ms: 7 })
  }
  const group = async () => (await log.describeGroup('app.shop'))!
  const values = async (name: string): Promise<object[]> =>
    (await readTopic(log, name)).map(({ value }) => JSON.parse(value!))
  return { broker, log, run, send, group, values }
}

const partitionsOf = (app: App) => app.health().pipelines[0]!.partitions

describe('code that is older than the state', () => {
  it('[8.2] is refused where nobody runs newer code, with what going back costs, and goes back when that is said', async () => {
    const { run, send, values } = setting()
    await using sender = await run(first)
    await send(sender, 'a')
    await until('it is counted', async () => (await values('rows')).length === 1)
    await sender.stop()
    await using newer = await run(withTotal)
    await send(newer, 'a')
    await until('it is counted', async () => (await values('rows')).length === 2)
    await newer.stop()
    const told = {
      name: 'PlanError',
      message:
        /newer code has been at work behind url\.repartition, and no member of app\.shop runs it.*--rollback.*column "per-url\.total" removed: what it held is dropped/,
    }
    await assert.rejects(run(first), told)
    await assert.rejects(run(first, { once: true }), /newer code has been at work/)
    assert.deepEqual((await run(withTotal, { once: true })).warnings, [])
    await using back = await run(first, { rollback: true })
    assert.match(back.warnings.join('\n'), /column "per-url.total" removed/)
    await send(back, 'a')
    await until('it is counted', async () => (await values('rows')).length === 3)
    await back.stop()
    assert.deepEqual(await values('rows'), [{ n: 1 }, { n: 2, total: 7 }, { n: 3 }])
    assert.deepEqual((await run(first, { once: true })).warnings, [])
    await assert.rejects(run(withTotal), /newer code has been at work.*column "per-url.total" new/)
  })

  it('[8.2] runs beside newer code, has no part in what that keeps, and says so', async () => {
    const { run, group } = setting()
    await using before = await run(first)
    await until('it has everything', () => partitionsOf(before) === 4)
    await before.stop()
    await using newer = await run(withTotal)
    await until('it has everything', () => partitionsOf(newer) === 4)
    await using older = await run(first)
    assert.match(
      older.warnings.join('\n'),
      /shop: newer code has been at work behind url\.repartition\. This process has no part/,
    )
    await until('it has a part in the rest', () => partitionsOf(older) === 2)
    const { members, barred } = await group()
    assert.deepEqual(barred, [])
    assert.ok(
      members.every(
        ({ assignment, layouts }) =>
          layouts?.['app.shop.url.repartition'] === 2 || assignment.every(each => each.topic === 'hits'),
      ),
    )
  })

  it('[8.2] stops when it wakes up and all who ran newer code have come and gone meanwhile', async () => {
    const { broker, run, group } = setting()
    const frozen = new MemoryLog(broker)
    await using older = await run(first, { log: frozen, sessionTimeoutMs: 50 })
    await until('it has everything', () => partitionsOf(older) === 4)
    frozen.freeze()
    await until('it is taken for dead', async () => (await group()).members.length === 0)
    const newer = await run(withTotal)
    await until('it has everything', () => partitionsOf(newer) === 4)
    await newer.stop()
    frozen.thaw()
    await assert.rejects(older.failed, /newer code has been at work behind url\.repartition/)
  })

  it('[8.2] is not what a version makes of others that started and never had anything', async () => {
    const { run, log } = setting()
    await log.createTopics([{ name: 'hits', partitions: 1 }])
    await using one = await run(first)
    await until('it has everything', () => partitionsOf(one) === 2)
    await using two = await run(first)
    await until('it is shared', () => partitionsOf(one) === 1)
    const tried = await run(withTotal)
    assert.match(tried.warnings.join('\n'), /column "per-url.total" new/)
    assert.equal(partitionsOf(tried), 0)
    await tried.stop()
    await Promise.all([one.stop(), two.stop()])
    await using again = await run(first)
    assert.deepEqual(again.warnings, [])
    await until('it has everything', () => partitionsOf(again) === 2)
  })

  it('[8.2] leaves behind what only it had, and what only the newer code has is never given to it', async () => {
    const { run, send, group, values } = setting()
    await using older = await run(first)
    await until('it has everything', () => partitionsOf(older) === 4)
    await using newer = await run(perUser)
    const topicsOf = async () =>
      new Set(
        (await group()).members
          .find(({ layouts }) => layouts?.['app.shop.user.repartition'] === undefined)!
          .assignment.map(({ topic }) => topic),
      )
    await until('the new re-keying has its owner', async () =>
      (await group()).members.some(
        ({ assignment }) =>
          assignment.filter(({ topic }) => topic === 'app.shop.user.repartition').length === 2,
      ),
    )
    assert.ok(!(await topicsOf()).has('app.shop.user.repartition'))
    await older.stop()
    await until('the newer has all there is', () => partitionsOf(newer) === 4)
    assert.deepEqual((await group()).barred, [])
    await send(newer, 'a', 'b', 'a')
    await until('all of it is counted', async () => (await values('others')).length === 3)
    assert.deepEqual(
      newer.warnings.filter(text => /may have/.test(text)),
      [],
    )
  })

  it('[8.2] gives everything to newer code that keeps nothing any more', async () => {
    const { run, send, values } = setting()
    await using older = await run(first)
    await until('it has everything', () => partitionsOf(older) === 4)
    await using newer = await run(stateless)
    assert.match(newer.warnings.join('\n'), /store "per-url" removed/)
    await older.stop()
    await until('the newer has all there is', () => partitionsOf(newer) === 2)
    await send(newer, 'a')
    await until('it is forwarded', async () => (await values('rows')).length === 1)
    await newer.stop()
    await assert.rejects(
      run(first),
      /newer code has been at work behind hits, url\.repartition|url\.repartition, hits/,
    )
  })
})
