import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '../../std/clock.ts'
import type { JoinOptions } from '../log.ts'
import type { Cluster } from './cluster.ts'
import { CODE } from './errors.ts'
import { FencedInstanceError, GroupRequests, LostMembershipError } from './group-requests.ts'

/** A member with an instance id, whose coordinator answers one request after the other with what is given. */
function member(clock: VirtualClock, ...answers: object[]): GroupRequests {
  const cluster = {
    clock,
    links: { throwIfClosed: () => {} },
    coordinator: async () => 1,
    request: async () => answers.shift(),
    learnFrom: () => {},
    pause: async () => {},
  } as unknown as Cluster
  const join = { group: 'g', instanceId: 'i', sessionTimeoutMs: 1, rebalanceTimeoutMs: 1 } as JoinOptions
  return new GroupRequests(cluster, join, 'group', () => {})
}

const joined = { errorCode: 0, memberId: 'm', generationId: 1 }
const fenced = { errorCode: CODE.fencedInstance }
const isLost = (error: Error) =>
  error instanceof LostMembershipError && !(error instanceof FencedInstanceError)

describe('a member with an instance id', () => {
  it('[2.2] that lost its place to joins that came late joins again; who takes it again and again is another process', async () => {
    const times = 5
    const requests = member(new VirtualClock(0), ...Array(times).fill([joined, fenced]).flat())
    for (let late = 1; late < times; late++) {
      await requests.join(Buffer.alloc(0), () => true)
      await assert.rejects(requests.heartbeat(1), isLost)
      requests.forget()
    }
    await requests.join(Buffer.alloc(0), () => true)
    await assert.rejects(requests.heartbeat(1), FencedInstanceError)
  })

  it('[2.2] forgets a loss after a while', async () => {
    const clock = new VirtualClock(0)
    const requests = member(clock, ...Array(10).fill([joined, fenced]).flat())
    for (let late = 0; late < 10; late++) {
      await requests.join(Buffer.alloc(0), () => true)
      await assert.rejects(requests.heartbeat(1), isLost)
      requests.forget()
      clock.advance(15_000)
    }
  })
})
