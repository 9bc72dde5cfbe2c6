import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { byteSize, counted, span, table } from './format.ts'
import { progressText } from './progress.ts'

describe('text for people', () => {
  it('counts with the noun in the right number', () => {
    assert.equal(counted(1, 'record'), '1 record')
    assert.equal(counted(12_345, 'record'), '12,345 records')
  })

  it('shows sizes in units of a thousand', () => {
    assert.deepEqual([0, 999, 1000, 1234, 999_999, 123_456_789].map(byteSize), [
      '0 B',
      '999 B',
      '1.0 kB',
      '1.2 kB',
      '1.0 MB',
      '123 MB',
    ])
    assert.equal(byteSize(undefined), '–')
  })

  it('shows spans with at most two units', () => {
    assert.deepEqual([0, 999, 1000, 9_949, 12_000, 200_000, 3_600_000, 604_800_000, 90_061_000].map(span), [
      '0 ms',
      '999 ms',
      '1.0 s',
      '9.9 s',
      '12s',
      '3m 20s',
      '1h',
      '7d',
      '1d 1h',
    ])
  })

  it('aligns the columns of a table', () => {
    const text = table(
      [{ title: 'TOPIC' }, { title: 'N', align: 'right' }],
      [
        ['a', '1'],
        ['longer', '1,000'],
      ],
    )
    assert.equal(text, 'TOPIC       N\na           1\nlonger  1,000\n')
  })

  it('shows rate and time left of work whose end is known', () => {
    const text = progressText({ done: 420, total: 1000, elapsedMs: 2000, what: 'records' })
    assert.equal(text, ' 42 %  420 of 1,000 records  210/s  2.8 s left')
  })

  it('shows the rate alone where no end is known', () => {
    assert.equal(
      progressText({ done: 420, total: undefined, elapsedMs: 2000, what: 'records' }),
      '420 records  210/s',
    )
  })
})
