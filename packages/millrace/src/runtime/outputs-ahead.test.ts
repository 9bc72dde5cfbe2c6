import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, json, pipeline, topic } from '../index.ts'
import { type Commit, CommitError, LogError, type OutgoingBatch } from '../log/log.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import { VirtualClock } from '../std/clock.ts'
import { Sender } from './sender.ts'
import { readTopic } from './testkit/read-topic.ts'
import { runPipeline } from './testkit/run-pipeline.ts'

const hits = topic('hits', { value: json<{ user: string }>(), key: 'user' })
const counted = topic('counted', { value: json<{ n: number }>() })
const perUser = pipeline('per-user', p => {
  p.from(hits, { idle: 'never' }).byKey().aggregate('counts', { n: count() }).emit('updates').to(counted)
})
const failing = pipeline('failing', p => {
  const made = p.from(hits).map(({ user }): { n: number } => {
    throw new Error(`no number in ${user}`)
  })
  made.to(counted)
})

/** A log whose appends and commits wait for gates, and which can refuse appends. */
class GatedLog extends MemoryLog {
  readonly commits: Commit[] = []
  appends = 0
  appendGate: Promise<void> = Promise.resolve()
  commitGate: Promise<void> = Promise.resolve()
  refusal: Error | undefined

  override async append(batches: readonly OutgoingBatch[]): Promise<number[]> {
    if (batches[0]?.topic === hits.name) return super.append(batches)
    this.appends++
    await this.appendGate
    const { refusal } = this
    this.refusal = undefined
    if (refusal !== undefined) throw refusal
    return super.append(batches)
  }

  override async commit(commit: Commit) {
    await this.commitGate
    this.commits.push(commit)
    return super.commit(commit)
  }

  async offset(): Promise<number> {
    const [position] = await this.committed('test.per-user', [{ topic: 'hits', partition: 0 }])
    return position?.offset ?? -1
  }

  async counts(): Promise<number[]> {
    return (await readTopic(this, counted.name)).map(({ value }) => JSON.parse(value!).n)
  }
}

async function turns(): Promise<void> {
  for (let i = 0; i < 50; i++) await new Promise(resolve => setImmediate(resolve))
}

/** Runs a pipeline at-least-once, with commits each minute, drained or not, and outputs every 10 ms. */
async function setting(of = perUser) {
  const clock = new VirtualClock(1_700_000_000_000)
  const log = new GatedLog()
  const running = await runPipeline(of, log, {
    clock,
    guarantee: 'at-least-once',
    commitPace: { intervalMs: 60_000, drainedMs: 60_000, outputsMs: 10 },
  })
  const sender = new Sender(log, clock)
  const send = async (user: string) => {
    await sender.send(hits, { user }, {})
    await turns()
  }
  return { clock, log, running, send, [Symbol.asyncDispose]: () => running.stop() }
}

describe('outputs ahead of their commit', () => {
  it('[2.8] can be read as soon as the input is drained, while the positions wait for the commit', async () => {
    await using run = await setting()
    const { clock, log, send } = run
    await send('a')
    assert.deepEqual(await log.counts(), [1])
    await send('a')
    assert.deepEqual([await log.counts(), await log.offset(), log.commits.length], [[1, 2], -1, 0])
    clock.advance(60_000)
    await turns()
    assert.deepEqual([await log.counts(), await log.offset(), log.commits.length], [[1, 2], 2, 1])
    assert.equal(log.commits[0]!.atLeastOnce!.outputs, 0)
    assert.ok(log.commits[0]!.batches.every(({ topic }) => topic.endsWith('.changelog')))
  })

  it('[2.8] go one request after the other, and what comes meanwhile goes together', async () => {
    await using run = await setting()
    const { log, send } = run
    const gate = Promise.withResolvers<void>()
    log.appendGate = gate.promise
    for (const user of ['a', 'a', 'a']) await send(user)
    assert.deepEqual([log.appends, await log.counts()], [1, []])
    gate.resolve()
    await turns()
    assert.deepEqual([log.appends, await log.counts()], [2, [1, 2, 3]])
  })

  it('[2.8] hold a commit back until they are acknowledged', async () => {
    await using run = await setting()
    const { clock, log, send } = run
    const gate = Promise.withResolvers<void>()
    log.appendGate = gate.promise
    await send('a')
    clock.advance(60_000)
    await turns()
    assert.deepEqual([log.appends, log.commits.length], [1, 0])
    gate.resolve()
    await turns()
    assert.deepEqual([log.commits.length, await log.offset()], [1, 1])
  })

  it('[2.8] [2.4] go on while a commit is in flight', async () => {
    await using run = await setting()
    const { clock, log, send } = run
    const gate = Promise.withResolvers<void>()
    log.commitGate = gate.promise
    await send('a')
    clock.advance(60_000)
    await turns()
    await send('a')
    assert.deepEqual([await log.counts(), await log.offset()], [[1, 2], -1])
    gate.resolve()
    await turns()
    assert.equal(await log.offset(), 1)
  })

  it('[2.4] [2.8] that fail take the task back to the last commit, and come again', async () => {
    await using run = await setting()
    const { clock, log, running, send } = run
    await send('a')
    clock.advance(60_000)
    await turns()
    log.refusal = new LogError('unavailable', 'no broker', { retriable: true })
    await send('a')
    await turns()
    assert.equal(log.refusal, undefined)
    assert.equal(running.run.figures.commits.aborted, 1)
    // Done again from the committed position and the committed count.
    assert.deepEqual([await log.counts(), await log.offset()], [[1, 2], 1])
    assert.deepEqual(running.errors, [])
  })

  it('[2.8] may come twice: a commit that fails behind them takes the task back', async () => {
    await using run = await setting()
    const { clock, log, running, send } = run
    await send('a')
    log.commitGate = Promise.reject(new CommitError('aborted', 'refused by the test'))
    log.commitGate.catch(() => {})
    clock.advance(60_000)
    await turns()
    log.commitGate = Promise.resolve()
    await turns()
    assert.equal(running.run.figures.commits.aborted, 1)
    assert.deepEqual([await log.counts(), await log.offset()], [[1, 1], -1])
    clock.advance(60_000)
    await turns()
    assert.equal(await log.offset(), 1)
  })

  it('stop the pipeline where no other try would help', async () => {
    await using run = await setting()
    const { log, running, send } = run
    log.refusal = new LogError('unauthorized', 'may not write counted')
    await send('a')
    assert.deepEqual(
      running.errors.map(({ message }) => message),
      ['may not write counted'],
    )
    assert.ok(running.run.isStopped)
  })

  it('[7.1] make the topics of side streams before the first record in them', async () => {
    await using run = await setting(failing)
    const { log, send } = run
    await send('a')
    const [failed] = await readTopic(log, 'test.failing.failed')
    assert.equal(failed?.value, '{"user":"a"}')
  })

  it('are counted, and committed when the pipeline stops', async () => {
    const { log, running, send } = await setting()
    await send('a')
    const outputRecords = () => running.run.tasks.map(({ counters }) => counters.outputRecords)
    assert.deepEqual(outputRecords(), [1])
    await running.stop()
    assert.deepEqual([await log.counts(), await log.offset()], [[1], 1])
  })
})
