import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  type Assignment,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  type Subscription,
} from './group-protocol.ts'

const owned = [
  { topic: 't', partition: 0 },
  { topic: 't', partition: 7 },
  { topic: 'ü', partition: 1 },
]

describe('what members tell each other', () => {
  it('arrives as it was sent', () => {
    const subscription: Subscription = {
      topicSets: [['t', 'u'], ['ü']],
      weight: 3,
      userData: Uint8Array.of(0, 255, 7),
      host: 'here',
      pid: 12,
      transactionalIds: ['g-1-0', 'g-1-1'],
      owned,
      generation: 5,
      standbys: { copies: 1, topics: ['t'], warm: owned },
    }
    assert.deepEqual(decodeSubscription(encodeSubscription(subscription)), subscription)
    const assignment: Assignment = {
      partitions: owned,
      generation: 6,
      transactionalIds: ['a', 'b'],
      vanishedIds: ['c'],
      standbys: [{ topic: 't', partition: 3 }],
    }
    assert.deepEqual(decodeAssignment(encodeAssignment(assignment)), assignment)
    assert.deepEqual(decodeAssignment(Buffer.alloc(0)).partitions, [])
  })

  it('says nothing of copies where there are none, as members do that know nothing of them', () => {
    const subscription = {
      topicSets: [['t']],
      weight: 1,
      host: 'here',
      pid: 12,
      transactionalIds: ['g-1-0'],
      owned,
      generation: 5,
    }
    assert.deepEqual(decodeSubscription(encodeSubscription(subscription)), subscription)
    const assignment = {
      partitions: owned,
      generation: 6,
      transactionalIds: [],
      vanishedIds: [],
      standbys: [],
    }
    const encoded = encodeAssignment(assignment)
    assert.ok(!encoded.includes('standbys'))
    assert.deepEqual(decodeAssignment(encoded), assignment)
  })
})
