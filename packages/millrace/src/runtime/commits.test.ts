import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, custom, json, pipeline, topic } from '../index.ts'
import { CommitError } from '../log/log.ts'
import { MemoryBroker } from '../log/memory/broker.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { systemClock, VirtualClock } from '../std/clock.ts'
import { Sender } from './sender.ts'
import { LocalStore } from './store-view.ts'
import { type RunningPipeline, runPipeline, until } from './testkit/run-pipeline.ts'

const hits = topic('hits', { value: json<{ user: string }>(), key: 'user' })
const counted = topic('counted', { value: json<{ n: number }>() })
const perUser = pipeline('per-user', { commitInterval: '1h' }, p => {
  p.from(hits, { idle: 'never' }).byKey().aggregate('counts', { n: count() }).emit('updates').to(counted)
})

/** A log whose commits wait for a gate and whose outcomes are noted. */
class WatchedLog extends MemoryLog {
  readonly outcomes: string[] = []
  gate: Promise<void> = Promise.resolve()

  override async commit(commit: Parameters<MemoryLog['commit']>[0]) {
    await this.gate
    try {
      const result = await super.commit(commit)
      this.outcomes.push('done')
      return result
    } catch (error) {
      this.outcomes.push((error as CommitError).outcome)
      throw error
    }
  }

  async committedOffset(): Promise<number> {
    const [position] = await this.committed('test.per-user', [{ topic: 'hits', partition: 0 }])
    return position?.offset ?? -1
  }
}

function setting(strike: () => Error | undefined = () => undefined) {
  const clock = new VirtualClock(1_700_000_000_000)
  const broker = new MemoryBroker({
    clock,
    faults: point => (point === 'commit.before' ? strike() : undefined),
  })
  const log = new WatchedLog(broker)
  return { clock, log, sender: new Sender(log, clock) }
}

/** Gives everybody many turns; the clock stands still. */
async function turns(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise(resolve => setImmediate(resolve))
}

const live = (running: RunningPipeline) => new LocalStore(running.run, 'counts').get('a')

describe('the commits of a pipeline', () => {
  it('[7.6] that cannot be cut, for a row is too large, stop the pipeline and leave what was committed', async () => {
    const lengths = topic('lengths', { value: json<{ user: string; length: number }>(), key: 'user' })
    const text = custom<{ length: number }, string, number>({
      init: () => '',
      add: (kept, { length }) => kept + 'x'.repeat(length),
      result: kept => kept.length,
      version: 1,
    })
    const texts = pipeline('texts', { commitInterval: 5 }, p => {
      p.from(lengths, { idle: 'never' }).byKey().aggregate('texts', { length: text })
    })
    const log = new MemoryLog()
    const sender = new Sender(log, systemClock)
    const running = await runPipeline(texts, log)
    await sender.send(lengths, { user: 'a', length: 600_000 }, {})
    const committedOffset = async () =>
      (await log.committed('test.texts', [{ topic: 'lengths', partition: 0 }]))[0]?.offset
    // A commit may come before the record.
    await until(running, async () => (await committedOffset()) === 1)
    await sender.send(lengths, { user: 'a', length: 600_000 }, {})
    while (running.errors.length === 0) await new Promise(resolve => setImmediate(resolve))
    assert.match(running.errors[0]!.message, /^What step "texts" keeps for the key "a" takes 12\d{5} bytes/)
    assert.equal(running.run.isStopped, true)
    assert.equal(running.run.figures.commits.failed, 1)
    assert.equal(await committedOffset(), 1)
    await running.stop()
    assert.equal(running.errors.length, 1)
  })

  it('[2.5] come at once when all input is drained, though not within 5 ms of the one before', async () => {
    const { clock, log, sender } = setting()
    await using running = await runPipeline(perUser, log, { clock })
    await sender.send(hits, { user: 'a' }, {})
    clock.advance(5)
    await turns()
    assert.equal(await log.committedOffset(), 1)
    await sender.send(hits, { user: 'a' }, {})
    await turns()
    clock.advance(4)
    await turns()
    assert.deepEqual([await log.committedOffset(), await live(running)], [1, { n: 2 }])
    clock.advance(1)
    await turns()
    assert.equal(await log.committedOffset(), 2)
  })

  it('[2.2] carry the identity they were cut under, and are refused once it is over', async () => {
    const { clock, log, sender } = setting()
    const gate = Promise.withResolvers<void>()
    let flushes = 0
    const flush = async () => {
      if (++flushes === 1) await gate.promise
    }
    await using running = await runPipeline(perUser, log, { clock, files: { write: () => {}, flush } })
    await sender.send(hits, { user: 'a' }, {})
    clock.advance(5)
    await turns()
    const before = running.run.identity
    assert.equal(flushes, 1)
    // Silent for longer than the session lasts: the member is thrown out, and joins as another one.
    log.freeze()
    clock.advance(11_000)
    await turns()
    log.thaw()
    await turns()
    assert.notEqual(running.run.identity!.memberId, before!.memberId)
    gate.resolve()
    await turns()
    clock.advance(5)
    await turns()
    assert.ok(log.outcomes.includes('fenced'), String(log.outcomes))
    assert.deepEqual(running.errors, [])
    assert.deepEqual(await live(running), { n: 1 })
    assert.equal((await log.offsets('counted'))[0]!.latest, 1)
  })

  it('[2.7] let an answer that asks for it wait, while others see the live value', async () => {
    const { clock, log, sender } = setting()
    await using running = await runPipeline(perUser, log, { clock })
    const gate = Promise.withResolvers<void>()
    log.gate = gate.promise
    // A failed assertion would otherwise wait for ever for the commit to end.
    using _opened = { [Symbol.dispose]: () => gate.resolve() }
    await sender.send(hits, { user: 'a' }, {})
    await until(running, async () => running.run.tasks.length > 0 && (await live(running)) !== undefined)
    let answer: unknown
    const asked = new LocalStore(running.run, 'counts').get('a', { consistency: 'committed' }).then(value => {
      answer = value
    })
    await turns()
    assert.deepEqual([await live(running), answer], [{ n: 1 }, undefined])
    gate.resolve()
    await asked
    assert.deepEqual(answer, { n: 1 })
    assert.equal(await log.committedOffset(), 1)
  })

  it('[2.7] that fail take their answers with them', async () => {
    let strikes = 0
    const { clock, log, sender } = setting(() =>
      strikes-- === 1 ? new CommitError('aborted', 'injected') : undefined,
    )
    await using running = await runPipeline(perUser, log, { clock })
    await sender.send(hits, { user: 'a' }, {})
    clock.advance(5)
    await turns()
    strikes = 1
    await sender.send(hits, { user: 'a' }, {})
    await turns()
    assert.deepEqual(await live(running), { n: 2 })
    let answer: { value: unknown; committed: number } | undefined
    const store = new LocalStore(running.run, 'counts')
    const asked = store.get('a', { consistency: 'committed' }).then(async value => {
      answer = { value, committed: await log.committedOffset() }
    })
    for (let i = 0; i < 100 && answer === undefined; i++) {
      await turns()
      clock.advance(5)
    }
    await asked
    assert.ok(log.outcomes.includes('aborted'))
    assert.deepEqual(answer!.value, { n: answer!.committed })
  })

  it('[2.4] that fail drop what was processed meanwhile, too', async () => {
    let strikes = 1
    const { clock, log, sender } = setting(() =>
      strikes-- > 0 ? new CommitError('unknown', 'injected') : undefined,
    )
    const gate = Promise.withResolvers<void>()
    log.gate = gate.promise
    await using running = await runPipeline(perUser, log, { clock })
    await sender.send(hits, { user: 'a' }, {})
    clock.advance(5)
    await turns()
    await sender.send(hits, { user: 'a' }, {})
    await turns()
    assert.deepEqual([await live(running), log.outcomes], [{ n: 2 }, []])
    gate.resolve()
    for (let i = 0; i < 10; i++) {
      await turns()
      clock.advance(5)
    }
    assert.deepEqual(log.outcomes.slice(0, 2), ['unknown', 'done'])
    assert.deepEqual([await live(running), await log.committedOffset()], [{ n: 2 }, 2])
    assert.equal((await log.offsets('counted'))[0]!.latest, 2)
  })
})
