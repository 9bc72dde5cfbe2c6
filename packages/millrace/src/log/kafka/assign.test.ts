import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TopicPartition } from '../log.ts'
import { assign, type GroupMemberOffer } from './assign.ts'

const tp = (partition: number): TopicPartition => ({ topic: 't', partition })

function member(
  memberId: string,
  owned: number[] = [],
  rest: { generation?: number; weight?: number; instanceId?: string } = {},
): GroupMemberOffer {
  const { generation = 1, weight = 1, instanceId } = rest
  return {
    memberId,
    instanceId,
    subscription: {
      topicSets: [['t']],
      weight,
      host: 'h',
      pid: 1,
      transactionalIds: [`txn-${memberId}`],
      owned: owned.map(tp),
      generation,
      floors: new Map(),
    },
  }
}

const input = {
  generation: 2,
  partitionsOf: () => 4,
  formerUnits: new Map(),
  formerIds: [],
  formerVanishedIds: [],
}

function given(
  members: GroupMemberOffer[],
  rest: { formerUnits?: Map<string, string[]>; formerIds?: string[] } = {},
) {
  const output = assign({ ...input, members, ...rest })
  return (id: string) =>
    output.assignments
      .get(id)!
      .partitions.map(each => each.partition)
      .sort()
}

describe('the assignment of a leader', () => {
  it('gives what another member still has to nobody, and takes it from its owner', () => {
    const of = given([member('a', [0, 1, 2, 3]), member('b')])
    assert.equal(of('a').length, 2)
    assert.deepEqual(of('b'), [])
  })

  it('says to whom it was given where another generation has to follow', () => {
    const interimOf = (...members: GroupMemberOffer[]) =>
      [...assign({ ...input, members }).assignments.values()].map(each => each.interimOf)
    assert.deepEqual(interimOf(member('a', [0, 1, 2, 3]), member('b')), ['a', 'b'])
    assert.deepEqual(interimOf(member('a', [0, 1]), member('b', [2, 3])), [undefined, undefined])
  })

  it('gives it when it is free', () => {
    const of = given([member('a', [0, 1]), member('b')])
    assert.deepEqual(of('a'), [0, 1])
    assert.deepEqual(of('b'), [2, 3])
  })

  it('believes the newer of two that claim a partition', () => {
    const of = given([member('a', [0, 1, 2, 3], { generation: 1 }), member('b', [2, 3], { generation: 4 })])
    assert.deepEqual(of('a'), [0, 1])
    assert.deepEqual(of('b'), [2, 3])
  })

  it('gives a restarted instance what it had', () => {
    const formerUnits = new Map([['x', ['t/1', 't/3']]])
    const of = given([member('a', [0, 2]), member('b', [], { instanceId: 'x' })], { formerUnits })
    assert.deepEqual(of('b'), [1, 3])
  })

  it('places copies of what has state with members that keep any, and gives them what is free', () => {
    const keeps = (each: GroupMemberOffer, warm: number[] = [], topics = ['t']): GroupMemberOffer => ({
      ...each,
      subscription: { ...each.subscription, standbys: { copies: 1, topics, warm: warm.map(tp) } },
    })
    const standbysOf = (members: GroupMemberOffer[]) => {
      const { assignments } = assign({ ...input, members })
      return (id: string) => assignments.get(id)!.standbys.map(each => each.partition)
    }
    const of = standbysOf([keeps(member('a', [0, 1])), keeps(member('b', [2, 3])), member('c')])
    assert.deepEqual([of('a').length + of('b').length, of('c')], [4, []])
    const stateless = standbysOf([keeps(member('a', [0, 1]), [], []), keeps(member('b', [2, 3]), [], [])])
    assert.deepEqual([stateless('a'), stateless('b')], [[], []])
    const after = given([keeps(member('a', [0, 1])), keeps(member('c'), [3]), keeps(member('b'), [2])])
    assert.deepEqual([after('a').includes(3), after('c'), after('b')], [false, [3], [2]])
  })

  it('names the transactional ids of those who have gone', () => {
    const { assignments } = assign({
      generation: 3,
      members: [member('a')],
      partitionsOf: () => 1,
      formerUnits: new Map(),
      formerIds: ['txn-a', 'txn-b'],
      formerVanishedIds: [],
    })
    assert.deepEqual(assignments.get('a')!.vanishedIds, ['txn-b'])
    assert.deepEqual(assignments.get('a')!.transactionalIds, ['txn-a'])
  })

  it('goes on naming them until every partition has an owner again, and no longer those who are back', () => {
    const named = (members: GroupMemberOffer[]) => {
      const { assignments } = assign({
        generation: 4,
        members,
        partitionsOf: () => 2,
        formerUnits: new Map(),
        formerIds: ['txn-a', 'txn-c'],
        formerVanishedIds: ['txn-b', 'txn-d'],
      })
      return assignments.get('a')!.vanishedIds
    }
    assert.deepEqual(named([member('a', [0])]), ['txn-b', 'txn-d', 'txn-c'])
    assert.deepEqual(named([member('a', [0]), member('b')]), ['txn-d', 'txn-c'])
    assert.deepEqual(named([member('a', [0, 1])]), ['txn-c'])
  })

  describe('among versions of the code', () => {
    const versioned = (each: GroupMemberOffer, version: number | undefined, floors = new Map()) => ({
      ...each,
      subscription: {
        ...each.subscription,
        floors,
        layouts: version === undefined ? version : { t: version },
      },
    })

    it('[8.2] gives what a newer one has had to no older one, and says so to everybody', () => {
      const old = versioned(member('a', [0, 1]), 1)
      const { assignments } = assign({ ...input, members: [old, versioned(member('b', [2, 3]), 2)] })
      assert.deepEqual(assignments.get('a')!.floors, assignments.get('b')!.floors)
      assert.deepEqual(
        assignments.get('a')!.floors,
        new Map([
          ['t/0', 1],
          ['t/1', 1],
          ['t/2', 2],
          ['t/3', 2],
        ]),
      )
      const alone = versioned(member('a', [0, 1]), 1, assignments.get('a')!.floors as Map<string, number>)
      const left = assign({ ...input, members: [alone] }).assignments.get('a')!
      assert.deepEqual(left.partitions, [tp(0), tp(1)])
      assert.deepEqual(left.barred, [tp(2), tp(3)])
    })

    it('[8.2] leaves to members that know nothing of layouts what nobody with a layout has had', () => {
      const floors = new Map([['t/3', 1]])
      const of = given([versioned(member('a', [0]), undefined), versioned(member('b', [3]), 1, floors)])
      assert.ok(!of('a').includes(3))
      assert.equal(of('a').length + of('b').length, 4)
    })
  })
})
