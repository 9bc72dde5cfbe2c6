import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { describe, it } from 'node:test'
import type { App } from '../runtime/app.ts'
import { VirtualClock } from '../std/clock.ts'
import { CliError } from './cli-error.ts'
import { Progress } from './progress.ts'
import { watchRestores } from './run/watch-restores.ts'
import { Terminal } from './terminal.ts'
import { testTerminal } from './testkit/command-line.ts'
import { quietWarnings } from './warnings.ts'

/** An app that restores `done` of 1000 records; nothing when undefined. */
function restoringApp(state: { done: number | undefined }): App {
  const health = () => {
    const { done } = state
    const restoring = done === undefined ? [] : [{ task: 'a/0', done, total: 1000 }]
    return { status: 'running', pipelines: [{ name: 'a', tasks: [], restoring }] } as const
  }
  return { health } as unknown as App
}

describe('the progress of restores', () => {
  it('is a line every 5 s where there is no terminal', () => {
    const { terminal, stderr } = testTerminal()
    const clock = new VirtualClock()
    const state: { done: number | undefined } = { done: 0 }
    const stop = watchRestores({ terminal, clock }, restoringApp(state))
    clock.advance(4_000)
    assert.equal(stderr(), '')
    state.done = 500
    clock.advance(2_000)
    assert.match(stderr(), /^Restoring state: {2}50 % {2}500 of 1,000 records of state .*\n$/)
    const said = stderr()
    state.done = undefined
    clock.advance(10_000)
    assert.equal(stderr(), said)
    stop()
  })

  it('is a bar on a terminal, and none when nothing takes long', () => {
    const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 80 })
    const terminal = new Terminal(new PassThrough(), stderr)
    const clock = new VirtualClock()
    const state: { done: number | undefined } = { done: 250 }
    const stop = watchRestores({ terminal, clock }, restoringApp(state))
    clock.advance(1_000)
    assert.match(String(stderr.read()), /25 % {2}250 of 1,000 records of state/)
    state.done = undefined
    clock.advance(1_000)
    stderr.read()
    state.done = 250
    clock.advance(200)
    state.done = undefined
    clock.advance(1_000)
    assert.equal(stderr.read(), null)
    stop()
  })
})

describe('the terminal', () => {
  it('shows an error with its place, its line and what to try', () => {
    const { terminal, stdout, stderr } = testTerminal()
    terminal.error(new CliError('It is wrong', { place: 'a.ts:1:2', excerpt: '1 | x', wayOut: 'y' }))
    assert.equal(stderr(), 'Error: It is wrong\n    at a.ts:1:2\n\n    1 | x\n\n  Try: y\n')
    assert.equal(stdout(), '')
  })

  it('keeps progress off a stream that is no terminal', () => {
    const { terminal, stderr } = testTerminal()
    const clock = new VirtualClock()
    const progress = new Progress(terminal, clock, 'records', 100)
    clock.advance(1_000)
    progress.update(50)
    progress.end()
    assert.equal(stderr(), '')
    assert.equal(progress.summary(), '50 records in 1.0 s (50/s)')
  })

  it('keeps progress on the last line, below what is said meanwhile', () => {
    const stderr = Object.assign(new PassThrough(), { isTTY: true, columns: 60 })
    const terminal = new Terminal(new PassThrough(), stderr)
    const clock = new VirtualClock()
    const progress = new Progress(terminal, clock, 'records', 100)
    progress.update(1)
    clock.advance(1_000)
    progress.update(50)
    terminal.say('by the way')
    progress.end()
    const text = String(stderr.read()).replaceAll('\x1b', '^')
    const line = ' 50 %  50 of 100 records  50/s  1.0 s left'
    assert.equal(text, `${line}\r^[Kby the way\n${line}\r^[K`)
  })

  it('goes on quietly when nobody reads the results any more', async () => {
    const stdout = new PassThrough({ highWaterMark: 1 })
    const terminal = new Terminal(stdout, new PassThrough())
    const waiting = terminal.result('much')
    stdout.destroy(Object.assign(new Error('broken pipe'), { code: 'EPIPE' }))
    await waiting
    assert.equal(terminal.isClosed, true)
    await terminal.result('more')
    await terminal.flush()
  })
})

describe("Node's warnings", () => {
  it('are put in words where the user can do something, once', () => {
    const { terminal, stderr } = testTerminal()
    const listeners: ((warning: Error) => void)[] = []
    const source = {
      on: (_: string, listener: (warning: Error) => void) => listeners.push(listener),
      removeAllListeners: () => {},
    }
    quietWarnings(source as unknown as NodeJS.Process, terminal)
    const warn = (name: string, message: string, code?: string) =>
      listeners[0]!(Object.assign(new Error(message), { name, code }))
    warn('Warning', 'Module type of x is not specified', 'MODULE_TYPELESS_PACKAGE_JSON')
    warn('Warning', 'Module type of x is not specified', 'MODULE_TYPELESS_PACKAGE_JSON')
    warn('ExperimentalWarning', 'SQLite is an experimental feature')
    warn('Warning', 'Failed to load the ES module: /a.ts.')
    assert.match(
      stderr(),
      /^Warning: package\.json does not say .* Try: "type": "module" in package\.json\n$/,
    )
  })
})
