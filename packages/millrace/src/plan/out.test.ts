import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Out, out } from './out.ts'

describe('out', () => {
  it('[5.7] carries a value and what it sets', () => {
    const result = out({ n: 1 }, { key: 'k', timestamp: 5 })
    assert.ok(result instanceof Out)
    assert.deepEqual([result.value, result.options], [{ n: 1 }, { key: 'k', timestamp: 5 }])
    assert.equal(out(null).value, null)
  })

  it('[5.7] refuses undefined, which is no value of a record', () => {
    assert.throws(() => out(undefined), /the value is undefined; give null for a tombstone/)
  })
})
