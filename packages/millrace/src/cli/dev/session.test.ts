import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualClock } from '../../std/clock.ts'
import { testTerminal } from '../testkit/command-line.ts'
import type { ChildHandle } from './child-handle.ts'
import type { FromChild, ToChild } from './messages.ts'
import { DevSession } from './session.ts'

/** Children that note what they are told; `plans` says what each refuses, in the order they are made. */
function session(plans: readonly ('load' | 'start' | 'ok')[]) {
  const story: string[] = []
  const troubles: ((what: 'failed' | 'ended') => void)[] = []
  const { terminal, stderr } = testTerminal()
  let made = 0
  const fork = (): ChildHandle => {
    const name = `c${++made}`
    const plan = plans[made - 1]!
    return {
      async ask(message: ToChild): Promise<FromChild> {
        story.push(`${name} ${message.kind}`)
        if (message.kind === 'load')
          return plan === 'load'
            ? { kind: 'refused', files: [`${name}.ts`] }
            : { kind: 'loaded', pipelines: ['p'], files: [`${name}.ts`] }
        if (message.kind === 'start') return { kind: plan === 'start' ? 'start-failed' : 'started' }
        return { kind: 'stopped' }
      },
      exit: async () => void story.push(`${name} exit`),
      kill: () => void story.push(`${name} kill`),
      onTrouble: listener => void troubles.push(listener),
    }
  }
  const watched: string[] = []
  const dev = new DevSession({
    terminal,
    clock: new VirtualClock(),
    cwd: '/',
    options: {
      app: 'a',
      data: '/d',
      instance: undefined,
      standbys: undefined,
      threads: undefined,
      guarantee: undefined,
      commitIntervalMs: undefined,
      stopTimeoutMs: 1,
      createTopics: undefined,
      rollback: undefined,
      config: undefined,
    },
    pipelineFiles: () => ['/p.ts'],
    fork,
    onFiles: files => watched.push(...files),
  })
  return { dev, story, stderr, watched, troubles }
}

describe('a dev session', () => {
  it('[8.2] starts a new process only when it has loaded and the old one has drained and committed', async () => {
    const { dev, story, stderr } = session(['ok', 'ok'])
    await dev.reload()
    await dev.reload()
    assert.deepEqual(story, ['c1 load', 'c1 start', 'c2 load', 'c1 stop', 'c2 start', 'c1 exit'])
    assert.match(stderr(), /Running p.*\nReloaded p/s)
  })

  it('[8.2] keeps the old process when the new one does not load', async () => {
    const { dev, story, stderr, watched } = session(['ok', 'load', 'ok'])
    await dev.reload()
    await dev.reload()
    assert.deepEqual(story.slice(2), ['c2 load', 'c2 kill'])
    assert.match(stderr(), /The old version stays until a file changes/)
    assert.deepEqual(watched, ['c1.ts', 'c2.ts'])
    await dev.reload()
    assert.deepEqual(story.slice(4), ['c3 load', 'c1 stop', 'c3 start', 'c1 exit'])
  })

  it('[8.2] lets the old process take over again when the new one does not start', async () => {
    const { dev, story } = session(['ok', 'start'])
    await dev.reload()
    await dev.reload()
    assert.deepEqual(story.slice(2), ['c2 load', 'c1 stop', 'c2 start', 'c2 kill', 'c1 start'])
  })

  it('loads the newest of several changes that come at once', async () => {
    const { dev, story } = session(['ok', 'ok'])
    const first = dev.reload()
    const second = dev.reload()
    await Promise.all([first, second])
    assert.deepEqual(story, ['c1 load', 'c1 kill', 'c2 load', 'c2 start'])
  })

  it('waits for a change after the first version did not load', async () => {
    const { dev, story, stderr } = session(['load', 'ok'])
    await dev.reload()
    assert.match(stderr(), /Nothing runs until a file changes/)
    await dev.reload()
    assert.deepEqual(story.slice(2), ['c2 load', 'c2 start'])
  })

  it('lets the running process drain when it stops', async () => {
    const { dev, story } = session(['ok'])
    await dev.reload()
    await dev.stop()
    assert.equal(story.at(-1), 'c1 exit')
  })

  it('says so when the running process ends by itself, and starts anew at the next change', async () => {
    const { dev, story, stderr, troubles } = session(['ok', 'ok'])
    await dev.reload()
    troubles[0]!('ended')
    assert.match(stderr(), /ended by itself/)
    await dev.reload()
    assert.deepEqual(story.slice(2), ['c2 load', 'c2 start'])
  })
})
