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

const floors = new Map([
  ['t/0', 2],
  ['t/7', 3],
  ['ü/1', 2],
])

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
      layouts: { t: 3, ü: 1 },
      floors,
    }
    assert.deepEqual(decodeSubscription(encodeSubscription(subscription)), subscription)
    const assignment: Assignment = {
      partitions: owned,
      generation: 6,
      transactionalIds: ['a', 'b'],
      vanishedIds: ['c'],
      standbys: [{ topic: 't', partition: 3 }],
      floors,
      barred: [{ topic: 'ü', partition: 1 }],
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
      floors: new Map(),
    }
    assert.deepEqual(decodeSubscription(encodeSubscription(subscription)), subscription)
    const assignment = {
      partitions: owned,
      generation: 6,
      transactionalIds: [],
      vanishedIds: [],
      standbys: [],
      floors: new Map(),
      barred: [],
    }
    const encoded = encodeAssignment(assignment)
    assert.ok(!/standbys|floors|barred/.test(encoded.toString()))
    assert.deepEqual(decodeAssignment(encoded), assignment)
  })

  it('[8.2] is read where it comes from an older Millrace, which says nothing of layouts', () => {
    const subscription = decodeSubscription(inConsumerProtocol(1, olderSubscription))
    assert.deepEqual(
      [subscription.layouts, subscription.floors, subscription.standbys, subscription.weight],
      [undefined, new Map(), undefined, 2],
    )
    const assignment = decodeAssignment(
      Buffer.concat([int16(0), int32(0), bytes('{"generation":4,"txns":["x"],"gone":[]}')]),
    )
    assert.deepEqual([assignment.generation, assignment.floors, assignment.barred], [4, new Map(), []])
  })

  it('[8.2] is read where it comes from a newer Millrace, which says more', () => {
    const newer = { ...olderSubscription, layouts: { t: 2 }, floors: [['t', [[2, [0]]]]], later: { a: [1] } }
    const { layouts, floors: known, host } = decodeSubscription(inConsumerProtocol(3, newer))
    assert.deepEqual([layouts, known, host], [{ t: 2 }, new Map([['t/0', 2]]), 'here'])
    const assignment = decodeAssignment(
      Buffer.concat([
        int16(2),
        int32(0),
        bytes('{"generation":4,"txns":[],"gone":[],"barred":[["t",[1]]],"later":true}'),
        bytes('more behind it'),
      ]),
    )
    assert.deepEqual(assignment.barred, [{ topic: 't', partition: 1 }])
  })

  it('[8.2] is read by an older Millrace: what is new is beside what it knows', () => {
    const subscription = decodeSubscription(inConsumerProtocol(1, olderSubscription))
    const encoded = encodeSubscription({ ...subscription, layouts: { t: 1 }, floors })
    const json = JSON.parse(/{.*}/.exec(encoded.toString('latin1'))![0])
    for (const [name, value] of Object.entries(olderSubscription)) assert.deepEqual(json[name], value)
    assert.equal(encoded.readInt16BE(0), 1)
  })
})

/** As Millrace wrote it before it knew of standbys and layouts. */
const olderSubscription = {
  sets: [['t']],
  weight: 2,
  host: 'here',
  pid: 4,
  txns: ['x'],
  generation: 3,
}

/** Version, topics, user data, and what is owned: nothing. */
function inConsumerProtocol(version: number, data: object): Buffer {
  return Buffer.concat([
    int16(version),
    int32(1),
    int16(1),
    Buffer.from('t'),
    bytes(JSON.stringify(data)),
    int32(0),
  ])
}

function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2)
  buffer.writeInt16BE(value)
  return buffer
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}

function bytes(text: string): Buffer {
  return Buffer.concat([int32(Buffer.byteLength(text)), Buffer.from(text)])
}
