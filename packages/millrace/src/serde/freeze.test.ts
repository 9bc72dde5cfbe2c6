import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { deepFreeze } from './freeze.ts'

function isDeepFrozen(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true
  return Object.isFrozen(value) && Object.values(value).every(isDeepFrozen)
}

describe('deepFreeze', () => {
  it('[5.4] freezes every object and array of a JSON value and changes nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        const text = JSON.stringify(value)
        assert.equal(deepFreeze(value), value)
        assert.ok(isDeepFrozen(value))
        assert.equal(JSON.stringify(value), text)
      }),
    )
    const value = deepFreeze({ list: [{ n: 1 }] })
    assert.throws(() => Object.assign(value.list[0]!, { n: 2 }), TypeError)
    assert.throws(() => value.list.push({ n: 3 }), TypeError)
  })

  it('[5.4] goes on behind what was frozen only on the surface', () => {
    const inner = { n: 1 }
    deepFreeze(Object.freeze([Object.freeze({ inner })]))
    assert.ok(Object.isFrozen(inner))
  })

  it('[5.4] ends on cycles and does not run out of stack', () => {
    const cycle: { self?: unknown; list: unknown[] } = { list: [] }
    cycle.self = cycle
    cycle.list.push(cycle)
    assert.ok(Object.isFrozen(deepFreeze(cycle).list))
    deepFreeze(cycle)

    let deep: unknown[] = []
    const innermost = deep
    for (let i = 0; i < 100_000; i++) deep = [deep]
    deepFreeze(deep)
    assert.ok(Object.isFrozen(innermost))
  })

  it('[5.4] freezes what lies under __proto__, constructor and toString, and no prototype', () => {
    const value = JSON.parse('{"__proto__":{"a":{}},"constructor":{},"toString":{}}')
    deepFreeze(value)
    assert.ok(isDeepFrozen(value))
    assert.equal(Object.isFrozen(Object.prototype), false)
  })

  it('leaves bytes and objects with a class of their own alone', () => {
    const value = { at: new Date(0), bytes: new Uint8Array(2), map: new Map() }
    deepFreeze(value)
    assert.ok(Object.isFrozen(value))
    for (const own of Object.values(value)) assert.equal(Object.isFrozen(own), false)
  })
})
