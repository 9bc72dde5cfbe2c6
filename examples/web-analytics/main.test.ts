import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'

const main = join(import.meta.dirname, 'main.ts')

interface Ended {
  readonly code: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the program; `meanwhile` gets the child and what it has said on stderr so far. */
async function run(args: string[], meanwhile?: (child: ChildProcess, said: string) => void): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', chunk => {
    stderr += chunk
    meanwhile?.(child, stderr)
  })
  const [stdout, [code, signal]] = await Promise.all([text(child.stdout), once(child, 'close')])
  return { code, signal, stdout, stderr }
}

/** Sends a signal once that many hours have been shown. */
const afterHours = (hours: number, signal: NodeJS.Signals) => (child: ChildProcess, said: string) => {
  if (said.split('\n').length > hours + 1 && !child.killed) child.kill(signal)
}

describe('npm start', () => {
  let data: string
  before(async () => {
    data = await mkdtemp(join(tmpdir(), 'main-'))
  })
  after(() => rm(data, { recursive: true }))

  it('shows the whole report after kill -9, after Ctrl-C, and when it is started again', async () => {
    const live = ['--json', '--data', data, '--speed']
    const killed = await run([...live, '40'], afterHours(5, 'SIGKILL'))
    assert.deepEqual([killed.signal, killed.stdout], ['SIGKILL', ''])

    const interrupted = await run([...live, '40'], afterHours(30, 'SIGINT'))
    assert.deepEqual([interrupted.code, interrupted.stdout], [130, ''])
    assert.match(interrupted.stderr, /^Going on in .*\nInterrupted\n$/s)

    const [resumed, batch] = await Promise.all([run([...live, '1000']), run(['--once', '--json'])])
    assert.match(resumed.stderr, /^Going on in /)
    assert.deepEqual([resumed.code, batch.code], [0, 0])
    assert.equal(resumed.stdout, batch.stdout)

    const again = await run([...live, '1000'])
    assert.match(again.stderr, /^A new run in /)
    assert.equal(again.stdout, batch.stdout)
  })

  it('says what is wrong with the command line, or with the log', async () => {
    const failures: [args: string[], code: number, message: RegExp][] = [
      [['--speeed', '2'], 2, /--speeed.*--help/],
      [['--speed', 'fast'], 2, /--speed fast: give a number/],
      [['--speed', '0'], 2, /--speed 0: give a number/],
      [['--shuffle', 'much'], 2, /--shuffle much: give a span/],
      [['--once', '--log', join(data, 'none')], 1, /no such file/],
    ]
    for (const [args, code, message] of failures) {
      const ended = await run(args)
      assert.equal(ended.code, code, ended.stderr)
      assert.match(ended.stderr, message)
      assert.equal(ended.stdout, '')
    }
    const help = await run(['--help'])
    assert.deepEqual([help.code, help.stderr], [0, ''])
    assert.match(help.stdout, /--shuffle SPAN/)
  })
})
