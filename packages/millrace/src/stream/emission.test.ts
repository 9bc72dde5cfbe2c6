import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cron } from '../window/cron.ts'
import { afterCount, every } from './emission.ts'

describe('every()', () => {
  it('[5.8] a schedule goes by the wall clock', () => {
    const schedule = cron('0 6 * * *', { timeZone: 'Europe/Berlin' })
    assert.deepEqual(every(schedule), { kind: 'every', schedule, time: 'wall' })
    assert.throws(() => every(schedule, { time: 'event' }), /wall clock; leave/)
    assert.throws(() => every({} as never), TypeError)
  })
})

describe('afterCount()', () => {
  it('takes a whole number from 1', () => {
    assert.deepEqual(afterCount(3), { kind: 'count', records: 3, reset: false })
    for (const bad of [0, -1, 1.5, Number.NaN, '3'])
      assert.throws(() => afterCount(bad as number), {
        name: 'RangeError',
        message: /no whole number from 1/,
      })
  })
})
