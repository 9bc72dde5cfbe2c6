import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startCluster, type TestCluster } from '../../../../../tools/kafka/cluster.ts'
import { batchInfo } from '../../record/batch.ts'
import { joinGroup } from '../conformance/member.ts'
import { AT_ONCE, type Context, outgoing, readAll } from '../conformance/store.ts'
import { CommitError } from '../log.ts'
import { type Dial, systemDial } from './dial.ts'
import type { KafkaLog } from './kafka-log.ts'
import { openKafkaIn } from './open.ts'
import { isWithoutJava } from './testkit/java-client.ts'
import { REQUEST, watchRequests } from './testkit/watch-requests.ts'

const limits = { sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 60_000 } as Context
/** Knows which port each kind of request went to last, and tells of one before it goes. */
class RequestWatch {
  readonly ports = new Map<number, number>()
  before: { readonly request: number; readonly run: () => void } | undefined
  readonly dial: Dial = options =>
    watchRequests(systemDial(undefined)(options), (request, send) => {
      this.ports.set(request, options.port)
      if (this.before?.request === request) {
        this.before.run()
        this.before = undefined
      }
      return send()
    })
}

/**
 * Of this minute: a broker that loads a partition anew forgets a producer whose last record is older than
 * `producer.id.expiration.ms` by its own time, and then takes a repetition for something new.
 */
function recordOf(i: number) {
  return { value: `${i}`, timestamp: Date.now() }
}

const topics = [
  { name: 't', partitions: 1, retentionMs: -1 },
  { name: 'out', partitions: 6, retentionMs: -1 },
]
const rounds = 60

describe('three brokers, each killed and started again', { skip: isWithoutJava, timeout: 600_000 }, () => {
  let cluster: TestCluster
  let log: KafkaLog
  const requests = new RequestWatch()
  before(async () => {
    cluster = await startCluster(3, { isShortLived: true })
    const options = { brokers: cluster.brokers, kafka: { 'request.timeout.ms': 10_000 } }
    log = await openKafkaIn({ dial: requests.dial }, options)
    await log.createTopics(topics)
  })
  after(async () => {
    await log?.close()
    await cluster?.stop()
  })

  /** Kills one broker after the other while `work` goes on; gives how many it killed. */
  async function storm(work: () => Promise<void>): Promise<number> {
    let isDone = false
    let kills = 0
    const working = work().finally(() => {
      isDone = true
    })
    for (let id = 1; id <= 3 && !isDone; id++) {
      await cluster.kill(id)
      kills++
      await Promise.race([working, new Promise(resolve => setTimeout(resolve, 1000))])
      await cluster.start(id)
    }
    await working
    return kills
  }

  it('lose and repeat nothing that is appended, and a reader sees it all', async () => {
    const expected: string[] = []
    const seen: string[][] = [[], [], [], [], [], []]
    let isWriting = true
    const at = seen.map(() => 0)
    const read = async () => {
      for (let idle = 0; idle < 3; ) {
        const positions = at.map((offset, partition) => ({ topic: 'out', partition, offset }))
        const found = await log.fetch(positions, { ...AT_ONCE, maxWaitMs: 500 })
        for (const { partition, batches, error } of found) {
          if (error !== undefined) assert.ok(error.retriable, error.message)
          for (const batch of batches) {
            const { baseOffset, lastOffset } = batchInfo(batch)
            assert.equal(baseOffset, at[partition])
            at[partition] = lastOffset + 1
            seen[partition]!.push(`${baseOffset}`)
          }
        }
        if (!isWriting && found.every(part => part.batches.length === 0 && part.error === undefined)) idle++
      }
    }
    const reading = read()
    const kills = await storm(async () => {
      for (let i = 0; i < rounds * 3; i++) {
        expected.push(`${i}`)
        await log.append(seen.map((_, partition) => outgoing('out', partition, recordOf(i))))
      }
    })
    isWriting = false
    await reading
    assert.ok(kills > 0)
    for (const [partition, offsets] of seen.entries()) {
      const values = (await readAll(log, { topic: 'out', partition })).map(record => record.value)
      assert.deepEqual(values, expected, `partition ${partition}`)
      assert.equal(offsets.length, expected.length)
    }
  })

  it('[2.1] keep every commit whole, with metadata beside the position or in a record', async () => {
    await log.deleteTopics(['out'])
    await log.createTopics(topics)
    const member = await joinGroup(limits, log)
    while (member.owned().length === 0) await new Promise(resolve => setTimeout(resolve, 10))
    const expected: string[] = []
    let position = -1
    let aborted = 0
    const metadataOf = (i: number) => new Uint8Array(i % 3 === 0 ? 10 : 5_000).fill(i)
    const check = async () => {
      const [committed] = await log.committed('g', [{ topic: 't', partition: 0 }])
      assert.equal(committed!.offset, position)
      assert.deepEqual(committed!.metadata, metadataOf(position))
    }
    const kills = await storm(async () => {
      for (let i = 0; i < rounds; i++) {
        const commit = {
          identity: member.identity(),
          batches: [0, 3].map(partition => outgoing('out', partition, recordOf(i))),
          positions: [
            { topic: 't', partition: 0, previousOffset: position, offset: i, metadata: metadataOf(i) },
          ],
        }
        try {
          await log.commit(commit)
          expected.push(`${i}`)
          position = i
        } catch (error) {
          assert.ok(error instanceof CommitError, String(error))
          assert.equal(error.outcome, 'aborted', error.message)
          aborted++
        }
        if (i % 5 === 4 && position >= 0) await check()
      }
    })
    assert.ok(kills > 0)
    await check()
    for (const partition of [0, 3]) {
      const values = (await readAll(log, { topic: 'out', partition })).map(record => record.value)
      assert.deepEqual(values, expected, `partition ${partition}, ${aborted} aborted`)
    }
    await member.membership.leave()
  })

  it('[2.1] give all of a commit to a reader that waits, whose leader died between its records and its end', async () => {
    const out = 'markers'
    await log.createTopics([{ name: out, partitions: 6, retentionMs: -1 }])
    const member = await joinGroup(limits, log, { group: 'h' })
    while (member.owned().length === 0) await new Promise(resolve => setTimeout(resolve, 10))
    const commit = (offset: number) => ({
      identity: member.identity(),
      batches: [0, 1, 2, 3, 4, 5].map(partition => outgoing(out, partition, recordOf(offset))),
      positions: [
        { topic: 't', partition: 0, previousOffset: offset - 1, offset, metadata: new Uint8Array(0) },
      ],
    })
    await log.commit(commit(0))
    const coordinators = [REQUEST.txnOffsetCommit, REQUEST.endTxn].map(each => requests.ports.get(each))
    const victim = cluster.brokers.findIndex(broker => !coordinators.includes(Number(broker.split(':')[1])))
    let killed: Promise<void> | undefined
    requests.before = {
      request: REQUEST.endTxn,
      run: () => {
        killed = cluster.kill(victim + 1)
      },
    }
    await log.commit(commit(1))
    assert.ok(killed, 'the leader of two partitions died before the transaction was ended')
    for (const partition of [0, 1, 2, 3, 4, 5]) {
      const values = (await readAll(log, { topic: out, partition })).map(record => record.value)
      assert.deepEqual(values, ['0', '1'], `partition ${partition}`)
    }
    await cluster.start(victim + 1)
    await member.membership.leave()
  })
})
