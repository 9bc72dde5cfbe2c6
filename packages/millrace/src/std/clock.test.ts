import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock, VirtualClock } from './clock.ts'

describe('a virtual clock', () => {
  it('calls what falls due in the order of the times, each at its own time', () => {
    const clock = new VirtualClock(1000)
    const calls: string[] = []
    const note = (name: string) => () => calls.push(`${name} at ${clock.now()}, ${clock.monotonic()}`)
    clock.after(20, note('late'))
    clock.after(10, note('first'))
    clock.after(10, () => {
      note('second')()
      clock.after(5, note('nested'))
    })
    clock.after(31, note('never'))
    clock.advance(30)
    assert.deepEqual(calls, [
      'first at 1010, 10',
      'second at 1010, 10',
      'nested at 1015, 15',
      'late at 1020, 20',
    ])
    assert.deepEqual([clock.now(), clock.monotonic(), clock.pending, clock.nextInMs], [1030, 30, 1, 1])
  })

  it('does not call what was cancelled', () => {
    const clock = new VirtualClock()
    let calls = 0
    clock.after(10, () => calls++)()
    clock.advance(20)
    assert.deepEqual([calls, clock.pending], [0, 0])
  })
})

describe('the system clock', () => {
  it('calls once, and not after a cancel', async () => {
    const before = systemClock.monotonic()
    const cancel = systemClock.after(1, () => assert.fail('cancelled'))
    cancel()
    await new Promise<void>(resolve => systemClock.after(2, resolve))
    assert.ok(systemClock.monotonic() - before >= 1)
    assert.ok(Math.abs(systemClock.now() - Date.now()) < 1000)
  })

  it('does not fire at once for a delay beyond 2^31 ms', async () => {
    const cancel = systemClock.after(2 ** 31 + 5, () => assert.fail('fired'))
    await new Promise<void>(resolve => systemClock.after(3, resolve))
    cancel()
  })
})
