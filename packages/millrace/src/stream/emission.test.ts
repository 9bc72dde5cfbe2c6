import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cron } from '../window/cron.ts'
import { every } from './emission.ts'

describe('every()', () => {
  it('[5.8] a schedule goes by the wall clock', () => {
    const schedule = cron('0 6 * * *', { timeZone: 'Europe/Berlin' })
    assert.deepEqual(every(schedule), { kind: 'every', schedule, time: 'wall' })
    assert.throws(() => every(schedule, { time: 'event' }), /wall clock; leave/)
    assert.throws(() => every({} as never), TypeError)
  })
})
