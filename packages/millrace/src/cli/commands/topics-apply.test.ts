import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CommandSession } from '../testkit/command-line.ts'
import { testProject } from '../testkit/project.ts'
import { SHOP } from '../testkit/shop.ts'

describe('millrace topics apply', () => {
  it('creates what the pipelines declare after showing it, and finds nothing to do the second time', async () => {
    using project = testProject(SHOP)
    await using session = new CommandSession(project.directory)
    const dry = await session.run(['topics', 'apply', '--dry-run'])
    assert.equal(dry.exitCode, 0, dry.stderr)
    assert.match(dry.stdout, /^\+ views {2}2 partitions$/m)
    assert.match(dry.stdout, /^\+ counts {2}1 partition$/m)
    assert.match(dry.stderr, /Nothing was changed/)
    assert.match((await session.run(['topics'])).stderr, /no topics yet/)
    const made = await session.run(['topics', 'apply'])
    assert.match(made.stderr, /2 topics created, 0 altered/)
    const again = await session.run(['topics', 'apply'])
    assert.equal(again.stdout, '= views\n= counts\n')
    assert.equal(again.exitCode, 0)
  })

  it('makes the internal and side topics too where it is asked to', async () => {
    using project = testProject(SHOP)
    await using session = new CommandSession(project.directory)
    const early = await session.run(['topics', 'apply', '--internal', '--dry-run'])
    assert.match(early.stderr, /internal topics follow from these/)
    const { stdout } = await session.run(['topics', 'apply', '--internal'])
    assert.match(stdout, /^\+ shop\.engagement\.url\.repartition {2}2 partitions, keeps forever$/m)
    assert.match(stdout, /^\+ shop\.engagement\.per-page\.changelog {2}2 partitions, compact,delete/m)
    assert.match(stdout, /^\+ shop\.engagement\.late {2}1 partition, keeps 7d$/m)
    const run = await session.run(['run', '--once'])
    assert.equal(run.exitCode, 0, run.stderr)
  })

  it('leaves what exists as it is, says so, and changes it with the flags that it names', async () => {
    using project = testProject({
      ...SHOP,
      'topics.ts': SHOP['topics.ts']!.replace('partitions: 2,', `partitions: 4, retention: '1d',`),
    })
    await using session = new CommandSession(project.directory)
    for (const name of ['views', 'counts'])
      await session.run(['topics', 'create', name, '-p', name === 'views' ? '2' : '1', '--retention', '7d'])
    const plain = await session.run(['topics', 'apply'])
    assert.equal(plain.exitCode, 1)
    assert.match(
      plain.stdout,
      /^! views {2}partitions 2 → 4, retention 7d → 1d {2}\(needs --add-partitions, --alter\)$/m,
    )
    assert.match(plain.stderr, /1 topic stayed other than declared: views\n {2}Try: --add-partitions --alter/)
    const altered = await session.run(['topics', 'apply', '--alter'])
    assert.match(altered.stdout, /^~ views .*\(needs --add-partitions\)$/m)
    assert.equal(altered.exitCode, 1)
    const asked = await session.run(['topics', 'apply', '--add-partitions'])
    assert.equal(asked.exitCode, 2)
    assert.match(asked.stderr, /Keys go to other partitions from then on/)
    const grown = await session.run(['topics', 'apply', '--add-partitions', '--yes'])
    assert.equal(grown.exitCode, 0, grown.stderr)
    assert.match((await session.run(['topics'])).stdout, /^views +4 +0 +0 B +1d$/m)
  })

  it('takes no partitions away', async () => {
    using project = testProject(SHOP)
    await using session = new CommandSession(project.directory)
    await session.run(['topics', 'create', 'views', '--partitions', '3'])
    const { stdout, exitCode } = await session.run(['topics', 'apply', '--add-partitions'])
    assert.match(stdout, /^! views {2}keeps its 3 partitions, 2 declared$/m)
    assert.equal(exitCode, 0)
  })

  it('refuses two declarations of one topic', async () => {
    const other = `import { json, pipeline, topic } from 'millrace'
export const views = topic('views', { value: json<{ url: string }>(), partitions: 3 })
export default pipeline('other', p => { p.from(views).print(v => v.url) })
`
    using project = testProject({ ...SHOP, 'pipelines/other.ts': other })
    await using session = new CommandSession(project.directory)
    const { exitCode, stderr } = await session.run(['topics', 'apply'])
    assert.equal(exitCode, 1)
    assert.match(stderr, /views is declared in two ways: 2 partitions; and 3 partitions/)
  })
})
