import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, json, pipeline, topic, tumbling } from '../index.ts'
import { MemoryBroker } from '../log/memory/broker.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { systemClock } from '../std/clock.ts'
import { ChangelogUpkeep, type UpkeepOptions } from './changelog-upkeep.ts'
import { Sender } from './sender.ts'
import { LocalStore } from './store-view.ts'
import { readTopic } from './testkit/read-topic.ts'
import { type RunningPipeline, runPipeline, until } from './testkit/run-pipeline.ts'

interface Hit {
  readonly user: string
  readonly at: number
}

const hits = topic('hits', { value: json<Hit>(), key: 'user', timestamp: 'at' })
const rows = topic('rows', { value: json<{ n: number; key: string; start: number; end: number }>() })
const start = 1_700_000_000_000

/** A window of ten minutes that stays open, behind a re-keying, while windows of a second come and go. */
const perUser = pipeline('per-user', { commitInterval: 1 }, p => {
  const byUser = p.from(hits, { idle: 'never' }).keyBy('user')
  byUser.window(tumbling('10m')).aggregate('long', { n: count() }).emit('final').to(rows)
})

async function kept(upkeep: Partial<UpkeepOptions>) {
  const log = new MemoryLog(new MemoryBroker())
  const warnings: string[] = []
  const trims = new ChangelogUpkeep({
    log,
    clock: systemClock,
    warn: message => warnings.push(message),
    fail: () => {},
    trimEveryMs: 0,
    ...upkeep,
  })
  const running = await runPipeline(perUser, log, { onCommitted: tasks => trims.committed(tasks) })
  const sender = new Sender(log, systemClock)
  return { log, running, sender, warnings, upkeep: trims, [Symbol.asyncDispose]: () => running.stop() }
}

/** Sends `rounds` of records, each in a commit of its own. */
const repartition = 'test.per-user.user.repartition'

async function isCommitted(log: MemoryLog, topic: string): Promise<boolean> {
  const [end] = await log.offsets(topic)
  const [position] = await log.committed('test.per-user', [{ topic, partition: 0 }])
  return (position?.offset ?? 0) === end!.latest
}

async function sendRounds(
  { log, sender, running }: Pick<Awaited<ReturnType<typeof kept>>, 'log' | 'sender' | 'running'>,
  rounds: number,
): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    // Some users come once, early: their rows lie at the changelog's head.
    const users = i === 0 ? ['early-1', 'early-2', 'a'] : ['a', `b${i % 3}`]
    await Promise.all(users.map(user => sender.send(hits, { user, at: start + i * 100 }, {})))
    await until(running, () => isCommitted(log, 'hits').then(done => done && isCommitted(log, repartition)))
  }
}

const total = (running: RunningPipeline, user: string) =>
  new LocalStore(running.run, 'long').windows(user).then(windows => windows.map(({ value }) => value))

async function lengthOf(log: MemoryLog, name: string): Promise<number> {
  const [partition] = await log.offsets(name)
  return partition!.latest - partition!.earliest
}

describe('the internal topics of a running pipeline', () => {
  it('[2.6] stay bounded: what no open row needs is trimmed, rows that stand in the way are written again', async () => {
    await using all = await kept({ recordsMin: 15 })
    const { log, running, sender, upkeep, warnings } = all
    await sendRounds({ log, sender, running }, 100)
    await upkeep.close()
    const changelog = await log.offsets('test.per-user.long.changelog')
    assert.ok(changelog[0]!.latest > 180, `${changelog[0]!.latest} changelog records were written`)
    assert.ok((await lengthOf(log, 'test.per-user.long.changelog')) < 60)
    assert.deepEqual(warnings, [])
    await running.stop()
    await using again = await runPipeline(perUser, log)
    await until(again, () => again.run.tasks.length === 2)
    assert.deepEqual(await total(again, 'a'), [{ n: 100 }])
    assert.deepEqual(await total(again, 'early-1'), [{ n: 1 }])
    await again.stop()
  })

  it('a repartition topic is trimmed up to what its readers have committed', async () => {
    await using all = await kept({})
    const { log, running, sender, upkeep } = all
    await sendRounds({ log, sender, running }, 20)
    await upkeep.close()
    const [partition] = await log.offsets(repartition)
    assert.ok(partition!.earliest > 20)
    const [position] = await log.committed('test.per-user', [{ topic: repartition, partition: 0 }])
    assert.ok(partition!.earliest <= position!.offset)
    await running.stop()
  })

  it('warns and goes on when the log does not trim', async () => {
    await using all = await kept({})
    const { log, running, sender, warnings } = all
    log.trim = () => Promise.reject(new Error('not now'))
    await sendRounds({ log, sender, running }, 3)
    assert.match(warnings[0]!, /not trimmed: not now/)
    assert.deepEqual(await total(running, 'a'), [{ n: 3 }])
    await running.stop()
    assert.deepEqual(await readTopic(log, 'rows'), [])
  })
})
