import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '../std/clock.ts'
import { Offences } from './offences.ts'

const task = { pipeline: 'p', task: 'orders/1', place: 'orders/1', offset: 7 }

describe('threads that end', () => {
  it('[1.3] are replaced later and later, and not after the third time in one task', () => {
    const offences = new Offences(new VirtualClock(), 1_000)
    assert.deepEqual(offences.note(0, task), { kind: 'again', afterMs: 20 })
    assert.deepEqual(offences.note(0, { ...task, task: 'orders/2' }), { kind: 'again', afterMs: 20 })
    assert.deepEqual(offences.note(1, { ...task, offset: 9 }), { kind: 'again', afterMs: 40 })
    assert.deepEqual(offences.note(0, task), { kind: 'stop', times: 3 })
  })

  it('[1.3] are forgotten after a quiet time', () => {
    const clock = new VirtualClock()
    const offences = new Offences(clock, 1_000)
    for (let i = 0; i < 20; i++) {
      assert.equal(offences.note(0, task).kind, 'again')
      clock.advance(1_000)
    }
  })

  it('[1.3] for no known reason are replaced ten times less one', () => {
    const offences = new Offences(new VirtualClock(), 1_000)
    const kinds = Array.from({ length: 10 }, () => offences.note(0, undefined).kind)
    assert.deepEqual(kinds, [...Array.from({ length: 9 }, () => 'again'), 'stop'])
  })
})
