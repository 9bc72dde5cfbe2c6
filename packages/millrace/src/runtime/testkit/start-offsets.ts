import assert from 'node:assert/strict'
import { it } from 'node:test'
import { json, pipeline, type SourceOptions, topic } from '../../index.ts'
import type { Log } from '../../log/log.ts'
import type { App, StartOptions } from '../app.ts'
import { start } from '../start.ts'
import { readTopic } from './read-topic.ts'

interface Tick {
  readonly n: number
  readonly at: number
}

const from = Date.UTC(2026, 0, 1)

/** Copies ticks; topics and app of its own, for logs that several tests share. */
function scene(log: Log, prefix: string, source: SourceOptions = {}) {
  const ticks = topic(`${prefix}ticks`, { value: json<Tick>(), timestamp: 'at', partitions: 2 })
  const copies = topic(`${prefix}copies`, { value: json<Tick>() })
  const copying = pipeline('copying', { commitInterval: 5 }, p => {
    p.from(ticks, source).to(copies)
  })
  const common = { app: `${prefix}test`, log, createTopics: true }
  const copied = async () =>
    (await readTopic(log, copies.name)).map(({ value }) => (JSON.parse(value!) as Tick).n).sort(byNumber)
  return {
    ticks,
    group: `${prefix}test.copying`,
    start: (options: StartOptions = {}) => start([copying], { ...common, ...options }),
    async send(first: number, count: number, partition?: number) {
      await using sender = await start([], common)
      for (let n = first; n < first + count; n++)
        await sender.send(ticks, { n, at: from + n * 1000 }, { partition: partition ?? n % 2 })
    },
    async until(app: App, numbers: readonly number[]) {
      while ((await copied()).length < numbers.length)
        await Promise.race([app.failed, new Promise(resolve => setImmediate(resolve))])
      assert.deepEqual(await copied(), numbers)
    },
  }
}

const byNumber = (a: number, b: number) => a - b

/** Where pipelines begin, on one log; `withLog` gives an empty one, or a prefix that nobody else uses on a shared one. */
export function startOffsetTests(
  withLog: (use: (log: Log, prefix: string) => Promise<void>) => Promise<void>,
): void {
  it('[1.6] is the earliest record unless something else is asked for', () =>
    withLog(async (log, prefix) => {
      const { start, send, until } = scene(log, prefix)
      await send(0, 4)
      await using app = await start()
      await until(app, [0, 1, 2, 3])
    }))

  it('[1.6] is the end with start: latest, decided once: a restart goes on where the first run stopped', () =>
    withLog(async (log, prefix) => {
      const { start, send, until } = scene(log, prefix)
      await send(0, 4)
      {
        await using app = await start({ start: 'latest' })
        await send(4, 3)
        await until(app, [4, 5, 6])
      }
      await send(7, 2)
      await using app = await start({ start: 'latest' })
      await until(app, [4, 5, 6, 7, 8])
    }))

  it('[1.6] holds for a first run that ended before it read anything', () =>
    withLog(async (log, prefix) => {
      const { start, send, until } = scene(log, prefix, { start: 'latest' })
      await send(0, 4)
      await (await start()).stop({ timeout: 0 })
      await send(4, 3)
      await using app = await start()
      await until(app, [4, 5, 6])
    }))

  it('[1.6] is the first record of a time, in each partition', () =>
    withLog(async (log, prefix) => {
      const { start, send, until } = scene(log, prefix, { start: new Date(from + 3_000) })
      await send(0, 6)
      await using app = await start()
      await until(app, [3, 4, 5])
    }))

  it('[1.6] is what the start of the app says, before what the source says', () =>
    withLog(async (log, prefix) => {
      const { start, send, until } = scene(log, prefix, { start: 'latest' })
      await send(0, 6)
      await using app = await start({ start: from + 4_000 })
      await until(app, [4, 5])
    }))

  it('[1.6] is written down for every partition before a member joins, by whoever comes first', () =>
    withLog(async (log, prefix) => {
      const { start, send, until, group, ticks } = scene(log, prefix)
      await send(0, 4)
      const apps = await Promise.all([start({ start: 'latest' }), start({ start: 'latest' })])
      try {
        const { positions } = (await log.describeGroup(group))!
        assert.deepEqual(
          positions.map(({ topic, partition, offset }) => ({ topic, partition, offset })).sort(byPartition),
          [0, 1].map(partition => ({ topic: ticks.name, partition, offset: 2 })),
        )
        await send(4, 4)
        await until(apps[0], [4, 5, 6, 7])
      } finally {
        await Promise.all(apps.map(app => app.stop()))
      }
    }))

  it('[1.6] [5.9] is the first record of a partition that is added later, whatever was asked for', () =>
    withLog(async (log, prefix) => {
      const { start, send, until, ticks } = scene(log, prefix, { start: 'latest' })
      await send(0, 4)
      await (await start()).stop()
      await log.alterTopics([{ name: ticks.name, partitions: 3 }])
      await send(4, 2, 2)
      await using app = await start()
      await until(app, [4, 5])
    }))

  it('[1.6] cannot be chosen for a topic while others run the group and have no position in it', () =>
    withLog(async (log, prefix) => {
      const { start, send, group, ticks } = scene(log, prefix)
      await send(0, 1)
      const other = await log.join({
        group,
        topicSets: [[ticks.name]],
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 10_000,
        onAssigned() {},
        onRevoked: async () => {},
        onIdentity() {},
        onLost() {},
      })
      await assert.rejects(start({ start: 'latest' }), /cannot be recorded while others run .*copying/)
      await other.leave()
    }))

  it('refuses a start that is none', () =>
    withLog(async (log, prefix) => {
      const { start } = scene(log, prefix)
      await assert.rejects(start({ start: 'newest' as 'latest' }), /start is 'newest'; give 'earliest'/)
      await assert.rejects(start({ start: 1_700_000_000 }), /start is 1700000000; give .* ms since/)
    }))
}

const byPartition = (a: { partition: number }, b: { partition: number }) => a.partition - b.partition
