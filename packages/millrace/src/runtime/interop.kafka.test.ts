import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  count,
  custom,
  json,
  keys,
  pipeline,
  type StartOptions,
  start,
  string,
  type Topic,
  topic,
  tumbling,
} from '../index.ts'
import { testBrokers } from '../log/kafka/testkit/brokers.ts'
import { isWithoutJava, kafkaStreams, kafkaTool } from '../log/kafka/testkit/java-client.ts'
import { systemClock } from '../std/clock.ts'
import type { PipelineSource } from './pipeline-source.ts'
import { readTopic } from './testkit/read-topic.ts'

const brokers = testBrokers()
const bootstrap = ['--bootstrap-server', brokers]

/** A name of its own for each test, on the Kafka that all share. */
const newName = () => `interop-${crypto.randomUUID().slice(0, 8)}`

async function runOnce(source: PipelineSource, options: StartOptions): Promise<void> {
  await using app = await start([source], { brokers, createTopics: true, once: true, ...options })
  await Promise.race([app.failed, app.finished])
}

async function create(...topics: Topic<any, any, any>[]): Promise<void> {
  await using app = await start([], { app: 'interop', brokers })
  await app.log.createTopics(topics.map(({ name, partitions, cleanup }) => ({ name, partitions, cleanup })))
}

/** Console clients that show and take everything of a record; `NULL` is null. */
function produce(topicName: string, lines: readonly string[], codec: string): Promise<unknown> {
  const shape = ['parse.key=true', 'parse.headers=true', 'null.marker=NULL']
  const properties = shape.flatMap(each => ['--reader-property', each])
  const args = [...bootstrap, '--topic', topicName, '--compression-codec', codec, ...properties]
  return kafkaTool('consoleProducer', args, `${lines.join('\n')}\n`)
}

async function consume(topicName: string, records: number): Promise<string[]> {
  const shape = ['print.key=true', 'print.headers=true', 'null.literal=NULL']
  const properties = shape.flatMap(each => ['--formatter-property', each])
  const limits = ['--from-beginning', '--max-messages', `${records}`, '--timeout-ms', '30000']
  const args = [
    ...bootstrap,
    '--topic',
    topicName,
    '--isolation-level',
    'read_committed',
    ...limits,
    ...properties,
  ]
  return (await kafkaTool('consoleConsumer', args)).map(fields => fields.join('\t'))
}

describe('with Java on the same topics', { timeout: 600_000, skip: isWithoutJava }, () => {
  it('what the console producer writes goes through a pipeline to the console consumer: headers, nulls, tombstones', async () => {
    const app = newName()
    const input = topic(`${app}-in`, { value: string() })
    const output = topic(`${app}-out`, { value: string() })
    await create(input, output)
    const lines = ['h1:a,h2:b\tk\tvalue', 'NULL\tgone\tNULL', 'h1:NULL\tNULL\twithout a key']
    await produce(input.name, lines, 'lz4')
    const copy = pipeline('copy', p => {
      p.from(input, { nulls: true })
        .filter(() => true)
        .to(output)
    })
    await runOnce(copy, { app, kafka: { 'compression.type': 'zstd' } })
    const shown = lines.map(line => line.replace(/^NULL\t/, 'NO_HEADERS\t'))
    assert.deepEqual(await consume(output.name, lines.length), shown)
  })

  it('Java’s producers and ours put a key into the same partition', async () => {
    const app = newName()
    const ours = topic(`${app}-ours`, { value: string(), partitions: 7 })
    const theirs = topic(`${app}-theirs`, { value: string(), partitions: 7 })
    await create(ours, theirs)
    const names = Array.from({ length: 60 }, (_, i) => `schlüssel ${i * i}`)
    await produce(
      theirs.name,
      names.map(name => `NULL\t${name}\tv`),
      'none',
    )
    await using sender = await start([], { app, brokers })
    await Promise.all(names.map(key => sender.send(ours, 'v', { key })))
    const places = async (name: string) =>
      (await readTopic(sender.log, name)).map(({ key, partition }) => `${key} ${partition}`).sort()
    const found = await places(ours.name)
    assert.equal(found.length, names.length)
    assert.deepEqual(await places(theirs.name), found)
  })

  it('Kafka’s group tool shows positions and members, and a start goes on from where it sets them', async () => {
    const app = newName()
    const input = topic(`${app}-in`, { value: string() })
    const output = topic(`${app}-out`, { value: json<{ n: number }>() })
    await create(input, output)
    const counting = pipeline('count', p => {
      p.from(input).byKey().aggregate('per-key', { n: count() }).emit('updates').to(output)
    })
    const group = `${app}.count`
    const warnings: string[] = []
    const logger = { info() {}, warn: (message: string) => void warnings.push(message), error() {} }
    {
      await using running = await start([counting], { app, brokers, logger })
      for (let i = 0; i < 5; i++) await running.send(input, `${i}`, { key: 'k' })
      await until(
        async () =>
          (await running.log.committed(group, [{ topic: input.name, partition: 0 }]))[0]?.offset === 5,
      )
      const [header, row] = (await kafkaTool('groups', [...bootstrap, '--describe', '--group', group])).map(
        ([line]) => line!.split(/\s+/),
      )
      const shown = Object.fromEntries(header!.map((name, i) => [name, row![i]]))
      assert.equal(shown.TOPIC, input.name)
      assert.deepEqual([shown['CURRENT-OFFSET'], shown['LOG-END-OFFSET'], shown.LAG], ['5', '5', '0'])
      assert.match(shown['CONSUMER-ID']!, /^[0-9a-f]{16}-0-/)
      assert.match(shown.HOST!, /^\/127/)
      // The tool sets positions of groups without members alone, and a kept place is a member.
      await running.stop({ leave: true })
    }
    const to = ['--reset-offsets', '--to-offset', '3', '--topic', input.name, '--execute']
    await kafkaTool('groups', [...bootstrap, '--group', group, ...to])
    assert.deepEqual(warnings, [])
    await runOnce(counting, { app, logger })
    await using look = await start([], { app: 'look', brokers })
    const values = (await readTopic(look.log, output.name)).map(({ value }) => JSON.parse(value!).n)
    // The position is what the tool says, the state what it was: two records count once more.
    assert.deepEqual(values, [1, 2, 3, 4, 5, 6, 7])
    assert.equal(warnings.length, 1)
    assert.match(
      warnings[0]!,
      new RegExp(`position of ${input.name}/0 .*set from outside.*millrace reset count`),
    )
  })

  it('no transaction hangs after a run, by Kafka’s transaction tool', async () => {
    const app = newName()
    const input = topic(`${app}-in`, { value: string() })
    const output = topic(`${app}-out`, { value: string() })
    await create(input, output)
    const copy = pipeline('copy', p => p.from(input).to(output))
    {
      await using sender = await start([], { app, brokers })
      await sender.send(input, 'a')
    }
    await runOnce(copy, { app })
    const listed = await kafkaTool('transactions', [...bootstrap, 'list'])
    const states = listed.filter(([id]) => id!.includes(app)).map(fields => fields[3]?.trim())
    assert.ok(states.length > 0, 'the run had a transaction')
    assert.deepEqual(
      states.filter(state => state !== 'CompleteCommit' && state !== 'CompleteAbort'),
      [],
    )
  })

  it('the changelog of a Kafka Streams store is read as a table', async () => {
    const app = newName()
    const input = topic(`${app}-in`, { value: string(), keySerde: keys.int32 })
    await create(input)
    {
      await using sender = await start([], { app, brokers })
      const records: [number, string][] = [
        [1, 'a'],
        [-2, 'b'],
        [1, 'c'],
        [3, 'd'],
        [3, ''],
        [9, 'end'],
      ]
      for (const [key, value] of records) await sender.send(input, value, { key })
    }
    const [[changelog]] = (await kafkaStreams('table', brokers, `${app}-streams`, input.name)) as [[string]]
    const stored = topic(changelog, { value: string(), keySerde: keys.int32 })
    const output = topic(`${app}-out`, {
      value: json<{ key: number; now: string | null }>(),
      keySerde: keys.int32,
    })
    const newest = custom<string | null, string | null>({
      version: 1,
      init: () => null,
      add: (_, value) => value,
    })
    const table = pipeline('table', p => {
      p.from(stored, { nulls: true })
        .byKey()
        .aggregate('newest', { now: newest })
        .emit('updates')
        .map((row, { key }) => ({ key: key!, now: row!.now }))
        .to(output)
    })
    await runOnce(table, { app })
    await using look = await start([], { app: 'look', brokers })
    const rows = new Map<number, string | null>()
    for (const { value } of await readTopic(look.log, output.name)) {
      const { key, now } = JSON.parse(value!)
      rows.set(key, now)
    }
    assert.deepEqual(Object.fromEntries(rows), { 1: 'c', '-2': 'b', 3: null, 9: 'end' })
  })

  it('[5.8] Kafka Streams reads the updates of windows, and their deletes', async () => {
    const app = newName()
    const input = topic(`${app}-in`, { value: json<{ at: number }>(), timestamp: 'at' })
    const output = topic(`${app}-out`, { value: json<{ n: number }>() })
    await create(input, output)
    const from = Date.UTC(2026, 0, 1)
    {
      await using sender = await start([], { app, brokers })
      for (const [key, at] of [
        ['a', 0],
        ['b', 10],
        ['a', 59_999],
        ['a', 60_000],
      ] as const)
        await sender.send(input, { at: from + at }, { key })
    }
    const perMinute = pipeline('per-minute', p => {
      p.from(input).byKey().window(tumbling('1m')).aggregate('n', { n: count() }).emit('updates').to(output)
    })
    await runOnce(perMinute, { app })
    const minute = (i: number) => [`${from + i * 60_000}`, `${from + (i + 1) * 60_000}`]
    const read = await kafkaStreams('windows', brokers, output.name, '60000', '4')
    assert.deepEqual(
      read.map(([key, begin, end, value]) => [key, begin, end, JSON.parse(value!).n]),
      [
        ['a', ...minute(0), 1],
        ['b', ...minute(0), 1],
        ['a', ...minute(0), 2],
        ['a', ...minute(1), 1],
      ],
    )
  })
})

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = systemClock.monotonic() + 60_000
  while (!(await condition())) {
    assert.ok(systemClock.monotonic() < deadlineMs, 'not within a minute')
    await new Promise<void>(resolve => systemClock.after(50, resolve))
  }
}
