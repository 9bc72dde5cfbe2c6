import assert from 'node:assert/strict'
import { existsSync, readdirSync, truncateSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { Child } from '../log/embedded/testkit/children.ts'
import { directoryFor } from '../log/embedded/testkit/directory.ts'
import { until } from '../log/embedded/testkit/records.ts'
import type { KafkaLog } from '../log/kafka/kafka-log.ts'
import { openKafkaLog } from '../log/kafka/open.ts'
import { testBrokers } from '../log/kafka/testkit/brokers.ts'
import { RecordCursor } from '../record/cursor.ts'
import { Clicker, type Clicks, checkCounts, clicksOf } from './testkit/clicks.ts'

const clicksProcess = new URL('./testkit/clicks-process.ts', import.meta.url)
const brokers = testBrokers()
const timeout = 180_000
/** A round of clicks that changes as many rows. */
const users = 110_000
/** Far more than it takes, for machines with much else to do; the figures are diagnostics of the tests. */
const restartMsMax = 60_000
/** Nobody is thrown out because a machine is busy. */
const sessionTimeoutMs = 45_000

/** Topics and an app of its own, a data directory, and processes over both. */
class Stage {
  readonly app = `restart-${crypto.randomUUID().slice(0, 8)}`
  readonly group = `${this.app}.per-user`
  readonly topics: Clicks
  readonly clicker: Clicker
  readonly log: KafkaLog
  readonly data: string
  readonly #t: TestContext
  readonly #partitions: number

  private constructor(t: TestContext, data: string, log: KafkaLog, partitions: number) {
    this.#t = t
    this.data = data
    this.log = log
    this.#partitions = partitions
    this.topics = clicksOf(this.app, partitions)
    this.clicker = new Clicker(log, this.topics, users)
  }

  static async open(t: TestContext, { partitions = 1 } = {}): Promise<Stage> {
    const log = await openKafkaLog({ brokers })
    t.after(() => log.close())
    const stage = new Stage(t, await directoryFor(t), log, partitions)
    await log.createTopics(
      [stage.topics.clicks, stage.topics.counts].map(({ name }) => ({ name, partitions })),
    )
    return stage
  }

  async process(
    options: { instance?: string; data?: string; sessionTimeoutMs?: number; standbys?: number } = {},
  ): Promise<Child> {
    const { app, data } = this
    const settings = { app, data, brokers, partitions: this.#partitions, sessionTimeoutMs, ...options }
    const child = new Child(this.#t, clicksProcess, [JSON.stringify(settings)])
    await child.told('running')
    return child
  }

  /** Resolves when every click sent so far has its row. */
  async counted(): Promise<void> {
    await until('every click is counted', async () => (await this.committed()) === (await this.clicked()))
  }

  async committed(): Promise<number> {
    const partitions = Array.from({ length: this.#partitions }, (_, partition) => ({
      topic: this.topics.clicks.name,
      partition,
    }))
    const positions = await this.log.committed(this.group, partitions)
    return positions.reduce((sum, { offset }) => sum + offset, 0)
  }

  async clicked(): Promise<number> {
    const offsets = await this.log.offsets(this.topics.clicks.name)
    return offsets.reduce((sum, { latest }) => sum + latest, 0)
  }

  /** Every click counted once, whatever happened. */
  async checkExact(): Promise<void> {
    await this.counted()
    const { rows, wrong } = await checkCounts(this.log, this.topics)
    assert.deepEqual(wrong.slice(0, 5), [])
    assert.equal(rows, await this.clicked())
  }

  /** Resolves when a committed row lies behind `offset` of the first partition. */
  async rowBehind(offset: number): Promise<void> {
    const cursor = new RecordCursor()
    for (let position = offset; ; ) {
      const ask = { topic: this.topics.counts.name, partition: 0, offset: position }
      const limits = { maxWaitMs: 100, maxBytes: 1 << 20, partitionMaxBytes: 1 << 20 }
      const [fetched] = await this.log.fetch([ask], limits)
      for (const batch of fetched!.batches) {
        cursor.open(batch)
        while (cursor.next()) if (cursor.offset >= offset) return
        position = cursor.lastOffset + 1
      }
    }
  }

  async rowsEnd(): Promise<number> {
    return (await this.log.offsets(this.topics.counts.name))[0]!.latest
  }

  get folder(): string {
    return this.folderIn(this.data)
  }

  get snapshot(): string {
    return this.snapshotIn(this.data)
  }

  folderIn(data: string): string {
    return join(data, 'kafka', this.log.clusterId, this.group)
  }

  snapshotIn(data: string): string {
    return join(this.folderIn(data), 'slot-0', 'count-0.snapshot')
  }

  /** Clicks until the changelog is long enough for a snapshot. */
  async snapshotMade(isMade = () => existsSync(this.snapshot)): Promise<void> {
    for (let round = 0; round < 2; round++) {
      await this.clicker.click(users)
      await this.counted()
    }
    await until('there is a snapshot', isMade)
  }

  async generation(): Promise<number> {
    return (await this.log.describeGroup(this.group))!.generation
  }
}

/** Clicks until its end and a while beyond it: whoever was killed before the end cannot have counted them all. */
class EndlessClicks {
  #isOver = false
  readonly #done: Promise<void>

  constructor(clicker: Clicker) {
    this.#done = this.#click(clicker)
  }

  async #click(clicker: Clicker): Promise<void> {
    while (!this.#isOver) await clicker.click(10_000)
    await clicker.click(10_000)
  }

  end(): Promise<void> {
    this.#isOver = true
    return this.#done
  }
}

describe('a stateful pipeline on Kafka', () => {
  it('[1.4] [2.3] [2.4] goes on where it was after kill -9, within seconds and in the same generation', {
    timeout,
  }, async t => {
    const stage = await Stage.open(t)
    const first = await stage.process()
    await stage.snapshotMade()
    const generation = await stage.generation()
    // Killed while it works, with a transaction open.
    const before = await stage.committed()
    const clicks = new EndlessClicks(stage.clicker)
    await until('it works on them', async () => (await stage.committed()) > before)
    await first.kill()
    const end = await stage.rowsEnd()
    await clicks.end()

    const startedMs = performance.now()
    const starting = stage.process()
    await stage.rowBehind(end)
    const tookMs = performance.now() - startedMs
    t.diagnostic(`first new row ${(tookMs / 1000).toFixed(2)} s after the restart`)
    assert.ok(tookMs < restartMsMax, `the first new row took ${tookMs} ms`)
    const second = await starting
    await stage.checkExact()
    assert.equal(await stage.generation(), generation)
    assert.deepEqual(
      second.messages.filter(({ type }) => type === 'warning'),
      [],
    )
  })

  it('[2.3] restores from the changelog when its copy on the disk is cut off, or gone', {
    timeout,
  }, async t => {
    const stage = await Stage.open(t)
    let child = await stage.process({ sessionTimeoutMs: 10_000 })
    await stage.snapshotMade()
    await child.kill()
    truncateSync(stage.snapshot, 100_000)
    await stage.clicker.click(1_000)
    child = await stage.process({ sessionTimeoutMs: 10_000 })
    await stage.counted()
    const { message } = await child.told('warning')
    assert.match(String(message), /count\.changelog\/0.*the changelog is read instead/)
    await child.kill()
    await rm(stage.data, { recursive: true })
    await stage.clicker.click(1_000)
    // Under another name now, so the session of the first is waited for.
    await stage.process()
    await stage.checkExact()
  })

  it('[2.2] keeps its place over a stop, and gives it up when asked to leave', { timeout }, async t => {
    const stage = await Stage.open(t, { partitions: 4 })
    await stage.clicker.click(4_000)
    const [one, two] = [await stage.process(), await stage.process()]
    await stage.counted()
    assert.deepEqual(readdirSync(stage.folder).sort(), ['slot-0', 'slot-1'])
    await until('they share the partitions', async () => {
      const members = (await stage.log.describeGroup(stage.group))!.members
      return members.length === 2 && members.every(({ assignment }) => assignment.length === 2)
    })
    const generation = await stage.generation()
    await one.stop()
    await stage.clicker.click(4_000)
    const again = await stage.process()
    await stage.counted()
    assert.equal(await stage.generation(), generation)
    again.process.send({ leave: true })
    await until('the other one has it all', async () => {
      const { members } = (await stage.log.describeGroup(stage.group))!
      return members.length === 1 && members[0]!.assignment.length === 4
    })
    await stage.clicker.click(4_000)
    await stage.checkExact()
    assert.deepEqual(
      two.messages.filter(({ type }) => type === 'failed'),
      [],
    )
  })

  it('[2.3] goes on in a process with a copy of its state when its own has vanished', {
    timeout,
  }, async t => {
    const stage = await Stage.open(t)
    const [one, two] = [await directoryFor(t), await directoryFor(t)]
    const options = { sessionTimeoutMs: 6_000, standbys: 1 }
    const children = new Map<string, Child>()
    for (const data of [one, two]) children.set(data, await stage.process({ ...options, data }))
    await stage.snapshotMade(() => existsSync(stage.snapshotIn(one)) && existsSync(stage.snapshotIn(two)))
    const { members } = (await stage.log.describeGroup(stage.group))!
    const owner = members.find(({ assignment }) => assignment.length > 0)!
    const [, died] = [...children].find(([, { pid }]) => pid === owner.pid)!
    const [, left] = [...children].find(([, { pid }]) => pid !== owner.pid)!
    // What it leaves open is ended by the one that takes over, not waited for.
    const before = await stage.committed()
    const clicks = new EndlessClicks(stage.clicker)
    await until('it works on them', async () => (await stage.committed()) > before)
    await died.kill()
    const killedMs = performance.now()
    const end = await stage.rowsEnd()
    await clicks.end()
    await stage.rowBehind(end)
    const tookMs = performance.now() - killedMs
    t.diagnostic(`first row of another process ${(tookMs / 1000).toFixed(2)} s after the kill, session 6 s`)
    assert.ok(tookMs < options.sessionTimeoutMs + restartMsMax, `the first row took ${tookMs} ms`)
    await stage.checkExact()
    assert.deepEqual(
      left.messages.filter(({ type }) => type !== 'running'),
      [],
    )
  })

  it('[2.2] stops with an error when another process takes its instance id', { timeout }, async t => {
    const stage = await Stage.open(t)
    await stage.clicker.click(1_000)
    const first = await stage.process({ instance: 'a' })
    await stage.counted()
    const second = await stage.process({ instance: 'a', data: await directoryFor(t) })
    const { message } = await first.told('failed')
    assert.match(
      String(message),
      /instance "a" and taken this one's place; every process needs an instance id/,
    )
    await stage.clicker.click(1_000)
    await stage.checkExact()
    assert.deepEqual(
      second.messages.filter(({ type }) => type === 'failed'),
      [],
    )
  })
})
