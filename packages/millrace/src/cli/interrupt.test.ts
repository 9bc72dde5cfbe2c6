import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { describe, it } from 'node:test'
import { VirtualClock } from '../std/clock.ts'
import { ExitCode } from './exit-codes.ts'
import { Interrupt, listenToSignals } from './interrupt.ts'
import { watchParent } from './parent.ts'

function listening() {
  const source = new EventEmitter()
  const clock = new VirtualClock()
  const interrupt = new Interrupt()
  const told: string[] = []
  listenToSignals(source, interrupt, {
    now: () => clock.monotonic(),
    onFirst: exitCode => told.push(`first ${exitCode}`),
    onSecond: exitCode => told.push(`second ${exitCode}`),
  })
  return { source, clock, interrupt, told }
}

describe('signals', () => {
  it('ask for a stop at the first, and end the process at the second', () => {
    const { source, clock, interrupt, told } = listening()
    source.emit('SIGINT')
    assert.equal(interrupt.exitCode, ExitCode.interrupted)
    assert.equal(interrupt.signal.aborted, true)
    clock.advance(1000)
    source.emit('SIGINT')
    assert.deepEqual(told, ['first 130', 'second 130'])
  })

  it('answer SIGTERM with 143', () => {
    const { source, interrupt } = listening()
    source.emit('SIGTERM')
    assert.equal(interrupt.exitCode, 143)
  })

  it('count a Ctrl-C that npm passes on at once as the same one', () => {
    const { source, clock, told } = listening()
    source.emit('SIGINT')
    clock.advance(20)
    source.emit('SIGINT')
    assert.deepEqual(told, ['first 130'])
  })

  it('ask for a stop when the channel to the parent closes', () => {
    const { source, interrupt } = listening()
    source.emit('disconnect')
    assert.equal(interrupt.exitCode, ExitCode.terminated)
  })
})

describe('watching the parent', () => {
  it('asks for a stop when the parent is another one', () => {
    const clock = new VirtualClock()
    const interrupt = new Interrupt()
    let parent = 40
    watchParent(
      clock,
      interrupt,
      () => parent,
      () => 30,
    )
    clock.advance(5_000)
    assert.equal(interrupt.isRequested, false)
    parent = 1
    clock.advance(1_000)
    assert.equal(interrupt.exitCode, ExitCode.terminated)
  })

  it("asks for a stop when the parent's parent is gone, as with npm behind a shell", () => {
    const clock = new VirtualClock()
    const interrupt = new Interrupt()
    let npm = 30
    const end = watchParent(
      clock,
      interrupt,
      () => 40,
      () => npm,
    )
    npm = 1
    clock.advance(1_000)
    assert.equal(interrupt.isRequested, true)
    end()
    assert.equal(clock.pending, 0)
  })
})
