import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, json, pipeline, topic } from '../index.ts'
import { CommitError, type FetchOptions, type FetchPosition } from '../log/log.ts'
import { MemoryBroker } from '../log/memory/broker.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { systemClock } from '../std/clock.ts'
import { Sender } from './sender.ts'
import { LocalStore } from './store-view.ts'
import { type RunningPipeline, runPipeline, until } from './testkit/run-pipeline.ts'

const hits = topic('hits', { value: json<{ user: string }>(), key: 'user', partitions: 2 })
const perUser = pipeline('per-user', { commitInterval: 1 }, p => {
  p.from(hits, { idle: 'never' }).byKey().aggregate('counts', { n: count() })
})

/** A log in which the changelog of partition 0 cannot be read until it is opened. */
class GatedLog extends MemoryLog {
  readonly gate = Promise.withResolvers<void>()
  isWaitedFor = false

  override async fetch(positions: readonly FetchPosition[], options: FetchOptions) {
    const isGated = positions.some(each => each.topic.endsWith('.changelog') && each.partition === 0)
    if (isGated) {
      this.isWaitedFor = true
      const { promise: aborted, reject } = Promise.withResolvers<never>()
      options.signal?.addEventListener('abort', () => reject(options.signal!.reason))
      await Promise.race([this.gate.promise, aborted])
    }
    return super.fetch(positions, options)
  }

  async committedOffset(partition: number): Promise<number> {
    const [position] = await this.committed('test.per-user', [{ topic: 'hits', partition }])
    return position?.offset ?? 0
  }

  async isDone(partition: number): Promise<boolean> {
    const end = (await this.offsets('hits')).find(each => each.partition === partition)!
    return (await this.committedOffset(partition)) === end.latest
  }
}

/** State in both partitions, and a pipeline that restores one of them and waits for the other. */
async function restoring(): Promise<{ log: GatedLog; running: RunningPipeline; send(): Promise<void> }> {
  const broker = new MemoryBroker()
  const sender = new Sender(new MemoryLog(broker), systemClock)
  const send = async () => {
    for (let i = 0; i < 20; i++) await sender.send(hits, { user: `u${i}` }, {})
  }
  const before = new GatedLog(broker)
  before.gate.resolve()
  await send()
  const first = await runPipeline(perUser, before)
  await until(first, async () => (await before.isDone(0)) && (await before.isDone(1)))
  await first.stop()

  const log = new GatedLog(broker)
  const running = await runPipeline(perUser, log)
  await until(running, () => log.isWaitedFor && running.run.tasks.length === 1)
  return { log, running, send }
}

describe('a task that is restored', () => {
  it('[2.3] keeps no other from running and committing, and says how far it is', async () => {
    const { log, running, send } = await restoring()
    await send()
    await until(running, () => log.isDone(1))
    assert.equal(await log.isDone(0), false)
    const [restore, ...others] = running.run.restores
    assert.deepEqual(others, [])
    assert.match(restore!.task, /\/0$/)
    assert.equal(restore!.done, 0)
    assert.equal(restore!.total, (await log.offsets('test.per-user.counts.changelog'))[0]!.latest)
    assert.equal(running.run.isFinished, false)
    const { total } = restore!
    const steps = () => running.run.figures.restore.steps.filter(({ task }) => task === restore!.task)
    assert.deepEqual(steps(), [{ task: restore!.task, step: 'counts', done: 0, total }])

    log.gate.resolve()
    await until(running, () => log.isDone(0))
    assert.deepEqual(running.run.restores, [])
    assert.deepEqual(steps(), [{ task: restore!.task, step: 'counts', done: total, total }])
    const store = new LocalStore(running.run, 'counts')
    for (let i = 0; i < 20; i++) assert.deepEqual(await store.get(`u${i}`), { n: 2 })
    await running.stop()
    assert.deepEqual(running.errors, [])
  })

  it('[2.3] [2.4] goes on when a commit of the others fails', async () => {
    const { log, running, send } = await restoring()
    const commit = log.commit.bind(log)
    let failed = 0
    log.commit = async content => {
      if (failed++ > 0) return commit(content)
      throw new CommitError('aborted', 'not now')
    }
    await send()
    await until(running, () => log.isDone(1))
    assert.ok(failed > 1)
    log.gate.resolve()
    await until(running, () => log.isDone(0))
    assert.deepEqual(await new LocalStore(running.run, 'counts').get('u3'), { n: 2 })
    await running.stop()
    assert.deepEqual(running.errors, [])
  })

  it('[1.2] is given up when its partition goes, without waiting for the rest of it', async () => {
    const { running } = await restoring()
    assert.equal(running.run.figures.restore.steps.length, 2)
    await running.stop()
    assert.deepEqual(running.run.restores, [])
    assert.deepEqual(running.run.figures.restore.steps, [])
    assert.deepEqual(running.errors, [])
  })

  it('is waited for by whoever asks for its state', async () => {
    const { log, running } = await restoring()
    const store = new LocalStore(running.run, 'counts')
    const answers = Promise.all(Array.from({ length: 20 }, (_, i) => store.get(`u${i}`)))
    log.gate.resolve()
    assert.deepEqual(new Set((await answers).map(answer => JSON.stringify(answer))), new Set(['{"n":1}']))
    await running.stop()
  })

  it('[2.3] gives way to others between batches, however small', async () => {
    const broker = new MemoryBroker()
    const sender = new Sender(new MemoryLog(broker), systemClock)
    const first = await runPipeline(perUser, new MemoryLog(broker))
    for (let i = 1; i <= 40; i++) {
      await sender.send(hits, { user: 'u0' }, {})
      await until(first, () => first.run.commits === i)
    }
    await first.stop()

    // Every look at it takes 1 ms.
    let monotonicMs = 0
    const clock = { ...systemClock, monotonic: () => ++monotonicMs }
    const second = await runPipeline(perUser, new MemoryLog(broker), { clock })
    const seen = new Set<number>()
    await until(second, () => {
      for (const { done } of second.run.restores) seen.add(done)
      return second.run.tasks.length === 2
    })
    assert.ok(seen.size > 3, [...seen].join())
    assert.deepEqual(await new LocalStore(second.run, 'counts').get('u0'), { n: 40 })
    await second.stop()
  })
})
