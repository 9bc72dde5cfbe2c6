import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { openEmbeddedLog } from '../../log/embedded/open.ts'
import { encodeVersions } from '../../runtime/versions.ts'
import { CommandSession } from '../testkit/command-line.ts'
import { testProject } from '../testkit/project.ts'
import { SHOP, viewLines } from '../testkit/shop.ts'

const member = {
  group: 'shop.engagement',
  topicSets: [['views']],
  sessionTimeoutMs: 30_000,
  rebalanceTimeoutMs: 30_000,
  onAssigned() {},
  onRevoked: async () => {},
  onIdentity() {},
  onLost() {},
}

describe('millrace groups', () => {
  it('shows how far each position is behind, in records and in time', async () => {
    using project = testProject(SHOP)
    await using session = new CommandSession(project.directory)
    await session.run(['produce', 'views'], { stdin: viewLines(60) })
    await session.run(['run', '--once'])
    assert.match((await session.run(['groups'])).stdout, /^shop\.engagement +0 +4 +0 +- +-$/m)
    await session.run(['groups', 'reset', 'engagement', '--to', '-3', '--topic', 'views', '--yes'])
    // The records are of November 2023.
    const days = /(\d+)d/.exec((await session.run(['groups'])).stdout)
    const { stdout } = await session.run(['groups', 'describe', 'engagement'])
    assert.ok(Number(days![1]) > 700)
    assert.match(stdout, /^shop\.engagement {2}lag 6 {2}waiting \d+d/m)
    assert.match(stdout, /^views +0 +\d+ +\d+ +3 +\d+d/m)
    const [group] = JSON.parse((await session.run(['groups', '--json'])).stdout)
    assert.ok(group.ageMs > 0)
  })

  it('sets positions in a topic that is named, also of a group that has none any more', async () => {
    using project = testProject(SHOP)
    await using session = new CommandSession(project.directory)
    await session.run(['produce', 'views'], { stdin: viewLines(60) })
    await session.run(['run', '--once'])
    const log = await openEmbeddedLog({ directory: join(project.directory, '.millrace') })
    await log.deleteGroup('shop.engagement')
    await log.close()
    const reset = ['groups', 'reset', 'engagement', '--topic', 'views', '--yes', '--to']
    const wrong = await session.run([
      'groups',
      'reset',
      'engagement',
      '--topic',
      'vews',
      '--yes',
      '--to',
      'latest',
    ])
    assert.match(wrong.stderr, /There is no topic vews/)
    const { stdout, stderr } = await session.run([...reset, 'latest'])
    assert.match(stdout + stderr, /views\/0 stands at/)
  })

  it('shows members under their instance, with process, partitions and lag', async () => {
    using project = testProject(SHOP)
    await using session = new CommandSession(project.directory)
    await session.run(['produce', 'views'], { stdin: viewLines(60) })
    const log = await openEmbeddedLog({ directory: join(project.directory, '.millrace') })
    const membership = await log.join({ ...member, instanceId: 'node-1' })
    while (membership.assignment.length < 2) await new Promise(resolve => setImmediate(resolve))
    const { stdout } = await session.run(['groups', 'describe', 'engagement'])
    assert.match(stdout, new RegExp(`^node-1 +${hostname()}:${process.pid} +views/0,1 +0$`, 'm'))
    await log.close()
  })

  it('[8.2] shows who runs which code where it differs, and what nobody may have', async () => {
    using project = testProject(SHOP)
    await using session = new CommandSession(project.directory)
    await session.run(['produce', 'views'], { stdin: viewLines(60) })
    const log = await openEmbeddedLog({ directory: join(project.directory, '.millrace') })
    const joinAs = (instanceId: string, version: number, code: string) =>
      log.join({
        ...member,
        instanceId,
        layouts: { views: version },
        userData: encodeVersions({ code, millrace: '0.1.0' }),
      })
    const newer = await joinAs('node-1', 2, '1.5.0')
    while (newer.assignment.length < 2) await new Promise(resolve => setImmediate(resolve))
    const older = await joinAs('node-2', 1, '1.4.0')
    while (older.identity === undefined || newer.identity!.generation !== older.identity.generation)
      await new Promise(resolve => setImmediate(resolve))
    const shown = (await session.run(['groups', 'describe', 'engagement'])).stdout
    assert.match(shown, /^MEMBER +PROCESS +CODE +PARTITIONS +LAG$/m)
    assert.match(shown, /^node-1 .* 1\.5\.0, Millrace 0\.1\.0 +views\/0,1 /m)
    assert.match(shown, /^node-2 .* 1\.4\.0, Millrace 0\.1\.0, older in views +- /m)
    assert.doesNotMatch(shown, /No member may have/)
    await newer.leave()
    const left = (await session.run(['groups', 'describe', 'engagement'])).stdout
    assert.match(left, /^No member may have views\/0,1: newer code.*\n.*--rollback$/m)
    assert.doesNotMatch(left, /CODE/)
    assert.match((await session.run(['groups'])).stdout, /BARRED\n(?:.*\n)*shop\.engagement .* 2$/m)
    const { barred } = JSON.parse((await session.run(['groups', 'describe', 'engagement', '--json'])).stdout)
    assert.equal(barred.length, 2)
    await log.close()
  })

  it('shows it again and again until it is stopped', async () => {
    using project = testProject(SHOP)
    await using session = new CommandSession(project.directory)
    await session.run(['produce', 'views'], { stdin: viewLines(3) })
    await session.run(['run', '--once'])
    let screens = 0
    const watched = await session.run(['groups', '--watch'], {
      onOutput: (text, interrupt) => {
        if (text.includes('shop.engagement') && ++screens === 2) interrupt.request(130)
      },
    })
    assert.equal(screens, 2)
    assert.equal(watched.exitCode, 130)
  })
})
