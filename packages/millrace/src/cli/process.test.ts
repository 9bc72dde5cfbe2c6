import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { commandLine } from './testkit/command-line.ts'
import { CliProcess } from './testkit/process.ts'
import { testProject } from './testkit/project.ts'
import { SHOP, viewLines } from './testkit/shop.ts'

const PRINTING = `import { pipeline } from 'millrace'
import { views } from '../topics.ts'
export default pipeline('printing', p => { p.from(views).print(v => 'old ' + v.url) })
`
const counting = (columns: string) => `import { count, pipeline, sum } from 'millrace'
import { views } from '../topics.ts'
export default pipeline('counting', p => {
  p.from(views).byKey().aggregate('per-visitor', { ${columns} }).emit('updates').print(row => JSON.stringify(row))
})
`
const HANGING = `import { pipeline } from 'millrace'
import { views } from '../topics.ts'
export default pipeline('hanging', p => {
  p.from(views).forEach(() => { process.stderr.write('called\\n'); return new Promise(() => {}) }, { timeout: '1h' })
})
`

/** Whether a process is there and no zombie. */
function isRunning(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

describe('the bin', { concurrency: true }, () => {
  it('writes from standard input, ends with 0, and colours only on demand', async () => {
    using project = testProject(SHOP)
    await using cli = new CliProcess(project.directory, ['produce', 'views'], { FORCE_COLOR: '1' })
    cli.process.stdin!.end(viewLines(5))
    assert.equal(await cli.exitCode(), 0, cli.stderr)
    assert.ok(cli.stderr.includes('\x1b[32mWrote\x1b[39m 5 records'), cli.stderr)
    const plain = await commandLine(project.directory, ['consume', 'views'])
    assert.equal(plain.stdout.split('\n').length, 6)
    assert.equal(plain.stdout.includes('\x1b'), false)
  })

  it('drains and ends with 130 at Ctrl-C', async () => {
    using project = testProject({ ...SHOP, 'pipelines/printing.ts': PRINTING })
    await using cli = new CliProcess(project.directory, ['run', 'pipelines/printing.ts'])
    await cli.said(/Running/)
    cli.process.kill('SIGINT')
    assert.equal(await cli.exitCode(), 130)
    assert.match(cli.stderr, /Ctrl-C again stops at once\n.*Stopped after/s)
  })

  it('serves metrics and health while it runs, and says what it was given', async () => {
    using project = testProject(SHOP)
    await commandLine(project.directory, ['produce', 'views'], { stdin: viewLines(5) })
    await using cli = new CliProcess(project.directory, ['run', '--metrics-port', '0'])
    await cli.said(/engagement +running on 4 partitions/)
    const [, url] = /metrics +(http:\S+)\/metrics/.exec(cli.stderr)!
    assert.match(url!, /^http:\/\/127\.0\.0\.1:\d+$/)
    const ready = await fetch(`${url}/health/ready`)
    assert.equal(ready.status, 200)
    assert.equal(((await ready.json()) as { isReady: boolean }).isReady, true)
    assert.equal((await fetch(`${url}/health/live`)).status, 200)
    const metrics = await fetch(`${url}/metrics`)
    assert.match(metrics.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/)
    assert.match(
      await metrics.text(),
      /^millrace_task_records_total\{pipeline="engagement",task="[^"]+"\} \d/m,
    )
    assert.equal((await fetch(`${url}/`)).status, 404)
    const second = await commandLine(project.directory, ['run', '--metrics-port', new URL(url!).port])
    assert.equal(second.exitCode, 1)
    assert.match(
      second.stderr,
      /Metrics cannot be served on 127\.0\.0\.1:\d+: .*EADDRINUSE.*\n {2}Try: --metrics-port/,
    )
    cli.process.kill('SIGTERM')
    assert.equal(await cli.exitCode(), 143)
  })

  it('ends at once at a second signal, when something keeps it from draining', async () => {
    using project = testProject({ ...SHOP, 'pipelines/hanging.ts': HANGING })
    await commandLine(project.directory, ['produce', 'views'], { stdin: viewLines(5) })
    await using cli = new CliProcess(project.directory, ['run', 'pipelines/hanging.ts'])
    await cli.said(/called/)
    cli.process.kill('SIGTERM')
    await cli.said(/Stopping/)
    // A signal so close behind the first is npm's copy of it; only a later one counts.
    while (cli.process.exitCode === null) {
      cli.process.kill('SIGTERM')
      await Promise.race([cli.exitCode(), new Promise(resolve => setTimeout(resolve, 100))])
    }
    assert.equal(cli.process.exitCode, 143)
    assert.doesNotMatch(cli.stderr, /Stopped after/)
  })

  it('[8.2] reloads in a new process, keeps the old one while a file is broken, and drains at SIGTERM', async () => {
    using project = testProject({ ...SHOP, 'pipelines/printing.ts': PRINTING })
    const file = project.path('pipelines/printing.ts')
    await using cli = new CliProcess(project.directory, ['dev'])
    await cli.said(/Running engagement, printing/)
    project.write(
      'pipelines/printing.ts',
      PRINTING.replace('old', 'enum').replace('import', 'enum A { B }\nimport'),
    )
    await cli.said(/The old version stays/)
    assert.match(cli.stderr, /at pipelines\/printing\.ts:1:1/)
    await commandLine(project.directory, ['produce', 'views'], { stdin: viewLines(1) })
    while (!cli.stdout.includes('old /home'))
      await new Promise(resolve => cli.process.stdout!.once('data', resolve))
    assert.match(readFileSync(file, 'utf8'), /enum A/)
    project.write('pipelines/printing.ts', PRINTING.replace('old', 'new'))
    await cli.said(/Reloaded engagement, printing/)
    await commandLine(project.directory, ['produce', 'views'], { stdin: viewLines(1) })
    while (!cli.stdout.includes('new /home'))
      await new Promise(resolve => cli.process.stdout!.once('data', resolve))
    cli.process.kill('SIGTERM')
    assert.equal(await cli.exitCode(), 143)
    // The first process had committed: what it printed is not printed again.
    assert.equal(cli.stdout, 'old /home\nnew /home\n')
  })

  it('[8.2] takes an edit back that is undone in the editor, with the state as it is by then', async () => {
    using project = testProject({ ...SHOP, 'pipelines/counting.ts': counting('n: count()') })
    await using cli = new CliProcess(project.directory, ['dev'])
    await cli.said(/Running/)
    const printed = async (text: string) => {
      await commandLine(project.directory, ['produce', 'views'], { stdin: viewLines(1) })
      while (!cli.stdout.includes(text))
        await new Promise(resolve => cli.process.stdout!.once('data', resolve))
    }
    await printed('{"n":1}')
    project.write('pipelines/counting.ts', counting("n: count(), ms: sum('ms')"))
    await cli.said(/column "per-visitor\.ms" new[\s\S]*Reloaded/)
    await printed('{"n":2,"ms":5}')
    project.write('pipelines/counting.ts', counting('n: count()'))
    await cli.said(/column "per-visitor\.ms" removed[\s\S]*Reloaded/)
    await printed('{"n":3}')
  })

  it('drains and ends when the process that started it is gone', async () => {
    using project = testProject({ ...SHOP, 'pipelines/printing.ts': PRINTING })
    await using cli = new CliProcess(project.directory, ['dev'])
    await cli.said(/Running/)
    const parent = cli.process.pid!
    const child = Number(readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ')[0])
    assert.equal(isRunning(child), true)
    cli.process.kill('SIGKILL')
    while (isRunning(child)) await new Promise(resolve => setTimeout(resolve, 10))
    const after = await commandLine(project.directory, ['groups', '--json'])
    for (const { members } of JSON.parse(after.stdout)) assert.deepEqual(members, [])
  })
})
