import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { assignUnits, type Candidate, unitsOf } from './assignor.ts'

const units = (count: number) => Array.from({ length: count }, (_, i) => `u${i}`)

/** How many units stay under the best of all balanced divisions, by trying every one. */
function mostKept(count: number, members: readonly Candidate[], held: readonly number[]): number {
  const total = members.reduce((sum, member) => sum + member.weight, 0)
  const floors = members.map(member => Math.floor((count * member.weight) / total))
  const fractional = members.map(member => (count * member.weight) % total > 0)
  const extras = count - floors.reduce((sum, floor) => sum + floor, 0)
  let best = 0
  for (let choice = 0; choice < 1 << members.length; choice++) {
    const up = members.map((_, i) => (choice >> i) & 1)
    if (up.reduce((sum, one) => sum + one, 0) !== extras || up.some((one, i) => one === 1 && !fractional[i]))
      continue
    best = Math.max(
      best,
      held.reduce((sum, has, i) => sum + Math.min(has, floors[i]! + up[i]!), 0),
    )
  }
  return best
}

describe('the division of units with state', () => {
  const units = ['0', '1', '2', '3']

  it('gives what is free to who has a copy of it', () => {
    const given = assignUnits(units, [
      { memberId: 'a', weight: 1, previous: [], warm: ['2', '3'] },
      { memberId: 'b', weight: 1, previous: [], warm: ['0', '3'] },
    ])
    assert.deepEqual(
      [...given],
      [
        ['a', ['2', '3']],
        ['b', ['0', '1']],
      ],
    )
  })

  it('moves what the newcomer has a copy of', () => {
    const all = { memberId: 'a', weight: 1, previous: units, warm: [] }
    const given = assignUnits(units, [all, { memberId: 'b', weight: 1, previous: [], warm: ['0', '2'] }])
    assert.deepEqual(
      [...given],
      [
        ['a', ['1', '3']],
        ['b', ['0', '2']],
      ],
    )
  })

  it('moves nothing for the sake of a copy', () => {
    const given = assignUnits(units, [
      { memberId: 'a', weight: 1, previous: ['0', '1'], warm: ['2', '3'] },
      { memberId: 'b', weight: 1, previous: ['2', '3'], warm: ['0', '1'] },
    ])
    assert.deepEqual(
      [...given],
      [
        ['a', ['0', '1']],
        ['b', ['2', '3']],
      ],
    )
  })
})

describe('the assignor', () => {
  it('gives every unit to one member, in balance, and moves as few as can be', () => {
    const member = fc.record({ weight: fc.integer({ min: 1, max: 4 }) })
    const group = fc.tuple(
      fc.integer({ min: 0, max: 20 }),
      fc.array(member, { minLength: 1, maxLength: 5 }),
      fc.infiniteStream(fc.nat()),
    )
    fc.assert(
      fc.property(group, ([count, weights, owners]) => {
        const all = units(count)
        const owner = all.map(() => (owners.next().value as number) % (weights.length + 1))
        const members = weights.map(({ weight }, i) => ({
          memberId: `m${i}`,
          weight,
          previous: [...all.filter((_, u) => owner[u] === i), 'gone'],
        }))
        const assigned = assignUnits(all, members)
        assert.deepEqual([...assigned.values()].flat().sort(), [...all].sort())
        const total = members.reduce((sum, { weight }) => sum + weight, 0)
        for (const { memberId, weight } of members) {
          assert.ok(Math.abs(assigned.get(memberId)!.length - (count * weight) / total) < 1)
        }
        const held = members.map(({ previous }) => previous.length - 1)
        const kept = members.reduce(
          (sum, { memberId, previous }) =>
            sum + assigned.get(memberId)!.filter(unit => previous.includes(unit)).length,
          0,
        )
        assert.equal(kept, mostKept(count, members, held))
        assert.deepEqual(assignUnits(all, [...members].reverse()), assigned)
      }),
    )
  })

  it('spreads each set of topics over all members', () => {
    const all = unitsOf([['a'], ['b']], () => 4)
    const members = ['x', 'y'].map(memberId => ({ memberId, weight: 1, previous: [] }))
    for (const given of assignUnits(
      all.map(unit => unit.id),
      members,
    ).values()) {
      assert.equal(given.filter(id => id.startsWith('a')).length, 2)
    }
  })

  it('gives nothing to nobody', () => {
    assert.equal(assignUnits(units(3), []).size, 0)
  })
})

describe('units', () => {
  const counts: Record<string, number> = { a: 2, b: 2, c: 1 }
  const partitionsOf = (topic: string) => counts[topic] ?? 0

  it('hold the same partition of every topic of a set', () => {
    const [first, second] = unitsOf([['a', 'b']], partitionsOf)
    assert.deepEqual(first!.partitions, [
      { topic: 'a', partition: 0 },
      { topic: 'b', partition: 0 },
    ])
    assert.deepEqual(second!.partitions, [
      { topic: 'a', partition: 1 },
      { topic: 'b', partition: 1 },
    ])
  })

  it('of sets that share a topic are one, so that no partition has two owners', () => {
    const found = unitsOf([['a'], ['c'], ['a', 'b'], ['b']], partitionsOf)
    assert.deepEqual(
      found.map(unit => unit.id),
      ['a+b/0', 'a+b/1', 'c/0'],
    )
  })

  it('keep their name when a topic of the set is created later', () => {
    const [unit] = unitsOf([['a', 'later']], partitionsOf)
    assert.deepEqual([unit!.id, unit!.partitions.length], ['a+later/0', 1])
  })
})
