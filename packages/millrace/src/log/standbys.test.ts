import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assignUnits } from './assignor.ts'
import { placeStandbys, type StandbyCandidate } from './standbys.ts'

function member(memberId: string, rest: Partial<StandbyCandidate> = {}): StandbyCandidate {
  return { memberId, host: memberId, weight: 1, warm: new Set(), ...rest }
}

const units = ['0', '1', '2', '3', '4', '5']
const ownedBy = (...owners: string[]) => new Map(units.map((unit, i) => [unit, owners[i]!]))
const placed = (given: Map<string, string[]>) => Object.fromEntries(given)

describe('the places of copies', () => {
  it('are never with the owner, and those of one member lie on all others', () => {
    const owners = ownedBy('a', 'a', 'b', 'b', 'c', 'c')
    const given = placeStandbys(
      units,
      1,
      owners,
      ['a', 'b', 'c'].map(id => member(id)),
    )
    for (const [memberId, copies] of given)
      for (const unit of copies) assert.notEqual(owners.get(unit), memberId)
    for (const owner of ['a', 'b', 'c']) {
      const keepers = [...given].filter(([, copies]) => copies.some(unit => owners.get(unit) === owner))
      assert.equal(keepers.length, 2, `those of ${owner}`)
    }
    assert.deepEqual(
      [...given.values()].map(({ length }) => length),
      [2, 2, 2],
    )
  })

  it('are as many as are wanted, or as there are members', () => {
    const owners = ownedBy('a', 'a', 'a', 'b', 'b', 'b')
    const two = placeStandbys(units, 2, owners, [member('a'), member('b')])
    assert.deepEqual(placed(two), { a: ['3', '4', '5'], b: ['0', '1', '2'] })
    assert.deepEqual(placed(placeStandbys(units, 1, ownedBy('a', 'a', 'a', 'a', 'a', 'a'), [member('a')])), {
      a: [],
    })
  })

  it('stay where they are', () => {
    const owners = ownedBy('a', 'a', 'a', 'a', 'a', 'a')
    const warm = new Set(units)
    const given = placeStandbys(units, 1, owners, [member('a'), member('b'), member('c', { warm })])
    assert.deepEqual(placed(given), { a: [], b: [], c: units })
  })

  it('are on another machine where there is one, even if one of this has them', () => {
    const owners = ownedBy('a', 'a', 'a', 'a', 'a', 'a')
    const warm = new Set(units)
    const here = { host: 'h' }
    const given = placeStandbys(units, 1, owners, [
      member('a', here),
      member('b', { ...here, warm }),
      member('c'),
    ])
    assert.deepEqual(placed(given), { a: [], b: [], c: units })
  })

  it('are where the units of a vanished member go', () => {
    const owners = ownedBy('a', 'a', 'b', 'b', 'c', 'c')
    const given = placeStandbys(
      units,
      1,
      owners,
      ['a', 'b', 'c'].map(id => member(id)),
    )
    const left = ['b', 'c'].map(memberId => ({
      memberId,
      weight: 1,
      previous: units.filter(unit => owners.get(unit) === memberId),
      warm: given.get(memberId)!,
    }))
    const after = assignUnits(units, left)
    for (const unit of ['0', '1']) {
      const keeper = [...given].find(([, copies]) => copies.includes(unit))![0]
      assert.ok(after.get(keeper)!.includes(unit), `unit ${unit} goes to its copy on ${keeper}`)
    }
  })
})
