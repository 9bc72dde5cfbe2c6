import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { joinGroup, position, type TestMember } from '../conformance/member.ts'
import {
  AT_ONCE,
  type ConformanceStore,
  type Context,
  eventually,
  outgoing,
  rejectsWith,
  valuesIn,
} from '../conformance/store.ts'
import type { Log, MemberIdentity } from '../log.ts'
import type { KafkaLog } from './kafka-log.ts'
import { connectKafkaIn, connectKafkaLog, openKafkaIn } from './open.ts'
import { testBrokers } from './testkit/brokers.ts'
import { FaultyDial } from './testkit/faulty-dial.ts'
import { freezable } from './testkit/freezable.ts'

import { prefixedLog } from './testkit/prefixed-log.ts'
import { REQUEST } from './testkit/watch-requests.ts'
import { RemoteOwnership } from './worker-port.ts'

const limits = { sessionTimeoutMs: 4000, rebalanceTimeoutMs: 8000 } as Context
const waiting = { stepMs: 20, deadlineMs: 30_000 } as Context

/** Topics and a group of a test's own, and handles that are closed with it. */
class Bench {
  readonly prefix = `w${crypto.randomUUID().slice(0, 8)}.`
  readonly #t: TestContext

  constructor(t: TestContext) {
    this.#t = t
  }

  async open(
    surroundings: Parameters<typeof openKafkaIn>[0] = {},
    clock?: ReturnType<typeof freezable>['clock'],
  ) {
    const raw = await openKafkaIn(surroundings, { brokers: testBrokers(), clock })
    this.#t.after(() => raw.close())
    return { raw, log: prefixedLog(raw, this.prefix) }
  }

  /** A handle as a worker thread has it. */
  async worker(
    control: KafkaLog,
    index: number,
    dial?: FaultyDial['dial'],
  ): Promise<{ raw: KafkaLog; log: Log }> {
    const port = await control.port(index)
    const raw = await (dial === undefined ? connectKafkaLog(port) : connectKafkaIn({ dial }, port))
    this.#t.after(() => raw.close())
    return { raw, log: prefixedLog(raw, this.prefix) }
  }

  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const pause = { advance: (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms)) }
    await eventually(waiting, pause as ConformanceStore, what, condition)
  }

  /** A process with two workers that has all four partitions. */
  async process() {
    const { raw, log } = await this.open()
    await log.createTopics([
      { name: 't', partitions: 4 },
      { name: 'out', partitions: 1 },
    ])
    const workers = [await this.worker(raw, 0), await this.worker(raw, 1)] as const
    const member = await joinGroup(limits, log)
    await this.until('everything is assigned', () => member.owned().length === 4)
    return { raw, log, member, workers }
  }
}

function commitOf(identity: MemberIdentity, partition: number, from: number, text: string) {
  return { identity, batches: [outgoing('out', 0, text)], positions: [position(partition, from, from + 1)] }
}

function partitionsOf(member: TestMember): number[] {
  return member.owned().map(name => Number(name.slice(2)))
}

describe('worker threads’ commits on Kafka', { timeout: 120_000, concurrency: true }, () => {
  it('[1.3] [2.1] run in transactions of their own, for the one member of the process', async t => {
    const { log, member, workers } = await new Bench(t).process()
    await Promise.all(
      workers.map(({ log: worker }, index) =>
        worker.commit(commitOf(member.identity(), index, -1, `of worker ${index}`)),
      ),
    )
    assert.deepEqual((await valuesIn(log, 'out')).sort(), ['of worker 0', 'of worker 1'])
    const found = await log.committed(
      'g',
      [0, 1].map(partition => ({ topic: 't', partition })),
    )
    assert.deepEqual(
      found.map(({ offset }) => offset),
      [0, 0],
    )
  })

  it('[2.2] wait while a rebalance goes on, and go out with the generation it ends with', async t => {
    const bench = new Bench(t)
    const { member, workers } = await bench.process()
    const frozen = freezable()
    const other = await joinGroup(limits, (await bench.open({ dial: frozen.dial }, frozen.clock)).log)
    await bench.until('two share', () => other.owned().length === 2 && member.owned().length === 2)
    const [mine] = partitionsOf(member)
    frozen.freeze()
    // While this one joins, the group waits for the frozen one until its session is over.
    const third = await bench.open()
    void joinGroup(limits, third.log)
    const crossed: string[] = []
    let offset = -1
    const begun = member.identity().generation
    while (member.identity().generation < begun + 1 || crossed.length === 0) {
      const before = member.identity()
      await workers[0].log.commit(commitOf(before, mine!, offset, `${offset + 1}`))
      offset++
      if (member.identity().generation > before.generation) crossed.push(`${before.generation}`)
    }
    assert.ok(crossed.length > 0, 'a commit waited for the next generation')
    frozen.thaw()
  })

  it('[2.2] cut before the news of a generation came are taken for what stayed, and refused for what left', async t => {
    const bench = new Bench(t)
    const { member, workers } = await bench.process()
    const before = member.identity()
    const other = await joinGroup(limits, (await bench.open()).log)
    await bench.until('two share', () => other.owned().length === 2 && member.owned().length === 2)
    await bench.until('the generation is known', () => member.identity().generation > before.generation)
    const [kept] = partitionsOf(member)
    const [gone] = partitionsOf(other)
    await workers[0].log.commit(commitOf(before, kept!, -1, 'kept'))
    const refused = { name: 'CommitError', outcome: 'fenced' }
    await rejectsWith(workers[0].log.commit(commitOf(before, gone!, -1, 'gone')), refused)
    await other.membership.leave()
    await bench.until('everything is back', () => member.owned().length === 4)
    await rejectsWith(workers[0].log.commit(commitOf(before, gone!, -1, 'back again')), refused)
    await workers[0].log.commit(commitOf(member.identity(), gone!, -1, 'anew'))
  })

  it('[1.3] of a thread that ended hold no rebalance up', async t => {
    const bench = new Bench(t)
    const { raw, log } = await bench.open()
    await log.createTopics([{ name: 't', partitions: 4 }])
    const member = await joinGroup({ ...limits, rebalanceTimeoutMs: 100_000 }, log)
    await bench.until('everything is assigned', () => member.owned().length === 4)
    const { port } = await raw.port(0)
    const worker = new RemoteOwnership(port)
    const identity = { ...member.identity(), group: `${bench.prefix}g` }
    const inside = Promise.withResolvers<void>()
    const endless = worker.whileOwner(identity, [], () => {
      inside.resolve()
      return new Promise(() => {})
    })
    endless.catch(() => {})
    await inside.promise
    worker.close()
    const other = await joinGroup({ ...limits, rebalanceTimeoutMs: 100_000 }, (await bench.open()).log)
    await bench.until('two share', () => other.owned().length === 2)
  })

  it('[1.3] [2.4] that a thread left open are ended before another takes its place', async t => {
    const bench = new Bench(t)
    const { raw, log } = await bench.open()
    await log.createTopics([
      { name: 't', partitions: 4 },
      { name: 'out', partitions: 1 },
    ])
    const faults = new FaultyDial()
    const first = await bench.worker(raw, 0, faults.dial)
    const member = await joinGroup(limits, log)
    await bench.until('everything is assigned', () => member.owned().length === 4)
    faults.arm(REQUEST.endTxn, 'never sent')
    const open = first.log.commit(commitOf(member.identity(), 0, -1, 'left open'))
    await bench.until('the fault has struck', () => faults.fired === 1)
    const lost = assert.rejects(open, { outcome: 'unknown' })
    await first.raw.close()
    await lost
    const [before] = await log.fetch([{ topic: 'out', partition: 0, offset: 0 }], AT_ONCE)
    assert.equal(before!.highWatermark, 1)
    assert.equal(before!.batches.length, 0)
    await bench.worker(raw, 0)
    const [after] = await log.fetch([{ topic: 'out', partition: 0, offset: 0 }], {
      ...AT_ONCE,
      maxWaitMs: 5000,
    })
    assert.equal(after!.highWatermark, 2, 'an abort marker stands behind the record')
    assert.deepEqual(await valuesIn(log, 'out'), [])
    assert.deepEqual(await log.committed('g', [{ topic: 't', partition: 0 }]), [])
  })
})
