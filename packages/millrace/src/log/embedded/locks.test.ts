import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { CommitError, type JoinOptions, type MemberIdentity } from '../log.ts'
import type { EmbeddedLog } from './embedded-log.ts'
import { pidsInLockTable } from './lock-holder.ts'
import { type Child, startLockHolder } from './testkit/children.ts'
import { directoryFor, openFor } from './testkit/directory.ts'
import { allValues, batchOf, until } from './testkit/records.ts'

const record = { topic: 't', partition: 0 }

async function begin(t: TestContext, lockTimeoutMs: number) {
  const directory = await directoryFor(t)
  const warnings: string[] = []
  const log = await openFor(t, { directory, lockTimeoutMs, onWarning: warning => warnings.push(warning) })
  await log.createTopics([{ name: 't', partitions: 1 }])
  await log.append([{ ...record, bytes: batchOf(['before']) }])
  return { directory, warnings, log }
}

describe('a write lock that another process holds', { concurrency: true }, () => {
  it('[9.2] is waited for, its holder named after half a lease, and readers go on', async t => {
    const { directory, warnings, log } = await begin(t, 60_000)
    const identity = await identityIn(log, 1000)
    const holder = startLockHolder(t, directory, 'write')
    await holder.told('holding')
    let isDone = false
    const began = performance.now()
    const commit = log.commit({
      identity,
      batches: [{ ...record, bytes: batchOf(['after']) }],
      positions: [],
    })
    void commit.then(() => {
      isDone = true
    })
    await until('the holder is named', () => warnings.length > 0)
    assert.ok(performance.now() - began >= 500)
    assert.match(warnings[0]!, nameOf(holder))
    assert.deepEqual(await allValues(log, 't'), ['before'])
    assert.equal(isDone, false)
    assert.equal(await holder.stop(), 0)
    assert.deepEqual(await commit, { baseOffsets: [1] })
    assert.equal(warnings.length, 1)
  })

  it('[9.2] stops a commit after the lock timeout, saying who holds it; nothing of it has happened', async t => {
    const { directory, log } = await begin(t, 300)
    const identity = await identityIn(log, 60_000)
    const holder = startLockHolder(t, directory, 'write')
    await holder.told('holding')
    const bytes = batchOf(['refused'])
    await assert.rejects(log.commit({ identity, batches: [{ ...record, bytes }], positions: [] }), error => {
      assert.ok(error instanceof CommitError)
      assert.equal(error.outcome, 'aborted')
      assert.match(error.message, nameOf(holder))
      return true
    })
    await assert.rejects(log.append([{ ...record, bytes: batchOf(['refused']) }]), {
      code: 'locked',
      retriable: true,
    })
    await holder.kill()
    await log.append([{ ...record, bytes: batchOf(['after']) }])
    assert.deepEqual(await allValues(log, 't'), ['before', 'after'])
  })

  it('[9.2] costs no lease: heartbeats go on while a commit waits', async t => {
    const { directory, warnings, log } = await begin(t, 60_000)
    const identity = await identityIn(log, 400)
    const holder = startLockHolder(t, directory, 'write')
    await holder.told('holding')
    const commit = log.commit({
      identity,
      batches: [{ ...record, bytes: batchOf(['after']) }],
      positions: [],
    })
    await until('the holder is named', () => warnings.length > 0)
    const began = performance.now()
    await until('more than a session is over', () => performance.now() - began > 600)
    assert.equal((await log.describeGroup('g'))!.members.length, 1)
    await holder.stop()
    await commit
  })
})

describe('the table of locks', () => {
  it('gives the holders of a byte range of one file, without those that wait', () => {
    const table = [
      '1: POSIX  ADVISORY  WRITE 17 fe:00:99 120 120',
      '1: -> POSIX  ADVISORY  WRITE 18 fe:00:99 120 120',
      '2: POSIX  ADVISORY  READ  19 fe:00:99 124 124',
      '3: POSIX  ADVISORY  WRITE 20 fe:00:100 120 120',
      '4: FLOCK  ADVISORY  WRITE 21 fe:00:99 0 EOF',
      '5: POSIX  ADVISORY  WRITE 22 fe:00:99 0 EOF',
    ].join('\n')
    const holds = (byte: number) => pidsInLockTable(table, 99, (start, end) => start <= byte && byte <= end)
    assert.deepEqual(holds(120), [17, 22])
    assert.deepEqual(holds(124), [19, 22])
  })
})

/** By the lock table where there is one; without it the holder, which is in no group, cannot be known. */
function nameOf(holder: Child): RegExp {
  return process.platform === 'linux' ? new RegExp(`process ${holder.pid} holds it`) : /in no group/
}

function identityIn(log: EmbeddedLog, sessionTimeoutMs: number): Promise<MemberIdentity> {
  return new Promise((resolve, reject) => {
    const options: JoinOptions = {
      group: 'g',
      topicSets: [['t']],
      sessionTimeoutMs,
      rebalanceTimeoutMs: 10_000,
      onAssigned: (_, identity) => resolve(identity),
      onRevoked: async () => {},
      onIdentity: () => {},
      onLost: reject,
    }
    log.join(options).catch(reject)
  })
}
