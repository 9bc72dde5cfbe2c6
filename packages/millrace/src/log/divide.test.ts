import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { assignUnits, type Unit, unitsOf } from './assignor.ts'
import { divide, type GroupCandidate } from './divide.ts'
import { eligibleFor, type Floors, highest, partitionName, raised } from './layouts.ts'

const topics = ['a', 'b', 'c']
const partitions = 4
const allUnits = (members: readonly GroupCandidate[]) =>
  unitsOf(
    members.flatMap(({ topicSets }) => topicSets),
    () => partitions,
  )

/** Members with or without versions of what lies behind some of the topics, that had some of the units before. */
const groups = fc
  .tuple(
    fc.array(
      fc.record({
        weight: fc.integer({ min: 1, max: 3 }),
        known: fc.subarray(topics, { minLength: 1 }),
        versions: fc.option(fc.record({ a: fc.nat(3), b: fc.nat(3) }), { nil: undefined }),
        previous: fc.subarray(topics.flatMap(topic => [0, 1, 2, 3].map(p => `${topic}/${p}`))),
      }),
      { minLength: 1, maxLength: 5 },
    ),
    fc.dictionary(fc.constantFrom('a/0', 'a/1', 'b/0', 'b/1', 'b/2', 'c/0'), fc.integer({ min: 1, max: 3 })),
  )
  .map(([specs, floors]) => ({
    members: specs.map(
      ({ weight, known, versions, previous }, i): GroupCandidate => ({
        memberId: `m${i}`,
        weight,
        topicSets: known.map(topic => [topic]),
        layouts: versions,
        previous,
      }),
    ),
    floors: new Map(Object.entries(floors)) as Floors,
  }))

const idsOf = (units: readonly Unit[] = []) => units.map(({ id }) => id)

describe('the division among members of different versions', () => {
  it('[8.2] gives each unit to one that may have it, if there is any, and names the others', () => {
    fc.assert(
      fc.property(groups, ({ members, floors }) => {
        const units = allUnits(members)
        const { targets, barred } = divide(units, members, floors)
        const owners = new Map(
          [...targets].flatMap(([id, given]) => given.map(unit => [unit.id, id] as const)),
        )
        assert.equal(owners.size, [...targets.values()].flat().length, 'each at most once')
        for (const unit of units) {
          const eligible = eligibleFor(unit, members, floors).map(i => members[i]!.memberId)
          const owner = owners.get(unit.id)
          if (owner !== undefined) assert.ok(eligible.includes(owner))
          else assert.deepEqual(eligible, [])
        }
        assert.deepEqual(
          barred.map(partitionName).sort(),
          units
            .filter(({ id }) => !owners.has(id))
            .flatMap(unit => unit.partitions.map(partitionName))
            .sort(),
        )
      }),
    )
  })

  it('[8.2] is in balance as far as that allows: nobody could give a unit to one who has less for its weight', () => {
    fc.assert(
      fc.property(groups, ({ members, floors }) => {
        const units = allUnits(members)
        const { targets } = divide(units, members, floors)
        const load = (i: number) => targets.get(members[i]!.memberId)!.length
        for (const unit of units) {
          const eligible = eligibleFor(unit, members, floors)
          const owner = eligible.find(i => targets.get(members[i]!.memberId)!.includes(unit))
          for (const other of owner === undefined ? [] : eligible)
            if (other !== owner)
              assert.ok(
                load(owner!) * members[other]!.weight <= (load(other) + 1) * members[owner!]!.weight,
                `${unit.id} could go from ${owner} to ${other}`,
              )
        }
      }),
    )
  })

  it('[8.2] moves nothing when it is made again, in whatever order the members are named', () => {
    fc.assert(
      fc.property(groups, ({ members, floors }) => {
        const units = allUnits(members)
        const { targets } = divide(units, members, floors)
        const again = members.map(member => ({ ...member, previous: idsOf(targets.get(member.memberId)) }))
        const second = divide(units, again.reverse(), floors).targets
        for (const { memberId } of members)
          assert.deepEqual(idsOf(second.get(memberId)).sort(), idsOf(targets.get(memberId)).sort())
      }),
    )
  })

  it('is that of the assignor where everyone may have everything', () => {
    fc.assert(
      fc.property(groups, ({ members }) => {
        const equal = members.map(member => ({
          ...member,
          topicSets: topics.map(topic => [topic]),
          layouts: { a: 1 },
        }))
        const units = allUnits(equal)
        const { targets } = divide(units, equal, new Map())
        const assigned = assignUnits(
          units.map(({ id }) => id),
          equal,
        )
        assert.deepEqual(new Map([...targets].map(([id, given]) => [id, idsOf(given)])), assigned)
      }),
    )
  })

  it('[8.2] never gives an older one what a newer one has had, over any course of a rolling restart', () => {
    const steps = fc.array(fc.record({ member: fc.nat(3), version: fc.integer({ min: 0, max: 2 }) }), {
      maxLength: 30,
    })
    fc.assert(
      fc.property(steps, course => {
        let floors: Floors = new Map()
        const newest = new Map<string, number>()
        const members = new Map<number, GroupCandidate>()
        for (const { member, version } of course) {
          const before = members.get(member)?.previous ?? []
          if (version === 0) members.delete(member)
          else
            members.set(member, {
              memberId: `m${member}`,
              weight: 1,
              topicSets: [['a']],
              layouts: { a: version },
              previous: before,
            })
          const { targets } = divide(allUnits([...members.values()]), [...members.values()], floors)
          for (const [i, each] of members) {
            const given = targets.get(each.memberId)!
            members.set(i, { ...each, previous: idsOf(given) })
            for (const { id } of given) {
              assert.ok((newest.get(id) ?? 0) <= each.layouts!.a!, `${id} went back`)
              newest.set(id, each.layouts!.a!)
            }
            floors = raised(
              floors,
              given.flatMap(unit => unit.partitions),
              each.layouts,
            )
          }
        }
      }),
    )
  })

  it('[8.2] gives a topic that only newer code reads to newer code, and one that only older code reads to older code', () => {
    const member = (memberId: string, sets: string[]): GroupCandidate => ({
      memberId,
      weight: 1,
      topicSets: sets.map(topic => [topic]),
      layouts: {},
      previous: [],
    })
    const members = [member('old', ['a', 'b']), member('new', ['a', 'c'])]
    const { targets, barred } = divide(allUnits(members), members, new Map())
    const topicsOf = (id: string) => new Set(idsOf(targets.get(id)).map(unit => unit[0]))
    assert.ok(!topicsOf('old').has('c') && topicsOf('old').has('b'))
    assert.ok(!topicsOf('new').has('b') && topicsOf('new').has('c'))
    assert.deepEqual(barred, [])
    const left = [members[1]!]
    assert.deepEqual(divide(allUnits(left), left, new Map()).barred, [])
  })

  it('[8.2] leaves nothing to nobody where versions join topics in other ways', () => {
    const member = (memberId: string, set: string[]): GroupCandidate => ({
      memberId,
      weight: 1,
      topicSets: [set],
      previous: [],
    })
    for (const sets of [
      [['a'], ['a', 'b']],
      [
        ['a', 'b'],
        ['b', 'c'],
      ],
    ]) {
      const members = sets.map((set, i) => member(`m${i}`, set))
      assert.deepEqual(divide(allUnits(members), members, new Map()).barred, [])
    }
  })

  it('[8.2] bars who is older than anything that is known here', () => {
    const [old] = ['old'].map(memberId => ({
      memberId,
      weight: 1,
      topicSets: [['a'], ['b']],
      layouts: { a: 0, b: 1 },
      previous: ['a/0'],
    }))
    const { targets, barred } = divide(allUnits([old!]), [old!], new Map())
    assert.deepEqual(idsOf(targets.get('old')), ['b/0', 'b/1', 'b/2', 'b/3'])
    assert.equal(barred.length, partitions)
  })
})

describe('floors', () => {
  it('never get lower', () => {
    const floors = raised(new Map([['a/0', 3]]), [{ topic: 'a', partition: 0 }], { a: 2 })
    assert.deepEqual(floors, new Map([['a/0', 3]]))
    assert.deepEqual(highest([floors, new Map([['a/0', 1]]), new Map([['b/1', 4]])]).get('a/0'), 3)
  })
})
