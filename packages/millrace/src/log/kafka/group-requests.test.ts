import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JoinOptions } from '../log.ts'
import type { Cluster } from './cluster.ts'
import { AmbiguousError, CODE } from './errors.ts'
import { FencedInstanceError, GroupRequests, LostMembershipError } from './group-requests.ts'

/** A member with an instance id, whose coordinator answers one request after the other with what is given. */
function member(...answers: (object | Error)[]): GroupRequests {
  const cluster = {
    clock: { monotonic: () => 0 },
    links: { throwIfClosed: () => {} },
    coordinator: async () => 1,
    request: async () => {
      const answer = answers.shift()
      if (answer instanceof Error) throw answer
      return answer
    },
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
  it('[2.2] whose unanswered join overtakes the next one joins again, and is over only when that happens without one', async () => {
    const requests = member(new AmbiguousError('cut'), joined, fenced, joined, fenced)
    await requests.join(Buffer.alloc(0), () => true)
    await assert.rejects(requests.heartbeat(1), isLost)
    requests.forget()
    await requests.join(Buffer.alloc(0), () => true)
    await assert.rejects(requests.heartbeat(1), FencedInstanceError)
  })
})
