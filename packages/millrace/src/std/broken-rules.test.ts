import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { brokenRules } from './broken-rules.ts'

describe('broken rules', () => {
  it('names each rule of the variable', () => {
    assert.deepEqual([...brokenRules('file:///x/broken-rules.ts', '3.4, 9.1')], ['3.4', '9.1'])
  })

  it('breaks nothing without the variable', () => {
    assert.equal(brokenRules('file:///x/broken-rules.ts', undefined).size, 0)
    assert.equal(brokenRules('file:///x/broken-rules.ts', '').size, 0)
  })

  it('breaks nothing in the built package', () => {
    assert.equal(brokenRules('file:///x/broken-rules.js', '3.4').size, 0)
  })
})
