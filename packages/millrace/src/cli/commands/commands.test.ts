import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { CommandSession, commandLine } from '../testkit/command-line.ts'
import { testProject } from '../testkit/project.ts'
import { SHOP, viewLines } from '../testkit/shop.ts'

function rows(ndjson: string): Record<string, unknown>[] {
  return ndjson
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line))
}

describe('a project on the command line', () => {
  it('goes from lines to windows, groups, reset and back', async () => {
    using project = testProject({ ...SHOP, 'views.ndjson': viewLines(120) })
    await using session = new CommandSession(project.directory)
    const run = (...argv: string[]) => session.run(argv)

    const produced = await run('produce', 'views', 'views.ndjson')
    assert.equal(produced.exitCode, 0, produced.stderr)
    assert.match(produced.stderr, /Wrote 120 records/)
    assert.equal(produced.stdout, '')
    assert.doesNotMatch(produced.stderr, /Warning/)
    assert.equal(readFileSync(project.path('.millrace/.gitignore'), 'utf8'), '*\n')

    const topics = JSON.parse((await run('topics', '--json')).stdout)
    assert.deepEqual(
      topics.map(({ name, partitions, records }: Record<string, unknown>) => [name, partitions, records]),
      [['views', 2, 120]],
    )

    const once = await run('run', '--once')
    assert.equal(once.exitCode, 0, once.stderr)
    assert.match(once.stderr, /app +shop\n.*data +.*\.millrace/s)

    const counts = rows((await run('consume', 'counts', '--json')).stdout).map(({ key, value }) => [
      key,
      (value as { n: number }).n,
    ])
    assert.deepEqual(counts.sort(), [
      ['/cart', 30],
      ['/cart', 30],
      ['/home', 30],
      ['/home', 30],
    ])

    const [group] = JSON.parse((await run('groups', '--json')).stdout)
    assert.deepEqual([group.group, group.members, group.lag], ['shop.engagement', [], 0])
    const moved = await run('groups', 'reset', 'engagement', '--to', '-1', '--topic', 'views', '--yes')
    assert.equal(moved.exitCode, 0, moved.stderr)
    const described = JSON.parse((await run('groups', 'describe', 'engagement', '--json')).stdout)
    assert.equal(described.lag, 2)

    const snapshot = project.write('.millrace/state/shop.engagement/left-over', 'state of before')
    const reset = await run('reset', 'engagement', '--yes')
    assert.equal(reset.exitCode, 0, reset.stderr)
    assert.equal(existsSync(snapshot), false)
    const names = JSON.parse((await run('topics', '--all', '--json')).stdout).map(
      ({ name }: { name: string }) => name,
    )
    assert.deepEqual(names.sort(), ['counts', 'views'])
    assert.equal((await run('run', 'pipelines/engagement.ts', '--once')).exitCode, 0)
    assert.equal(rows((await run('consume', 'counts', '--json')).stdout).length, 8)
  })

  it('creates, shows and deletes topics', async () => {
    using project = testProject(SHOP)
    await using session = new CommandSession(project.directory)
    const run = (...argv: string[]) => session.run(argv)
    assert.match((await run('topics', 'create', 'views')).stderr, /Created views with 2 partitions/)
    const odd = await run(
      'topics',
      'create',
      'raw',
      '-p',
      '3',
      '--retention',
      '1h',
      '--cleanup',
      'compact,delete',
    )
    assert.equal(odd.exitCode, 0, odd.stderr)
    assert.match((await run('topics')).stdout, /^raw +3 +0 +0 B +the newest of each key; 1h$/m)
    assert.match((await run('topics', 'describe', 'raw')).stdout, /PARTITION +EARLIEST/)
    assert.equal((await run('topics', 'create', 'kept', '--retention', 'forever')).exitCode, 0)
    assert.match((await run('topics')).stdout, /^kept +1 +0 +0 B +forever$/m)
    assert.match((await run('topics', 'describe', 'kept')).stdout, /^keeps forever$/m)
    const misspelt = await run('topics', 'create', 'other', '--retention', 'for ever')
    assert.match(misspelt.stderr, /'for ever' is not a duration.*\n {2}Try: .*--retention forever/)
    const unsure = await run('topics', 'delete', 'raw')
    assert.equal(unsure.exitCode, 2)
    assert.match(unsure.stderr, /Try: --yes/)
    assert.equal((await run('topics', 'delete', 'raw', '--yes')).exitCode, 0)
    const gone = await run('topics', 'describe', 'view')
    assert.equal(gone.exitCode, 1)
    assert.match(gone.stderr, /Error: There is no topic view\n {2}Try: views/)
  })

  it('writes lines of text and reads them back by place, filter and number', async () => {
    using project = testProject()
    await using session = new CommandSession(project.directory)
    const run = (argv: string[], stdin = '') => session.run(argv, { stdin })
    await run(['topics', 'create', 'log'])
    const wrote = await run(['produce', 'log', '--lines', '--json'], 'one\n\ntwo\r\nthree')
    assert.equal(JSON.parse(wrote.stdout).records, 4)
    const values = async (...flags: string[]) =>
      rows((await run(['consume', 'log', '--json', ...flags])).stdout).map(({ value }) => value)
    assert.deepEqual(await values(), ['one', '', 'two', 'three'])
    assert.deepEqual(await values('--from', '1', '--to', '3'), ['', 'two'])
    assert.deepEqual(await values('--from', '-1'), ['three'])
    assert.deepEqual(await values('--max', '1'), ['one'])
    assert.deepEqual(await values('--filter', '@offset>=2', '--filter', '@offset!=3'), ['two'])
    assert.deepEqual(await values('--partition', '0', '--from', '1h'), ['one', '', 'two', 'three'])
    assert.equal((await run(['consume', 'log', '--partition', '1'])).exitCode, 1)
    const shown = await run(['consume', 'log', '--from', '3'])
    assert.match(shown.stdout, /^0@3 +\d{4}-\d\d-\d\dT.*Z {2}three\n$/)
    assert.match((await run(['consume', 'log', '--filter', 'a=1'])).stderr, /None of 4 records matches/)
  })

  it('takes key and time from fields of an undeclared topic', async () => {
    using project = testProject()
    await using session = new CommandSession(project.directory)
    const run = (argv: string[], stdin = '') => session.run(argv, { stdin })
    await run(['topics', 'create', 'clicks', '-p', '4'])
    const line = '{"user":{"id":7},"at":"2026-01-02T03:04:05Z"}\n'
    await run(['produce', 'clicks', '--key', 'user.id', '--timestamp', 'at'], line)
    const [record] = rows((await run(['consume', 'clicks', '--json'])).stdout)
    assert.deepEqual([record!.key, record!.timestamp], ['7', Date.parse('2026-01-02T03:04:05Z')])
    const [found] = rows((await run(['consume', 'clicks', '--json', '--filter', 'user.id=7'])).stdout)
    assert.deepEqual(found, record)
    const keyless = await run(['produce', 'clicks', '--key', 'nobody'], '{"a":1}\n')
    assert.match(keyless.stderr, /Line 1 of standard input is refused: there is no field nobody/)
  })

  it('stops at a line that is refused, with its number, or skips it', async () => {
    using project = testProject(SHOP)
    await using session = new CommandSession(project.directory)
    const run = (argv: string[], stdin = '') => session.run(argv, { stdin })
    const broken = `${viewLines(2)}not json\n${viewLines(1)}`
    const stopped = await run(['produce', 'views'], broken)
    assert.equal(stopped.exitCode, 1)
    assert.match(stopped.stderr, /Line 3 of standard input is refused: this is not JSON: not json/)
    assert.match(stopped.stderr, /the 2 records before it are written/)
    const skipped = await run(['produce', 'views', '--skip-invalid', '--json'], broken)
    const { records, skipped: left } = JSON.parse(skipped.stdout)
    assert.deepEqual([records, left], [3, 1])
    const text = await run(['produce', 'views', '--lines'], 'a\n')
    assert.equal(text.exitCode, 2)
  })

  it('[5.6] checks what it writes against the schema of the declared topic', async () => {
    const topics = `import { topic, json } from 'millrace'
const schema = { '~standard': { version: 1, vendor: 'test', validate: v =>
  typeof v.ms === 'number' ? { value: v } : { issues: [{ message: 'must be a number', path: ['ms'] }] } } }
export const checked = topic('checked', { value: json(schema) })
`
    const uses = `import { pipeline } from 'millrace'
import { checked } from '../topics.ts'
export default pipeline('uses', p => { p.from(checked).print() })
`
    using project = testProject({ 'topics.ts': topics, 'pipelines/uses.ts': uses })
    await using session = new CommandSession(project.directory)
    const refused = await session.run(['produce', 'checked'], { stdin: '{"ms":"x"}\n' })
    assert.equal(refused.exitCode, 1)
    assert.match(refused.stderr, /ms: must be a number/)
  })

  it('appends the end of input to every partition on demand', async () => {
    using project = testProject(SHOP)
    await using session = new CommandSession(project.directory)
    const produced = await session.run(['produce', 'views', '--end'], { stdin: viewLines(10) })
    assert.match(produced.stderr, /and the end of input/)
    const { stdout } = await session.run(['consume', 'views', '--json'])
    const ends = rows(stdout).filter(({ headers }) => 'millrace.end-of-input' in (headers as object))
    assert.deepEqual(ends.map(({ partition, key, value }) => [partition, key, value]).sort(), [
      [0, null, null],
      [1, null, null],
    ])
  })

  it('follows a topic until it is stopped, which 130 says', async () => {
    using project = testProject(SHOP)
    await using session = new CommandSession(project.directory)
    await session.run(['produce', 'views'], { stdin: viewLines(3) })
    const followed = await session.run(['consume', 'views', '--follow', '--from', 'earliest'], {
      onOutput: (text, interrupt) => {
        if (text.includes('v2')) interrupt.request(130)
      },
    })
    assert.equal(followed.exitCode, 130)
  })

  it('prints to standard output what a print sink prints', async () => {
    const printing = `import { pipeline } from 'millrace'
import { views } from '../topics.ts'
export default pipeline('printing', p => { p.from(views).print(v => v.url) })
`
    using project = testProject({ ...SHOP, 'pipelines/printing.ts': printing })
    await using session = new CommandSession(project.directory)
    await session.run(['produce', 'views'], { stdin: viewLines(2) })
    const { stdout } = await session.run(['run', 'pipelines/printing.ts', '--once'])
    assert.deepEqual(stdout.trim().split('\n').sort(), ['/cart', '/home'])
  })

  it('begins where --start says with what was never read', async () => {
    const printing = `import { pipeline } from 'millrace'
import { views } from '../topics.ts'
export default pipeline('printing', p => { p.from(views).print(v => v.at) })
`
    using project = testProject({ ...SHOP, 'pipelines/printing.ts': printing })
    await using session = new CommandSession(project.directory)
    await session.run(['produce', 'views'], { stdin: viewLines(4) })
    const run = (...flags: string[]) => session.run(['run', 'pipelines/printing.ts', '--once', ...flags])
    const { stdout } = await run('--start', '2023-11-14T22:14:02Z')
    assert.deepEqual(stdout.trim().split('\n').sort(), ['1700000042000', '1700000043000'])
    assert.equal((await run('--start', 'earliest')).stdout, '')
    const wrong = await run('--start', '17')
    assert.equal(wrong.exitCode, 2)
    assert.match(wrong.stderr, /--start is '17', and offsets are of one partition/)
  })

  it('describes a pipeline as text, JSON and Mermaid', async () => {
    using project = testProject(SHOP)
    await using session = new CommandSession(project.directory)
    const file = 'pipelines/engagement.ts'
    const run = async (...flags: string[]) => (await session.run(['describe', file, ...flags])).stdout
    assert.match(await run(), /views decodes at, ms, url/)
    assert.equal(JSON.parse(await run('--json')).pipeline, 'engagement')
    assert.match(await run('--mermaid'), /^flowchart LR\n/)
    const both = await session.run(['describe', file, '--json', '--mermaid'])
    assert.equal(both.exitCode, 2)
  })

  it('[1.4] lists the rights that a pipeline needs on Kafka, and how to grant them', async () => {
    using project = testProject(SHOP)
    const run = async (...flags: string[]) =>
      (await commandLine(project.directory, ['describe', 'pipelines/engagement.ts', '--acls', ...flags]))
        .stdout
    const text = await run('--brokers', 'kafka:9092', '--principal', 'User:ada')
    assert.match(
      text,
      /^Topic +shop\.engagement\.\* +Create, Write, DescribeConfigs, Read, Delete +its own topics$/m,
    )
    const grant = 'kafka-acls.sh --bootstrap-server kafka:9092 --add --allow-principal User:ada --operation '
    const own = 'Create --operation Write --operation DescribeConfigs --operation Read --operation Delete'
    assert.deepEqual(text.trim().split('\n').slice(-5), [
      `${grant}Read --operation DescribeConfigs --topic views`,
      `${grant}Write --operation DescribeConfigs --topic counts`,
      `${grant}${own} --topic shop.engagement. --resource-pattern-type prefixed`,
      `${grant}Read --group shop.engagement`,
      `${grant}Write --transactional-id shop.engagement- --resource-pattern-type prefixed`,
    ])
    const plan = JSON.parse(await run('--json', '--create-topics', '--app', 'other'))
    assert.deepEqual(plan.rights[0], {
      resource: 'Topic',
      name: 'views',
      pattern: 'literal',
      operations: ['Read', 'DescribeConfigs', 'Create'],
      why: 'a source',
    })
    assert.match(
      plan.commands.at(-1),
      /--transactional-id other\.engagement- --resource-pattern-type prefixed/,
    )
  })

  it('ends with 1 and the cause when a pipeline stops', async () => {
    const failing = `import { pipeline } from 'millrace'
import { views } from '../topics.ts'
export default pipeline('failing', p => { p.from(views).map(() => { throw new Error('no such shop') }).print() })
`
    using project = testProject({ ...SHOP, 'pipelines/failing.ts': failing })
    await using session = new CommandSession(project.directory)
    await session.run(['produce', 'views'], { stdin: viewLines(400) })
    const { exitCode, stderr } = await session.run(['run', 'pipelines/failing.ts', '--once'])
    assert.equal(exitCode, 1)
    assert.match(stderr, /Error: Pipeline "failing" stopped: Most of the last 100 records/)
    assert.match(stderr, /Try: /)
  })

  it('says what to do where there is nothing yet', async () => {
    using project = testProject()
    await using session = new CommandSession(project.directory)
    const topics = await session.run(['topics'])
    assert.equal(topics.exitCode, 1)
    assert.match(topics.stderr, /There are no data in .*\.millrace yet\n {2}Try: millrace dev/)
    assert.equal(existsSync(project.path('.millrace')), false)
    const run = await session.run(['run'])
    assert.equal(run.exitCode, 2)
    assert.match(run.stderr, /No file matches pipelines\/\*\.ts/)
    const dev = await session.run(['dev'])
    assert.equal(dev.exitCode, 1)
    assert.match(dev.stderr, /Try: write .*pipelines\/first\.ts/)
    const fresh = await session.run(['run', '--fresh', '--brokers', 'localhost:9092'])
    assert.equal(fresh.exitCode, 2)
    assert.match(fresh.stderr, /--fresh deletes the embedded log/)
  })

  it('answers wrong usage with 2, and shows help with examples and exit codes on every command', async () => {
    using project = testProject()
    await using session = new CommandSession(project.directory)
    const run = (...argv: string[]) => session.run(argv)
    assert.equal((await run('prodcue')).exitCode, 2)
    assert.equal((await run('produce')).exitCode, 2)
    assert.equal((await run('consume', 'x', '--from', 'yesterday')).exitCode, 2)
    assert.equal((await run('produce', 'x', '--rate', 'fast')).exitCode, 2)
    for (const command of [
      'dev',
      'run',
      'topics',
      'produce',
      'consume',
      'groups',
      'move',
      'reset',
      'describe',
    ]) {
      const help = await run(command, '--help')
      assert.equal(help.exitCode, 0)
      assert.match(help.stdout, /Examples:\n {2}\S*\s?millrace /, command)
      assert.match(help.stdout, /Exit codes: 0 done · 1 error · 2 wrong usage · 130 .* · 143/, command)
    }
  })
})

describe('--fresh', () => {
  it('deletes the data, and asks before', async () => {
    using project = testProject(SHOP)
    const run = (...argv: string[]) => commandLine(project.directory, argv)
    await run('topics', 'create', 'old')
    const unsure = await run('run', '--once', '--fresh')
    assert.equal(unsure.exitCode, 2)
    const fresh = await run('run', '--once', '--fresh', '--yes')
    assert.equal(fresh.exitCode, 0, fresh.stderr)
    const names = JSON.parse((await run('topics', '--json')).stdout).map(({ name }: { name: string }) => name)
    assert.equal(names.includes('old'), false)
    assert.equal(names.includes('views'), true)
  })

  it('never deletes a directory that is not of Millrace', async () => {
    using project = testProject({ ...SHOP, 'mine/thesis.txt': 'years of work' })
    const { exitCode, stderr } = await commandLine(project.directory, [
      'run',
      '--once',
      '--fresh',
      '--yes',
      '--data',
      'mine',
    ])
    assert.equal(exitCode, 1)
    assert.match(stderr, /is not deleted/)
    assert.equal(existsSync(project.path('mine/thesis.txt')), true)
  })
})
