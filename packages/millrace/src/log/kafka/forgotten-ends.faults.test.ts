import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startCluster, type TestCluster } from '../../../../../tools/kafka/cluster.ts'
import { joinGroup, type TestMember } from '../conformance/member.ts'
import { type Context, outgoing, readAll } from '../conformance/store.ts'
import { type Commit, CommitError } from '../log.ts'
import { type Dial, systemDial } from './dial.ts'
import type { KafkaLog } from './kafka-log.ts'
import { openKafkaIn } from './open.ts'
import { isWithoutJava } from './testkit/java-client.ts'
import { REQUEST, watchRequests } from './testkit/watch-requests.ts'

const limits = { sessionTimeoutMs: 60_000, rebalanceTimeoutMs: 60_000 } as Context
const PARTITIONS = [0, 1, 2, 3, 4, 5]

/** Knows which port each kind of request went to last; kills a broker before one of a kind, and may lose that one. */
class Strike {
  readonly ports = new Map<number, number>()
  armed: { readonly request: number; readonly isLost: boolean; readonly kill?: () => void } | undefined
  readonly dial: Dial = options => {
    const socket = systemDial(undefined)(options)
    return watchRequests(socket, (request, send) => {
      this.ports.set(request, options.port)
      const { armed } = this
      if (armed?.request !== request) return send()
      this.armed = undefined
      armed.kill?.()
      if (!armed.isLost) return send()
      socket.destroy()
      return false
    })
  }
}

interface Begun {
  readonly log: KafkaLog
  readonly strike: Strike
  readonly topic: string
  readonly member: TestMember
  readonly commitOf: (i: number, from: number) => Commit
}

// A coordinator of Kafka 4.3 takes a partition that has no leader for deleted (KAFKA-20734).
describe('a transaction whose end is not told to a partition without a leader', {
  skip: isWithoutJava,
  timeout: 900_000,
}, () => {
  let cluster: TestCluster
  before(async () => {
    cluster = await startCluster(3, { isShortLived: true, isUnreplicated: true })
  })
  after(() => cluster?.stop())

  /** A topic with partitions on every broker, and a member of a group of the same name that has committed 0 to all of them. */
  async function begin(topic: string, isFlow1: boolean): Promise<Begun> {
    const strike = new Strike()
    const log = await openKafkaIn({ dial: strike.dial, isFlow1 }, { brokers: cluster.brokers })
    await log.createTopics([
      { name: 't', partitions: 1, retentionMs: -1 },
      { name: topic, partitions: PARTITIONS.length, retentionMs: -1 },
    ])
    const member = await joinGroup(limits, log, { group: topic })
    while (member.owned().length === 0) await new Promise(resolve => setTimeout(resolve, 10))
    const commitOf = (i: number, from: number) => ({
      identity: member.identity(),
      batches: PARTITIONS.map(partition =>
        outgoing(topic, partition, { value: `${i}`, timestamp: Date.now() }),
      ),
      positions: [{ topic: 't', partition: 0, previousOffset: from, offset: i, metadata: new Uint8Array(0) }],
    })
    await log.commit(commitOf(0, -1))
    return { log, strike, topic, member, commitOf }
  }

  async function end({ log, member }: Begun): Promise<void> {
    await member.membership.leave()
    await log.close()
  }

  /** The brokers, by their ids, that coordinate the group and the transactions of the last commit. */
  function coordinators({ strike }: Begun): number[] {
    const ports = [REQUEST.txnOffsetCommit, REQUEST.endTxn].map(each => strike.ports.get(each))
    return ports.map(port => cluster.brokers.indexOf(`127.0.0.1:${port}`) + 1)
  }

  /** A broker that coordinates nothing of this; it leads two of the partitions. */
  function bystander(begun: Begun): number {
    return [1, 2, 3].find(id => !coordinators(begun).includes(id))!
  }

  /** Kills the broker before the request goes; `struck` tells that it did. */
  function killAt({ strike }: Begun, request: number, id: number, isLost: boolean): { struck(): void } {
    let killed: Promise<void> | undefined
    const kill = () => {
      killed = cluster.kill(id)
    }
    strike.armed = { request, isLost, kill }
    return { struck: () => assert.ok(killed, 'a leader died in the middle of the transaction') }
  }

  /** Commits 1 while a broker dies that is back when what it leads was forgotten. */
  async function commitsForgotten(begun: Begun, victim: number): Promise<void> {
    const { struck } = killAt(begun, REQUEST.endTxn, victim, false)
    await begun.log.commit(begun.commitOf(1, 0))
    struck()
    await untilForgotten()
    await cluster.start(victim)
  }

  /** Until the controller has given the dead broker up, and the coordinator of transactions its partitions. */
  async function untilForgotten(): Promise<void> {
    await new Promise(resolve => setTimeout(resolve, 13_000))
  }

  /** Loses a request of the commit. A member whose coordinator was away may have to join again first. */
  async function aborts({ log, strike }: Begun, commitOf: () => Commit): Promise<void> {
    strike.armed ??= { request: REQUEST.txnOffsetCommit, isLost: true }
    for (;;) {
      const error: unknown = await log.commit(commitOf()).then(
        () => assert.fail('it was committed'),
        reason => reason,
      )
      assert.ok(error instanceof CommitError, String(error))
      if (error.outcome === 'aborted') break
      assert.equal(error.outcome, 'fenced', error.message)
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    assert.equal(strike.armed, undefined, 'a request was lost')
  }

  async function assertValues({ log, topic }: Begun, expected: readonly string[]): Promise<void> {
    for (const partition of PARTITIONS) {
      const values = (await readAll(log, { topic, partition })).map(record => record.value)
      assert.deepEqual(values, expected, `partition ${partition}`)
    }
  }

  for (const isFlow1 of [false, true]) {
    const flow = isFlow1 ? 'before KIP-890' : 'of KIP-890'

    it(`[2.1] ${flow}: stays aborted there when the next one is committed`, async () => {
      const begun = await begin(`aborted-${isFlow1}`, isFlow1)
      const victim = bystander(begun)
      const { struck } = killAt(begun, REQUEST.txnOffsetCommit, victim, true)
      await aborts(begun, () => begun.commitOf(1, 0))
      struck()
      await cluster.start(victim)
      await begun.log.commit(begun.commitOf(2, 0))
      await assertValues(begun, ['0', '2'])
      await end(begun)
    })

    it(`[2.1] ${flow}: stays committed there when the next one is aborted`, async () => {
      const begun = await begin(`committed-${isFlow1}`, isFlow1)
      await commitsForgotten(begun, bystander(begun))
      await aborts(begun, () => begun.commitOf(2, 1))
      await begun.log.commit(begun.commitOf(3, 1))
      await assertValues(begun, ['0', '1', '3'])
      await end(begun)
    })
  }

  it('[2.4] keeps the positions that it has committed when the coordinator of their group was away', async () => {
    let begun = await begin('positions', false)
    // The transactions of another group are another broker's.
    for (let i = 0; new Set(coordinators(begun)).size === 1; i++) {
      await end(begun)
      begun = await begin(`positions-${i}`, false)
    }
    await commitsForgotten(begun, coordinators(begun)[0]!)
    await aborts(begun, () => begun.commitOf(2, 1))
    await begun.log.commit(begun.commitOf(3, 1))
    await assertValues(begun, ['0', '1', '3'])
    const [committed] = await begun.log.committed(begun.topic, [{ topic: 't', partition: 0 }])
    assert.equal(committed!.offset, 3)
    await end(begun)
  })
})
