import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { joinGroup, position, type TestMember } from '../conformance/member.ts'
import { AT_ONCE, type Context, outgoing, rejectsWith, valuesIn } from '../conformance/store.ts'
import type { Commit, Log } from '../log.ts'
import { openKafkaIn } from './open.ts'
import { testBrokers } from './testkit/brokers.ts'
import { FaultyDial } from './testkit/faulty-dial.ts'
import { prefixedLog } from './testkit/prefixed-log.ts'
import { REQUEST } from './testkit/watch-requests.ts'

const limits = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000 } as Context

interface Bench {
  readonly log: Log
  readonly faults: FaultyDial
  readonly member: TestMember
}

async function withBench(run: (bench: Bench) => Promise<void>): Promise<void> {
  const faults = new FaultyDial()
  const opened = await openKafkaIn({ dial: faults.dial }, { brokers: testBrokers() })
  const log = prefixedLog(opened, `a${crypto.randomUUID().slice(0, 8)}.`)
  try {
    await log.createTopics([
      { name: 't', partitions: 1 },
      { name: 'out', partitions: 1 },
      { name: 'changes', partitions: 1 },
    ])
    const member = await joinGroup(limits, log)
    while (member.owned().length === 0) await new Promise(resolve => setTimeout(resolve, 5))
    await run({ log, faults, member })
  } finally {
    await log.close()
  }
}

function commitTo(member: TestMember, previous: number, changes: string, text: string): Commit {
  return {
    identity: member.identity(),
    batches: [outgoing('out', 0, text), outgoing(changes, 0, text)],
    positions: [position(0, previous, previous + 1)],
    atLeastOnce: { outputs: 1 },
  }
}

async function positionOf(log: Log): Promise<number> {
  return (await log.committed('g', [{ topic: 't', partition: 0 }]))[0]?.offset ?? -1
}

describe('commits without transactions on Kafka', { timeout: 120_000, concurrency: true }, () => {
  it('[2.8] write batches plainly and give their offsets, and the positions follow', async () => {
    await withBench(async ({ log, member }) => {
      assert.deepEqual((await log.commit(commitTo(member, -1, 'changes', 'one'))).baseOffsets, [0, 0])
      assert.deepEqual((await log.commit(commitTo(member, 0, 'changes', 'two'))).baseOffsets, [1, 1])
      assert.equal(await positionOf(log), 1)
      assert.deepEqual(await valuesIn(log, 'out'), ['one', 'two'])
      const [found] = await log.fetch([{ topic: 'out', partition: 0, offset: 0 }], AT_ONCE)
      assert.equal(found!.highWatermark, 2, 'no marker of a transaction stands behind them')
    })
  })

  it('[2.8] leave the positions where they were when a batch cannot be written; the outputs stay', async () => {
    await withBench(async ({ log, member }) => {
      const refused = { name: 'LogError', code: 'unknown-topic', retriable: false }
      await rejectsWith(log.commit(commitTo(member, -1, 'absent', 'torn')), refused)
      assert.deepEqual(await valuesIn(log, 'out'), ['torn'])
      assert.equal(await positionOf(log), -1)
      await log.commit(commitTo(member, -1, 'changes', 'again'))
      assert.deepEqual(await valuesIn(log, 'out'), ['torn', 'again'])
      assert.equal(await positionOf(log), 0)
    })
  })

  for (const request of ['produce', 'offsetCommit'] as const) {
    for (const fault of ['request lost', 'answer lost'] as const) {
      it(`[2.8] are done once when of ${request} the ${fault.replace(' ', ' is ')}`, async () => {
        await withBench(async ({ log, faults, member }) => {
          await log.commit(commitTo(member, -1, 'changes', 'before'))
          faults.arm(REQUEST[request], fault)
          await log.commit(commitTo(member, 0, 'changes', 'hit'))
          assert.equal(faults.fired, 1)
          assert.deepEqual(await valuesIn(log, 'out'), ['before', 'hit'])
          assert.deepEqual(await valuesIn(log, 'changes'), ['before', 'hit'])
          assert.equal(await positionOf(log), 1)
        })
      })
    }
  }

  it('[2.2] [2.8] of somebody who is no member write nothing', async () => {
    await withBench(async ({ log, member }) => {
      const commit = commitTo(member, -1, 'changes', 'late')
      await member.membership.leave()
      await rejectsWith(log.commit(commit), { name: 'CommitError', outcome: 'fenced' })
      const stranger = { ...commit, identity: { ...commit.identity, memberId: 'nobody' } }
      await rejectsWith(log.commit(stranger), { name: 'CommitError', outcome: 'fenced' })
      assert.deepEqual(await valuesIn(log, 'out'), [])
      assert.equal(await positionOf(log), -1)
    })
  })

  for (const fault of ['request lost', 'answer lost'] as const) {
    it(`[2.1] [2.8] keep metadata that is a record when of offsetCommit the ${fault.replace(' ', ' is ')}`, async () => {
      await withBench(async ({ log, faults, member }) => {
        for (const n of [0, 1, 2]) {
          const commit = commitTo(member, n - 1, 'changes', `${n}`)
          const metadata = new Uint8Array(5_000).fill(n)
          if (n === 1) faults.arm(REQUEST.offsetCommit, fault)
          await log.commit({ ...commit, positions: commit.positions.map(each => ({ ...each, metadata })) })
          const [found] = await log.committed('g', [{ topic: 't', partition: 0 }])
          assert.deepEqual([found!.offset, found!.metadata], [n, new Uint8Array(5_000).fill(n)])
        }
        assert.equal(faults.fired, 1)
        assert.deepEqual(await valuesIn(log, 'changes'), ['0', '1', '2'])
      })
    })
  }

  it('[2.1] [2.8] are refused where another position stands than the commit says', async () => {
    await withBench(async ({ log, member }) => {
      await log.commit(commitTo(member, -1, 'changes', 'one'))
      await rejectsWith(log.commit(commitTo(member, -1, 'changes', 'two')), { outcome: 'aborted' })
      assert.deepEqual(await valuesIn(log, 'out'), ['one'])
    })
  })
})
