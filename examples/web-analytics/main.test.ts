import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { analyseOnce } from './analyse.ts'
import { openLogFile } from './log-file.ts'
import { inDirectory } from './where.ts'

const main = join(import.meta.dirname, 'main.ts')

interface Ended {
  readonly pid: number
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
  return { pid: child.pid!, code, signal, stdout, stderr }
}

/** Sends a signal once that many hours have been shown. */
const afterHours = (hours: number, signal: NodeJS.Signals) => (child: ChildProcess, said: string) => {
  if (said.split('\n').length > hours + 1 && !child.killed) child.kill(signal)
}

describe('npm start', { concurrency: true }, () => {
  let directory: string
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'main-'))
  })
  after(() => rm(directory, { recursive: true }))

  it('shows the whole report after kill -9, after Ctrl-C, and when it is started again', async () => {
    const data = join(directory, 'data')
    const log = join(directory, 'log')
    // Every fourth line: all hours, in a quarter of the time.
    const lines = (await readFile(join(import.meta.dirname, 'data', 'apache_access.log'), 'utf8')).split('\n')
    await writeFile(log, lines.filter((_, i) => i % 4 === 0).join('\n'))
    const live = ['--json', '--log', log, '--data', data, '--speed']
    const killed = await run([...live, '40'], afterHours(5, 'SIGKILL'))
    assert.deepEqual([killed.signal, killed.stdout], ['SIGKILL', ''])

    const interrupted = await run([...live, '40'], afterHours(30, 'SIGINT'))
    assert.deepEqual([interrupted.code, interrupted.stdout], [130, ''])
    assert.match(interrupted.stderr, /^Going on in .*\nInterrupted\n$/s)

    const resumed = await run([...live, '1000'])
    assert.match(resumed.stderr, /^Going on in /)
    assert.equal(resumed.code, 0)
    const batch = await analyseOnce(await openLogFile(log), inDirectory(join(directory, 'batch')))
    assert.deepEqual(JSON.parse(resumed.stdout), JSON.parse(JSON.stringify(batch)))

    const again = await run([...live, '1000'])
    assert.match(again.stderr, /^A new run in /)
    assert.equal(again.stdout, resumed.stdout)
  })

  it('does not share its data with a second one, which says who has them and ends with 2', async () => {
    const live = ['--json', '--data', join(directory, 'shared')]
    let second: Promise<Ended> | undefined
    const first = await run(live, child => {
      second ??= run(live).finally(() => child.kill('SIGINT'))
    })
    const { code, stdout, stderr } = await second!
    assert.deepEqual([first.code, code, stdout], [130, 2, ''], stderr)
    assert.match(stderr, new RegExp(`^Process ${first.pid} replays in .*shared .*--data OTHER_DIRECTORY\n$`))
  })

  it('says what is wrong with the command line, or with the log', async () => {
    const failures: [args: string[], code: number, message: RegExp][] = [
      [['--speeed', '2'], 2, /--speeed.*--help/],
      [['--speed', 'fast'], 2, /--speed fast: give a number/],
      [['--speed', '0'], 2, /--speed 0: give a number/],
      [['--shuffle', 'much'], 2, /--shuffle much: give a span/],
      [['--once', '--log', join(directory, 'none')], 1, /no such file/],
    ]
    const all = failures.map(async ([args, code, message]) => {
      const ended = await run(args)
      assert.equal(ended.code, code, ended.stderr)
      assert.match(ended.stderr, message)
      assert.equal(ended.stdout, '')
    })
    await Promise.all(all)
    const help = await run(['--help'])
    assert.deepEqual([help.code, help.stderr], [0, ''])
    assert.match(help.stdout, /--shuffle SPAN/)
  })
})
