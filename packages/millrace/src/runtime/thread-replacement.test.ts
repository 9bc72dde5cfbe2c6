import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { openEmbeddedLog } from '../log/embedded/open.ts'
import { startLockHolder } from '../log/embedded/testkit/children.ts'
import type { App, StartOptions } from './app.ts'
import { PipelineStopped } from './pipeline-stopped.ts'
import { start } from './start.ts'
import { readTopic } from './testkit/read-topic.ts'
import troubled, {
  callsOf,
  copies,
  type Order,
  orders,
  perShop,
  type Trouble,
} from './testkit/troubled-orders.ts'

const moduleUrl = new URL('./testkit/troubled-orders.ts', import.meta.url)
const group = `test.${troubled.name}`
const ordersCount = 2_000
const shops = 40
const windowMs = 10_000
const maxPollMs = 1_500

/** Event times that fill ten windows. */
function orderAt(i: number): Order {
  return { shop: `s${i % shops}`, at: 1_700_000_000_000 + i * 50 }
}

/** What the topics hold after the whole input, sorted. */
function expected(sent: readonly Order[]): { copies: string[]; perShop: string[] } {
  const counts = new Map<string, number>()
  for (const { shop, at } of sent) {
    const window = `${shop}@${Math.floor(at / windowMs) * windowMs}`
    counts.set(window, (counts.get(window) ?? 0) + 1)
  }
  return {
    copies: sent.map(order => JSON.stringify(order)).sort(),
    perShop: [...counts].map(([window, count]) => `${window}=${count}`).sort(),
  }
}

async function stored(data: string): Promise<ReturnType<typeof expected>> {
  const log = await openEmbeddedLog({ directory: data })
  try {
    const rows = (await readTopic(log, perShop.name)).map(({ value }) => JSON.parse(value!))
    return {
      copies: (await readTopic(log, copies.name)).map(({ value }) => value!).sort(),
      perShop: rows.map(({ key, start, orders }) => `${key}@${start}=${orders}`).sort(),
    }
  } finally {
    await log.close()
  }
}

interface Scene {
  readonly data: string
  readonly warnings: string[]
  readonly errors: string[]
  start(options?: StartOptions): Promise<App>
}

async function inScene(run: (scene: Scene) => Promise<void>): Promise<void> {
  const data = await mkdtemp(join(tmpdir(), 'millrace-replacement-'))
  const warnings: string[] = []
  const errors: string[] = []
  const logger = {
    info() {},
    warn: (message: string) => void warnings.push(message),
    error: (message: string) => void errors.push(message),
  }
  const options = { app: 'test', data, threads: 2, maxPollMs, logger }
  try {
    await run({
      data,
      warnings,
      errors,
      start: more => start([moduleUrl], { ...options, ...more }),
    })
  } finally {
    await rm(data, { recursive: true, force: true })
  }
}

/** Sends the input with one record of trouble in its midst, and waits until all that it gives has come out. */
async function sendAll(app: App, trouble: Trouble, flag: string): Promise<Order[]> {
  writeFileSync(flag, '')
  const sent = Array.from({ length: ordersCount }, (_, i) => orderAt(i))
  sent[ordersCount / 2] = { ...orderAt(ordersCount / 2), trouble, flag }
  for (let i = 0; i < ordersCount; i += 250) {
    await Promise.all(sent.slice(i, i + 250).map(order => app.send(orders, order)))
  }
  await app.endInput(orders)
  const whole = expected(sent)
  while ((await readTopic(app.log, copies.name)).length < whole.copies.length) await nextTurn(app)
  while ((await readTopic(app.log, perShop.name)).length < whole.perShop.length) await nextTurn(app)
  return sent
}

/** Not at once, as the threads need the cores for what is waited for. */
async function nextTurn(app: App): Promise<void> {
  await Promise.race([app.failed, new Promise(resolve => setTimeout(resolve, 10))])
}

async function memberOf(app: App): Promise<string> {
  const { members } = (await app.log.describeGroup(group))!
  return members[0]!.memberId
}

/** Runs the whole input through a thread that is ruined once, and compares every output record. */
async function ruinOnce(trouble: Trouble, warning: RegExp): Promise<void> {
  await inScene(async ({ data, warnings, errors, start }) => {
    const flag = join(data, 'trouble')
    const app = await start()
    const before = await memberOf(app)
    const sent = await sendAll(app, trouble, flag)
    const after = await memberOf(app)
    await app.stop()
    assert.equal(existsSync(flag), false, 'the fault has struck')
    assert.equal(warnings.length, 1, warnings.join('\n'))
    assert.match(warnings[0]!, warning)
    assert.notEqual(after, before, 'nothing can come of what the ended thread had under way')
    assert.deepEqual(errors, [])
    assert.deepEqual(await stored(data), expected(sent))
  })
}

describe('a worker thread', { timeout: 120_000, concurrency: 3 }, () => {
  it('[1.3] caught in an endless loop is replaced, and nothing is lost or doubled', () =>
    ruinOnce(
      'loop',
      /^Worker thread \d made no progress for 1\.5 s \(maxPollMs\) in pipeline "troubled", task "orders\/(\d)", at orders\/\1 from offset \d+\. It is replaced/,
    ))

  it('[1.3] that exits is replaced, and nothing is lost or doubled', () =>
    ruinOnce('exit', /^Worker thread \d exited with code 3 in pipeline "troubled", task "orders\/\d"/))

  it('[1.3] that dies of an error outside any task is replaced, and nothing is lost or doubled', () =>
    ruinOnce('crash', /^Worker thread \d died of an error \(nobody catches this\)\. It is replaced/))

  it('[1.3] that ends with a commit under way: the commit is settled before its tasks start again', async t => {
    await inScene(async ({ data, warnings, start }) => {
      const [gate, flag] = [join(data, 'gate'), join(data, 'trouble')]
      const sent: Order[] = [
        { ...orderAt(0), trouble: 'wait', flag: gate },
        { ...orderAt(0), trouble: 'exit', flag },
      ]
      // Half of the session is how long a commit waits for the lock before a warning: time enough for a new thread.
      const app = await start({ threads: 1, maxPollMs: 600_000, sessionTimeoutMs: 6_000 })
      await app.send(orders, sent[0]!)
      while (!existsSync(callsOf(gate))) await nextTurn(app)
      writeFileSync(flag, '')
      await app.send(orders, sent[1]!)
      const holder = startLockHolder(t, data, 'write')
      await holder.told('holding')
      writeFileSync(gate, '')
      const warned = (text: RegExp) => warnings.some(warning => text.test(warning))
      while (!warned(/exited with code 3/) || !warned(/Waiting for the log's write lock/)) await nextTurn(app)
      await holder.stop()
      while ((await readTopic(app.log, copies.name)).length < 2) await nextTurn(app)
      await app.stop()
      assert.equal(existsSync(flag), false, 'the fault has struck')
      assert.equal(readFileSync(callsOf(gate), 'utf8'), '.', 'its record was not processed again')
      assert.deepEqual((await stored(data)).copies, expected(sent).copies)
    })
  })

  it('[1.3] that one task ends three times in a row stops the pipeline, which says where', async () => {
    await inScene(async ({ data, warnings, errors, start }) => {
      const app = await start({ maxPollMs: 1_000 })
      const failed = app.failed.catch(error => error)
      await app.send(orders, orderAt(0))
      await app.send(orders, { ...orderAt(0), trouble: 'loop' })
      const error = await failed
      assert.ok(error instanceof PipelineStopped)
      assert.equal(error.pipeline, 'troubled')
      assert.match(
        error.message,
        /^Pipeline "troubled" stopped: Worker thread \d made no progress for 1 s \(maxPollMs\) in pipeline "troubled", task "orders\/\d".*3 times in a row.*loops for ever/,
      )
      assert.deepEqual(errors, [error.message])
      assert.equal(warnings.length, 2)
      assert.deepEqual(app.health().status, 'failed')
      await app.stop()
      assert.equal((await stored(data)).copies.filter(copy => copy.includes('loop')).length, 0)
    })
  })

  it('[1.3] that stands still does not keep the app from stopping', async () => {
    await inScene(async ({ data, start }) => {
      const flag = join(data, 'trouble')
      writeFileSync(flag, '')
      const app = await start({ maxPollMs: 600_000 })
      await app.send(orders, { ...orderAt(0), trouble: 'loop', flag })
      while (existsSync(flag)) await nextTurn(app)
      await app.stop({ timeout: 50 })
      assert.equal(app.health().status, 'stopped')
    })
  })

  it('refuses a maxPollMs that a healthy thread could miss', async () => {
    await inScene(async ({ start }) => {
      await assert.rejects(start({ maxPollMs: 100 }), /maxPollMs is 100; give 1000 ms or more/)
    })
  })
})
