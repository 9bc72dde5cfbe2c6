import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '../../std/clock.ts'
import { AT_ONCE, at, outgoing, rejectsWith, valuesIn } from '../conformance/store.ts'
import { CommitError, LogError, type MemberIdentity } from '../log.ts'
import { MemoryBroker } from './broker.ts'
import type { FaultPoint } from './faults.ts'
import { MemoryLog } from './memory-log.ts'

/** A log that fails once, at `point`, with `error`. */
async function failing(point: FaultPoint, error: Error) {
  const clock = new VirtualClock()
  let armed = false
  let struck = 0
  const broker = new MemoryBroker({
    clock,
    faults: passed => {
      if (!armed || passed !== point) return undefined
      armed = false
      struck++
      return error
    },
  })
  const log = new MemoryLog(broker)
  await log.createTopics([{ name: 't', partitions: 1 }])
  const events: string[] = []
  let identity: MemberIdentity | undefined
  await log.join({
    group: 'g',
    topicSets: [['t']],
    sessionTimeoutMs: 100,
    rebalanceTimeoutMs: 100,
    onAssigned: (_, current) => {
      events.push('assigned')
      identity = current
    },
    onRevoked: async () => {},
    onIdentity: () => {},
    onLost: () => events.push('lost'),
  })
  await Promise.resolve()
  const commit = () => {
    const positions = [
      { topic: 't', partition: 0, previousOffset: -1, offset: 1, metadata: new Uint8Array(0) },
    ]
    return log.commit({ identity: identity!, batches: [outgoing('t', 0, 'a')], positions })
  }
  return { log, events, commit, arm: () => (armed = true), struck: () => struck }
}

describe('a fault of the memory log', () => {
  for (const outcome of ['aborted', 'fenced', 'unknown'] as const) {
    it(`before a commit makes it ${outcome}, and nothing of it happens`, async () => {
      const { log, events, commit, arm, struck } = await failing(
        'commit.before',
        new CommitError(outcome, 'injected'),
      )
      arm()
      await rejectsWith(commit(), { name: 'CommitError', outcome })
      assert.equal(struck(), 1)
      assert.deepEqual(await valuesIn(log, 't'), [])
      assert.equal(events.includes('lost'), outcome === 'fenced')
      if (outcome === 'fenced') assert.deepEqual(events, ['assigned', 'lost', 'assigned'])
      await commit()
      assert.deepEqual(await valuesIn(log, 't'), ['a'])
    })
  }

  it('after a commit loses the answer, not the commit', async () => {
    const { log, commit, arm, struck } = await failing('commit.after', new Error('connection lost'))
    arm()
    await rejectsWith(commit(), { name: 'CommitError', outcome: 'unknown' })
    assert.equal(struck(), 1)
    assert.deepEqual(await valuesIn(log, 't'), ['a'])
    assert.equal((await log.committed('g', [{ topic: 't', partition: 0 }]))[0]!.offset, 1)
  })

  it('strikes an append before or after it happened', async () => {
    for (const [point, left] of [
      ['append.before', []],
      ['append.after', ['a']],
    ] as const) {
      const { log, arm, struck } = await failing(point, new LogError('disk-full', 'injected'))
      arm()
      await rejectsWith(log.append([outgoing('t', 0, 'a')]), { code: 'disk-full' })
      assert.equal(struck(), 1)
      assert.deepEqual(await valuesIn(log, 't'), left)
    }
  })

  it('strikes a whole fetch, or one partition of it', async () => {
    const whole = await failing('fetch', new LogError('unavailable', 'injected', { retriable: true }))
    whole.arm()
    await rejectsWith(whole.log.fetch([at('t', 0, 0)], AT_ONCE), { code: 'unavailable', retriable: true })
    const part = await failing('fetch.partition', new LogError('unavailable', 'injected'))
    part.arm()
    const [found] = await part.log.fetch([at('t', 0, 0)], AT_ONCE)
    assert.equal(found!.error?.code, 'unavailable')
    assert.deepEqual([whole.struck(), part.struck()], [1, 1])
  })
})
