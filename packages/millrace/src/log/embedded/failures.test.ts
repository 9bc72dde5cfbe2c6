import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it, type TestContext } from 'node:test'
import { rejectsWith } from '../conformance/store.ts'
import { fileSystemType } from './file-system.ts'
import { openEmbeddedLog, openIn, systemSurroundings } from './open.ts'
import { runLimited } from './testkit/children.ts'
import { directoryFor, openFor } from './testkit/directory.ts'
import { allValues, batchOf } from './testkit/records.ts'

/** A closed log with one topic `t` that holds `count` batches of about 10 kB. */
async function filled(t: TestContext, count = 20): Promise<string> {
  const directory = await directoryFor(t)
  const log = await openEmbeddedLog({ directory })
  await log.createTopics([{ name: 't', partitions: 1 }])
  for (let i = 0; i < count; i++) await log.append([batch(i)])
  await log.close()
  return directory
}

const batch = (i: number, size = 10_000) => ({
  topic: 't',
  partition: 0,
  bytes: batchOf([`${i} ${'x'.repeat(size)}`]),
})

describe('a directory that cannot be opened', { concurrency: 2 }, () => {
  it('holds another layout', async t => {
    const directory = await filled(t, 1)
    const db = new DatabaseSync(join(directory, 'log.db'))
    db.exec('PRAGMA user_version = 7')
    db.close()
    await assert.rejects(openEmbeddedLog({ directory }), {
      name: 'LogError',
      code: 'layout',
      message: /has layout 7, .* reads layout 1/,
    })
  })

  it('holds a database of somebody else, or no database at all, which stay as they are', async t => {
    for (const write of [
      foreignDatabase,
      (path: string) => writeFileSync(path, 'my novel\n'.repeat(10_000)),
    ]) {
      const directory = await directoryFor(t)
      const path = join(directory, 'log.db')
      write(path)
      const { size } = statSync(path)
      await assert.rejects(openEmbeddedLog({ directory }), {
        code: 'layout',
        message: /is not a Millrace log/,
      })
      assert.equal(statSync(path).size, size)
    }
  })

  it('holds a database cut short, or cut to nothing', async t => {
    for (const share of [0.5, 0.97, 0]) {
      const directory = await filled(t)
      const path = join(directory, 'log.db')
      truncateSync(path, Math.floor(statSync(path).size * share))
      await assert.rejects(openEmbeddedLog({ directory }), {
        code: 'corrupt',
        message: /restore it from a copy/,
      })
    }
  })

  it('has lost its database, but not the write-ahead log', async t => {
    const directory = await filled(t)
    rmSync(join(directory, 'log.db'))
    writeFileSync(join(directory, 'log.db-wal'), 'frames')
    await assert.rejects(openEmbeddedLog({ directory }), {
      code: 'corrupt',
      message: /write-ahead log is still there/,
    })
  })

  it('is a file', async t => {
    const directory = join(await directoryFor(t), 'file')
    writeFileSync(directory, '')
    await assert.rejects(openEmbeddedLog({ directory }), { name: 'LogError' })
  })

  it('[9.2] lies on a network file system', async t => {
    const directory = await directoryFor(t)
    const refused = openIn({ ...systemSurroundings, fileSystemOf: () => ({ magic: 0x6969 }) }, { directory })
    await assert.rejects(refused, { code: 'unavailable', message: /network file system \(NFS\)/ })
    assert.deepEqual(readdirSync(directory), [])
    assert.ok(fileSystemType(directory).magic > 0)
  })

  it('is read-only, which a log that exists survives', async t => {
    const directory = await filled(t, 3)
    const writable = makeReadOnly(t, directory)
    if (writable === undefined) return
    await assert.rejects(openEmbeddedLog({ directory }), {
      code: 'read-only',
      message: /needs a directory that this user may write to/,
    })
    await assert.rejects(openEmbeddedLog({ directory: join(directory, 'new') }), { code: 'read-only' })
    writable()
    const log = await openFor(t, { directory })
    assert.equal((await allValues(log, 't')).length, 3)
  })
})

describe('a full disk', { concurrency: 2 }, () => {
  it('[9.1] refuses what does not fit whole, keeps what was acknowledged, and goes on when there is room', async t => {
    const directory = await directoryFor(t)
    const log = await openFor(t, { directory, fileBytesMax: 2 * 1024 * 1024 })
    await log.createTopics([{ name: 't', partitions: 1 }])
    await fillUntilFull(log)
    await assert.rejects(log.createTopics([{ name: 'more', partitions: 40 }]), { code: 'disk-full' })
    const kept = (await log.offsets('t'))[0]!.latest
    await log.trim([{ topic: 't', partition: 0, offset: kept - 1 }])
    await log.append([batch(-1)])
    assert.equal((await allValues(log, 't')).length, 2)
  })

  it('[2.1] keeps positions and output of a commit apart from neither', async t => {
    const directory = await directoryFor(t)
    const log = await openFor(t, { directory, fileBytesMax: 2 * 1024 * 1024 })
    await log.createTopics([{ name: 't', partitions: 1 }])
    const assigned = Promise.withResolvers<Parameters<typeof log.commit>[0]['identity']>()
    await log.join({
      group: 'g',
      topicSets: [['t']],
      sessionTimeoutMs: 60_000,
      rebalanceTimeoutMs: 60_000,
      onAssigned: (_, identity) => assigned.resolve(identity),
      onRevoked: async () => {},
      onIdentity: () => {},
      onLost: () => {},
    })
    const identity = await assigned.promise
    const position = { topic: 't', partition: 0, offset: 5, previousOffset: -1, metadata: new Uint8Array(0) }
    const tooMuch = log.commit({ identity, batches: [batch(0, 4_000_000)], positions: [position] })
    await rejectsWith(tooMuch, { name: 'CommitError', outcome: 'aborted' })
    assert.deepEqual(await log.committed('g', [position]), [])
    assert.equal((await log.offsets('t'))[0]!.latest, 0)
    await log.commit({ identity, batches: [batch(0)], positions: [position] })
  })

  it('a real one: a file system of 12 MB', async t => {
    const directory = mountSmall(t, 12)
    if (directory === undefined) return
    const log = await openFor(t, { directory, walBytes: 1 << 20 })
    await log.createTopics([{ name: 't', partitions: 1 }])
    const ballast = join(directory, 'ballast')
    writeFileSync(ballast, Buffer.alloc(3 << 20))
    const acknowledged = await fillUntilFull(log)
    assert.ok(acknowledged > 10)
    rmSync(ballast)
    await log.append([batch(acknowledged)])
    const values = await allValues(log, 't')
    assert.deepEqual(
      values.map(value => Number.parseInt(value, 10)),
      Array.from({ length: acknowledged + 1 }, (_, i) => i),
    )
  })
})

describe('an error of the disk', { concurrency: 2 }, () => {
  it('[9.1] stops the log at once, without a second try, and loses nothing acknowledged', async t => {
    const directory = await filled(t, 1)
    // A file beyond the limit gives EFBIG, which SQLite takes for a broken disk.
    const { stdout, status, stderr } = runLimited(directory, 8192)
    assert.equal(status, 0, stderr)
    const [acknowledged, first, second] = stdout.trim().split('\n')
    assert.ok(Number(acknowledged) > 5, stdout)
    assert.match(first!, /^LogError unavailable .*(I\/O|disk)/)
    assert.match(second!, /^LogError unavailable The log stopped after an error of the disk/)
    const log = await openFor(t, { directory })
    const values = await allValues(log, 't')
    assert.ok(values.length >= Number(acknowledged) + 1)
  })
})

describe('damage inside the file', { concurrency: 2 }, () => {
  it('a batch in the wrong place is refused, the rest can be read', async t => {
    const directory = await filled(t, 3)
    const db = new DatabaseSync(join(directory, 'log.db'))
    db.exec(`UPDATE b1 SET value = (SELECT value FROM b1 WHERE key = 2) WHERE key = 1`)
    db.close()
    const log = await openFor(t, { directory })
    const limits = { maxWaitMs: 0, maxBytes: 1 << 20, partitionMaxBytes: 1 }
    const at = (offset: number) => [{ topic: 't', partition: 0, offset }]
    const [damaged] = await log.fetch(at(1), limits)
    assert.equal(damaged!.error?.code, 'corrupt')
    assert.match(damaged!.error!.message, /offset 1 of t\/0/)
    const [whole] = await log.fetch(at(2), limits)
    assert.equal(whole!.batches.length, 1)
  })

  it('a damaged page ends in an error or in whole batches, never in others', async t => {
    const source = await filled(t, 40)
    const { size } = statSync(join(source, 'log.db'))
    let refused = 0
    const damagedAt = async (page: number) => {
      const directory = await directoryFor(t)
      copyFileSync(join(source, 'log.db'), join(directory, 'log.db'))
      overwrite(join(directory, 'log.db'), page * 65_536 + 100, 64)
      return readsOrRefuses(directory)
    }
    const pages = Array.from({ length: Math.ceil(size / 65_536) }, (_, page) => damagedAt(page))
    for (const isRefused of await Promise.all(pages)) refused += isRefused
    assert.ok(refused > 0)
  })
})

/** 1 when something was refused; fails when anything but the batches that were written comes out. */
async function readsOrRefuses(directory: string): Promise<number> {
  let log: Awaited<ReturnType<typeof openEmbeddedLog>> | undefined
  try {
    log = await openEmbeddedLog({ directory })
    const values = await allValues(log, 't')
    assert.deepEqual(
      values.map(value => Number.parseInt(value, 10)),
      Array.from({ length: values.length }, (_, i) => i),
    )
    return 0
  } catch (error) {
    if ((error as Error).name === 'AssertionError' && !/LogError/.test((error as Error).message)) throw error
    return 1
  } finally {
    await log?.close()
  }
}

async function fillUntilFull(log: Awaited<ReturnType<typeof openEmbeddedLog>>): Promise<number> {
  for (let i = 0; i < 2000; i++) {
    try {
      await log.append([batch(i)])
    } catch (error) {
      assert.equal((error as { code: string }).code, 'disk-full')
      assert.match((error as Error).message, /No space left .* free space and try again/)
      assert.equal((await log.offsets('t'))[0]!.latest, i)
      return i
    }
  }
  return assert.fail('the disk was never full')
}

function foreignDatabase(path: string): void {
  const db = new DatabaseSync(path)
  db.exec('CREATE TABLE theirs (a); INSERT INTO theirs VALUES (1)')
  db.close()
}

function overwrite(path: string, at: number, length: number): void {
  execFileSync('dd', [
    'if=/dev/urandom',
    `of=${path}`,
    'bs=1',
    `seek=${at}`,
    `count=${length}`,
    'conv=notrunc',
    'status=none',
  ])
}

/** Root may write everywhere, so the immutable flag has to do; as anybody else the mode does. */
function makeReadOnly(t: TestContext, directory: string): (() => void) | undefined {
  const set = (on: boolean) => {
    const files = [directory, ...readdirSync(directory).map(name => join(directory, name))]
    if (process.getuid?.() === 0) return spawnSync('chattr', [on ? '+i' : '-i', ...files]).status === 0
    return spawnSync('chmod', [on ? 'a-w' : 'u+w', ...files]).status === 0
  }
  // Before the directory itself is removed.
  t.after(() => existsSync(directory) && set(false))
  if (set(true)) return () => set(false)
  t.skip('as root this needs a file system with the immutable flag (chattr +i)')
  return undefined
}

function mountSmall(t: TestContext, megabytes: number): string | undefined {
  const directory = `${process.env.TMPDIR ?? '/tmp'}/millrace-small-${process.pid}`
  mkdirSync(directory, { recursive: true })
  const isMounted =
    spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', directory]).status === 0
  t.after(() => {
    if (isMounted) spawnSync('umount', ['-l', directory])
    if (existsSync(directory)) rmSync(directory, { recursive: true })
  })
  if (isMounted) return directory
  t.skip('only root may mount a small file system')
  return undefined
}
