import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it, type TestContext } from 'node:test'
import { lockHolders } from '../log/embedded/lock-holder.ts'
import { Child } from '../log/embedded/testkit/children.ts'
import { directoryFor } from '../log/embedded/testkit/directory.ts'
import { until } from '../log/embedded/testkit/records.ts'
import type { App } from './app.ts'
import { start } from './start.ts'
import { readTopic } from './testkit/read-topic.ts'
import { expectedRows, rowText, visitAt } from './testkit/visit-rows.ts'
import { perPage, perVisitor, visits } from './testkit/visits.ts'

const appProcess = new URL('./testkit/app-process.ts', import.meta.url)
const sessionTimeoutMs = 1_000
const partitions = 4
const visitsSent = 4_000
const from = Date.UTC(2024, 0, 1)
const expected = expectedRows(from, visitsSent)

/** Time enough on a machine that has much else to do; what is waited for takes a second or two. */
const timeout = 120_000

/** The state of each thread as Linux has it: `T` is stopped (proc_pid_stat(5)). */
function threadStates(pid: number): string[] {
  return readdirSync(`/proc/${pid}/task`).map(thread => {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2)[0]!
  })
}

/** One data directory with the processes of a test over it. */
class Stage {
  readonly app: App
  readonly #t: TestContext
  readonly #data: string

  constructor(t: TestContext, data: string, app: App) {
    this.#t = t
    this.#data = data
    this.app = app
  }

  /** Stops a process where it stands, but not in the middle of a write: there is one at a time, so all would wait for it. */
  async freeze({ pid, process }: Child): Promise<void> {
    const stands = () => threadStates(pid).every(state => state === 'T')
    for (;;) {
      process.kill('SIGSTOP')
      await until('it stands still', async () => stands())
      if (!lockHolders(this.#data)!.includes(pid)) return
      process.kill('SIGCONT')
    }
  }

  static async open(t: TestContext): Promise<Stage> {
    const data = await directoryFor(t)
    const app = await start([], { app: 'test', data })
    t.after(() => app.stop())
    return new Stage(t, data, app)
  }

  process(): Child {
    return new Child(this.#t, appProcess, [this.#data, String(sessionTimeoutMs)])
  }

  /** Resolves when each of the processes, and nobody else, has partitions of both pipelines. */
  async shared(among: readonly Child[]): Promise<void> {
    await until(`${among.length} processes share the partitions`, async () => {
      const groups = await Promise.all(
        ['test.visits', 'test.copy'].map(group => this.app.log.describeGroup(group)),
      )
      return groups.every(group => {
        const members = group?.members ?? []
        return (
          members.length === among.length &&
          among.every(({ pid }) => members.some(each => each.pid === pid && each.assignment.length > 0))
        )
      })
    })
  }

  async send(first: number, to: number): Promise<void> {
    for (let i = first; i < to; i += 250) {
      await Promise.all(Array.from({ length: 250 }, (_, j) => this.app.send(visits, visitAt(from, i + j))))
    }
  }

  async rows(): Promise<string[]> {
    const rows: string[] = []
    for (const { name } of [perVisitor, perPage]) {
      const exists = (await this.app.log.describeTopics([name])).length > 0
      if (exists)
        rows.push(...(await readTopic(this.app.log, name)).map(({ value }) => rowText(JSON.parse(value!))))
    }
    return rows.sort()
  }

  /** Ends the input, waits for the last row, stops the processes, and gives all rows there are. */
  async finish(children: readonly Child[]): Promise<string[]> {
    await this.app.endInput(visits)
    const { length } = expected
    await until('every row is there', async () => (await this.rows()).length >= length)
    for (const child of children) {
      assert.equal(
        child.messages.find(({ type }) => type === 'failed'),
        undefined,
      )
      await stop(child)
    }
    return this.rows()
  }

  /** How far a group has come, over all partitions of a topic. */
  async committed(group: string, topic: string): Promise<number> {
    const places = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
    const positions = await this.app.log.committed(group, places)
    return positions.reduce((sum, { offset }) => sum + offset, 0)
  }
}

async function stop(child: Child): Promise<void> {
  const exited = new Promise(resolve => child.process.once('exit', resolve))
  child.process.kill('SIGTERM')
  assert.equal(await exited, 0)
}

describe('the processes of one app', { timeout }, () => {
  for (const count of [1, 3]) {
    it(`[1.5] give the rows of a plain count when there are ${count}`, { timeout }, async t => {
      const stage = await Stage.open(t)
      const children = Array.from({ length: count }, () => stage.process())
      await stage.shared(children)
      await stage.send(0, visitsSent)
      assert.deepEqual(await stage.finish(children), expected)
    })
  }

  it('[1.5] give the same rows when they grow from one to three in mid-run', { timeout }, async t => {
    const stage = await Stage.open(t)
    const first = stage.process()
    await stage.shared([first])
    await stage.send(0, visitsSent / 2)
    await until(
      'some of it is committed',
      async () => (await stage.committed('test.visits', visits.name)) > 0,
    )
    const children = [first, stage.process(), stage.process()]
    const sending = stage.send(visitsSent / 2, visitsSent - 250)
    await stage.shared(children)
    await sending
    await stage.send(visitsSent - 250, visitsSent)
    assert.deepEqual(await stage.finish(children), expected)
  })

  it('[2.1] [2.4] give each row once after kill -9 in mid-run, whoever goes on', { timeout }, async t => {
    const stage = await Stage.open(t)
    let child = stage.process()
    for (const sent of [0, 1_000, 2_000, 3_000]) {
      await stage.shared([child])
      const before = await stage.committed('test.visits', visits.name)
      const sending = stage.send(sent, sent + 1_000)
      await until('it goes on', async () => (await stage.committed('test.visits', visits.name)) > before)
      await child.kill()
      child = stage.process()
      await sending
    }
    assert.deepEqual(await stage.finish([child]), expected)
  })

  it('[2.2] refuse what a frozen one had in hand, and give it once', { timeout }, async t => {
    const stage = await Stage.open(t)
    const [frozen, other] = [stage.process(), stage.process()]
    await stage.shared([frozen, other])
    const sending = stage.send(0, visitsSent - 1_000)
    await until('they are at work', async () => (await stage.committed('test.visits', visits.name)) > 0)
    const isMember = async () =>
      (await stage.app.log.describeGroup('test.visits'))!.members.some(({ pid }) => pid === frozen.pid)
    assert.ok(await isMember())
    await stage.freeze(frozen)
    await until('it is thrown out', async () => !(await isMember()))
    await sending
    await stage.shared([other])
    frozen.process.kill('SIGCONT')
    await stage.send(visitsSent - 1_000, visitsSent)
    await stage.shared([frozen, other])
    assert.deepEqual(await stage.finish([frozen, other]), expected)
  })

  it('a SIGTERM handled by the program’s own signal ends it by itself, with all it did committed', {
    timeout,
  }, async t => {
    const stage = await Stage.open(t)
    const child = stage.process()
    await stage.shared([child])
    const sending = stage.send(0, visitsSent)
    await until('it is at work', async () => (await stage.committed('test.copy', visits.name)) > 0)
    const signalledMs = performance.now()
    await stop(child)
    // What `stop` allows without a timeout of its own.
    assert.ok(performance.now() - signalledMs < 30_000)
    await sending
    const { processed } = child.messages.find(({ type }) => type === 'stopped') as { processed?: number }
    assert.ok(processed! > 0)
    assert.equal(await stage.committed('test.copy', visits.name), processed)
    assert.equal((await readTopic(stage.app.log, 'copied')).length, processed)
    assert.deepEqual((await stage.app.log.describeGroup('test.copy'))!.members, [])
  })
})
