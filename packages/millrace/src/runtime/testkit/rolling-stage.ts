import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { Child } from '../../log/embedded/testkit/children.ts'
import { directoryFor } from '../../log/embedded/testkit/directory.ts'
import { until } from '../../log/embedded/testkit/records.ts'
import type { GroupInfo, TopicPartition } from '../../log/log.ts'
import type { App } from '../app.ts'
import { start } from '../start.ts'
import { readTopic } from './read-topic.ts'
import type * as Rolling from './rolling-counts.ts'
import type { RollingSettings } from './rolling-process.ts'

type Version = 'old' | 'rewritten' | 'new'

const users = 40

/** Processes of several versions of a pipeline over one log, and what comes of it. */
export class RollingStage {
  readonly #t: TestContext
  readonly #data: string
  readonly #brokers: string | undefined
  readonly #app: App
  readonly #module: typeof Rolling
  readonly #name: string
  readonly #sessionTimeoutMs: number
  #sent = 0

  private constructor(
    t: TestContext,
    parts: { data: string; brokers: string | undefined; app: App; module: typeof Rolling; name: string },
    sessionTimeoutMs: number,
  ) {
    this.#t = t
    this.#data = parts.data
    this.#brokers = parts.brokers
    this.#app = parts.app
    this.#module = parts.module
    this.#name = parts.name
    this.#sessionTimeoutMs = sessionTimeoutMs
  }

  /** On the embedded log, or on Kafka where brokers are named. */
  static async open(t: TestContext, sessionTimeoutMs: number, brokers?: string): Promise<RollingStage> {
    const name = `rolling-${crypto.randomUUID().slice(0, 8)}`
    const module = (await import(moduleUrl(name, 'old'))) as typeof Rolling
    const data = await directoryFor(t)
    const app = await start([], { app: name, data, brokers, createTopics: true })
    t.after(() => app.stop())
    await app.log.createTopics([module.hits, module.rows].map(each => ({ name: each.name, partitions: 4 })))
    return new RollingStage(t, { data, brokers, app, module, name }, sessionTimeoutMs)
  }

  /** Starts a process; on Kafka it is one of another machine. */
  async launch(version: Version, options: Partial<RollingSettings> = {}): Promise<Child> {
    const settings: RollingSettings = {
      app: this.#name,
      url: moduleUrl(this.#name, version),
      data: this.#brokers === undefined ? this.#data : await directoryFor(this.#t),
      ...(this.#brokers !== undefined && { brokers: this.#brokers }),
      sessionTimeoutMs: this.#sessionTimeoutMs,
      ...options,
    }
    const script = new URL('./rolling-process.ts', import.meta.url)
    return new Child(this.#t, script, [JSON.stringify(settings)])
  }

  async running(version: Version, options?: Partial<RollingSettings>): Promise<Child> {
    const child = await this.launch(version, options)
    await this.until('it runs', async () => child.messages.some(({ type }) => type === 'running'))
    return child
  }

  async group(): Promise<GroupInfo> {
    return (await this.#app.log.describeGroup(`${this.#name}.hits`))!
  }

  /** The partitions a process has. */
  async has({ pid }: Child): Promise<number[]> {
    const { members } = await this.group()
    return members
      .filter(member => member.pid === pid)
      .flatMap(({ assignment }) => assignment)
      .map(({ partition }) => partition)
      .sort()
  }

  /** Resolves when each has a part, and every partition an owner. */
  async shared(one: Child, other: Child): Promise<void> {
    await this.until('it is shared', async () => {
      const counts = [(await this.has(one)).length, (await this.has(other)).length] as const
      return counts[0] > 0 && counts[1] > 0 && counts[0] + counts[1] === 4
    })
  }

  async until(what: string, condition: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        return await until(what, condition)
      } catch (error) {
        if (tries === 3) throw error
      }
    }
  }

  /** A hit of each user, many times over. */
  async send(rounds: number): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      await Promise.all(
        Array.from({ length: users }, (_, i) => this.#app.send(this.#module.hits, { user: `u${i}`, ms: 1 })),
      )
      this.#sent += users
    }
  }

  /** Resolves when everything in these partitions is counted. */
  async counted(partitions: readonly number[] = [0, 1, 2, 3]): Promise<void> {
    const topic = this.#module.hits.name
    const places = partitions.map((partition): TopicPartition => ({ topic, partition }))
    await this.until(`what is in ${partitions} is counted`, async () => {
      const ends = await this.#app.log.offsets(topic)
      const committed = await this.#app.log.committed(`${this.#name}.hits`, places)
      return partitions.every(
        partition =>
          (committed.find(each => each.partition === partition)?.offset ?? 0) >= ends[partition]!.latest,
      )
    })
  }

  /** Every hit counted once and in order; from its first row on the new column never stops and never begins anew. */
  async check(): Promise<void> {
    await this.counted()
    const stored = await readTopic(this.#app.log, this.#module.rows.name)
    assert.equal(stored.length, this.#sent)
    const byUser = Map.groupBy(stored, ({ key }) => key)
    assert.equal(byUser.size, users)
    for (const [user, each] of byUser) {
      const counts = each.map(({ value }) => JSON.parse(value!) as Rolling.Row)
      assert.deepEqual(
        counts.map(({ n }) => n),
        counts.map((_, i) => i + 1),
        `counts of ${user}`,
      )
      const first = counts.findIndex(({ total }) => total !== undefined)
      if (first < 0) continue
      assert.deepEqual(
        counts.slice(first).map(({ total }) => total),
        counts.slice(first).map((_, i) => i + 1),
        `totals of ${user}`,
      )
    }
  }

  /** Which versions have written rows into each partition, in this order. */
  async writers(): Promise<string[]> {
    const stored = await readTopic(this.#app.log, this.#module.rows.name)
    return [0, 1, 2, 3].map(partition => {
      const by = stored.filter(each => each.partition === partition).map(({ value }) => JSON.parse(value!).by)
      return by.filter((each, i) => each !== by[i - 1]).join(' ')
    })
  }
}

function moduleUrl(name: string, version: Version): string {
  const url = new URL('./rolling-counts.ts', import.meta.url)
  url.searchParams.set('topics', `${name}-`)
  url.searchParams.set('version', version)
  return url.href
}

/** What the process has warned of. */
export function warnings(child: Child): string {
  return child.messages
    .filter(({ type }) => type === 'warning')
    .map(({ message }) => message)
    .join('\n')
}
