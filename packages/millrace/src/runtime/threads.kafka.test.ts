import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { Child } from '../log/embedded/testkit/children.ts'
import { openKafkaLog } from '../log/kafka/open.ts'
import { testBrokers } from '../log/kafka/testkit/brokers.ts'
import type { Topic } from '../plan/topic.ts'
import type { App } from './app.ts'
import { start } from './start.ts'
import { readTopic } from './testkit/read-topic.ts'
import type * as Orders from './testkit/troubled-orders.ts'
import { expectedRows, rowText, visitAt } from './testkit/visit-rows.ts'
import type * as Visits from './testkit/visits.ts'

const brokers = testBrokers()
const threadedProcess = new URL('./testkit/threaded-process.ts', import.meta.url)
const visitsSent = 4_000
/** Recent: Kafka counts the age of records from their own time (SEMANTICS 9.5). */
const from = Math.floor(Date.now() / 60_000) * 60_000 - 1_800_000
const expected = expectedRows(from, visitsSent)
/** Processes and threads take long to start where a machine has much else to do. */
const timeout = 400_000

/** Looks again and again, within the test's own timeout. */
async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const begunMs = performance.now()
  while (!(await condition())) {
    if (performance.now() - begunMs > timeout / 2) assert.fail(`Not within ${timeout / 2000} s: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

/** A module of the testkit under topics that no other test has, and an app that sends to them. */
class Stage<M> {
  readonly name = `threads-${crypto.randomUUID().slice(0, 8)}`
  readonly url: string
  readonly #t: TestContext
  readonly #module: string

  constructor(t: TestContext, module: string) {
    this.#t = t
    this.#module = module
    const url = new URL(`./testkit/${module}.ts`, import.meta.url)
    url.searchParams.set('topics', `${this.name}-`)
    this.url = url.href
  }

  load(): Promise<M> {
    return import(this.url) as Promise<M>
  }

  get group(): string {
    return `${this.name}.${this.#module === 'visits' ? 'visits' : 'troubled'}`
  }

  async start(options: Parameters<typeof start>[1]): Promise<App> {
    const app = await start([this.url], { app: this.name, brokers, createTopics: true, ...options })
    this.#t.after(() => app.stop())
    return app
  }

  /** An app that runs nothing, and makes the topics. */
  async sender(topics: readonly Topic[]): Promise<App> {
    const log = await openKafkaLog({ brokers })
    await log.createTopics(topics.map(({ name, partitions = 4 }) => ({ name, partitions })))
    const app = await start([], { app: this.name, log })
    this.#t.after(async () => {
      await app.stop()
      await log.close()
    })
    return app
  }

  process(threads: number): Child {
    return new Child(this.#t, threadedProcess, [brokers, this.name, this.url, String(threads)])
  }
}

async function send({ visits }: typeof Visits, app: App, first: number, to: number): Promise<void> {
  for (let i = first; i < to; i += 250)
    await Promise.all(Array.from({ length: 250 }, (_, j) => app.send(visits, visitAt(from, i + j))))
}

async function rowsOf(app: App, topics: readonly Topic[]): Promise<string[]> {
  const rows: string[] = []
  for (const { name } of topics)
    rows.push(...(await readTopic(app.log, name)).map(({ value }) => rowText(JSON.parse(value!))))
  return rows.sort()
}

describe('worker threads on Kafka', { timeout: 4 * timeout }, () => {
  it('[1.5] of one process give the rows of a plain count, four of them', { timeout }, async t => {
    const stage = new Stage<typeof Visits>(t, 'visits')
    const module = await stage.load()
    const { visits, perVisitor, perPage } = module
    const app = await stage.start({ threads: 4 })
    await send(module, app, 0, visitsSent)
    await app.endInput(visits)
    const rows = () => rowsOf(app, [perVisitor, perPage])
    await until('every row is there', async () => (await rows()).length >= expected.length)
    await app.stop()
    const after = await stage.sender([])
    assert.deepEqual(await rowsOf(after, [perVisitor, perPage]), expected)
  })

  it('[1.5] give the same rows when one process grows to three in mid-run', { timeout }, async t => {
    const stage = new Stage<typeof Visits>(t, 'visits')
    const module = await stage.load()
    const { visits, perVisitor, perPage } = module
    const app = await stage.sender([visits, perVisitor, perPage])
    const shared = (among: readonly Child[]) =>
      until(`${among.length} processes share the partitions`, async () => {
        const members = (await app.log.describeGroup(stage.group))?.members ?? []
        const isAtWork = ({ pid }: Child) =>
          members.some(member => member.pid === pid && member.assignment.length > 0)
        return members.length === among.length && among.every(isAtWork)
      })
    const first = stage.process(4)
    await shared([first])
    await send(module, app, 0, visitsSent / 2)
    const places = [0, 1, 2, 3].map(partition => ({ topic: visits.name, partition }))
    await until(
      'some of it is committed',
      async () => (await app.log.committed(stage.group, places)).length > 0,
    )
    const children = [first, stage.process(1), stage.process(1)]
    const sending = send(module, app, visitsSent / 2, visitsSent - 250)
    await shared(children)
    await sending
    await send(module, app, visitsSent - 250, visitsSent)
    await app.endInput(visits)
    const rows = () => rowsOf(app, [perVisitor, perPage])
    await until('every row is there', async () => (await rows()).length >= expected.length)
    for (const child of children) {
      assert.equal(
        child.messages.find(({ type }) => type === 'failed'),
        undefined,
      )
      const exited = new Promise(resolve => child.process.once('exit', resolve))
      child.process.kill('SIGTERM')
      assert.equal(await exited, 0)
    }
    assert.deepEqual(await rows(), expected)
  })

  for (const trouble of ['loop', 'exit'] as const) {
    it(`[1.3] one that ${trouble === 'loop' ? 'is caught in an endless loop' : 'exits'} is replaced, and nothing is lost or doubled`, {
      timeout,
    }, async t => {
      const stage = new Stage<typeof Orders>(t, 'troubled-orders')
      const { orders, copies, perShop } = await stage.load()
      const directory = await mkdtemp(join(tmpdir(), 'millrace-threads-'))
      t.after(() => rm(directory, { recursive: true, force: true }))
      const flag = join(directory, 'trouble')
      writeFileSync(flag, '')
      const warnings: string[] = []
      const logger = { info() {}, warn: (message: string) => void warnings.push(message), error() {} }
      const app = await stage.start({ threads: 2, maxPollMs: 1_500, logger })
      const sent = Array.from(
        { length: 2_000 },
        (_, i): Orders.Order => ({ shop: `s${i % 40}`, at: from + i * 50 }),
      )
      sent[1_000] = { ...sent[1_000]!, trouble, flag }
      for (let i = 0; i < sent.length; i += 250)
        await Promise.all(sent.slice(i, i + 250).map(order => app.send(orders, order)))
      await app.endInput(orders)
      const copied = async () => (await readTopic(app.log, copies.name)).map(({ value }) => value!).sort()
      const counted = async () =>
        (await readTopic(app.log, perShop.name)).reduce(
          (sum, { value }) => sum + JSON.parse(value!).orders,
          0,
        )
      await until('everything is copied', async () => (await copied()).length >= sent.length)
      await until('everything is counted', async () => (await counted()) >= sent.length)
      assert.equal(existsSync(flag), false, 'the fault has struck')
      assert.equal(
        warnings.filter(warning => warning.includes('It is replaced')).length,
        1,
        warnings.join('\n'),
      )
      await app.stop()
      const after = await stage.sender([])
      const again = async (name: string) => (await readTopic(after.log, name)).map(({ value }) => value!)
      assert.deepEqual((await again(copies.name)).sort(), sent.map(order => JSON.stringify(order)).sort())
      const total = (await again(perShop.name)).reduce((sum, value) => sum + JSON.parse(value).orders, 0)
      assert.equal(total, sent.length)
    })
  }
})
