import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { RecordCursor } from '../record/cursor.ts'
import { type Disk, nodeDisk } from './disk.ts'
import { definitionOf, layoutOf, MemoryDisk, replay, TestChangelog, WALL_MS } from './fixtures.test.ts'
import { type ChangelogState, readSnapshot, reasonNotToUse, type Snapshot } from './snapshot.ts'
import { foldSnapshot } from './snapshot-fold.ts'
import { SnapshotReplacedError } from './snapshot-format.ts'
import { TableStore } from './table-store.ts'

const newStore = () => new TableStore(definitionOf(layoutOf('table')))

function commitKeys(store: TableStore, log: TestChangelog, keys: readonly string[]): void {
  for (const key of keys) {
    const bytes = Buffer.from(key)
    const row = store.table.upsert(bytes, 0, bytes.length)
    store.table.f64[row]! += 1
    store.table.touch(row)
  }
  log.commit(sink => store.writeChanges(sink, WALL_MS))
}

async function fold(
  disk: Disk,
  log: TestChangelog,
  path = 'snap',
  pause = async () => {},
  offset = log.offsetEnd,
): Promise<number> {
  const previous = await readSnapshot(disk, path)
  return foldSnapshot(previous, () => log.from(previous?.header.offset ?? 0), {
    disk,
    path,
    topicId: 'topic-1',
    partition: 3,
    createdMs: WALL_MS,
    layout: layoutOf('table'),
    offset,
    seed: 9,
    pause,
    recordsPerSlice: 10,
  })
}

async function readAll(disk: Disk, path = 'snap'): Promise<number> {
  const snapshot = (await readSnapshot(disk, path))!
  const cursor = new RecordCursor()
  let records = 0
  for await (const batch of snapshot.batches()) {
    cursor.open(batch)
    while (cursor.next()) records++
  }
  assert.equal(records, snapshot.recordCount)
  return records
}

describe('snapshot', () => {
  it('holds the last record of each key with its offset, and where the tail begins', async () => {
    const [store, log, disk] = [newStore(), new TestChangelog(), new MemoryDisk()]
    commitKeys(store, log, ['a', 'b'])
    commitKeys(store, log, ['b', 'c'])
    assert.equal(await fold(disk, log), 4)
    const snapshot = (await readSnapshot(disk, 'snap'))!
    assert.equal(snapshot.header.offset, log.offsetEnd)
    const cursor = new RecordCursor()
    const offsets: number[] = []
    for await (const batch of snapshot.batches()) {
      cursor.open(batch)
      while (cursor.next()) offsets.push(cursor.offset)
    }
    assert.deepEqual(offsets, [0, 1, 3, 4])
  })

  it('detects every truncation', async () => {
    const { disk, bytes } = await smallSnapshot()
    for (let length = 0; length < bytes.length; length++) {
      disk.files.set('snap', bytes.subarray(0, length))
      await assert.rejects(readAll(disk), `${length} of ${bytes.length} bytes`)
    }
  })

  it('detects every single flipped bit', async () => {
    const { disk, bytes } = await smallSnapshot()
    assert.equal(await readAll(disk), 6)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Buffer.from(bytes)
      damaged[bit >>> 3]! ^= 1 << (bit & 7)
      disk.files.set('snap', damaged)
      await assert.rejects(readAll(disk), `bit ${bit}`)
    }
  })

  it('[2.3] is written aside, flushed and renamed', async () => {
    const { disk } = await smallSnapshot()
    assert.deepEqual(disk.log, ['sync snap.tmp', 'close snap.tmp', 'replace snap'])
    assert.deepEqual([...disk.files.keys()], ['snap'])
  })

  it('[2.3] keeps the old one whole when writing the new one fails at any point', async () => {
    const { disk, bytes, store, log } = await smallSnapshot()
    commitKeys(store, log, ['x', 'y'])
    let failed = 0
    for (let writes = 0; disk.files.get('snap')!.equals(bytes); writes++) {
      disk.failAfter = writes
      disk.failures = 0
      const outcome = await fold(disk, log).catch((error: Error) => error.message)
      assert.equal(typeof outcome === 'string', disk.failures === 1)
      if (disk.failures === 1) failed++
      assert.deepEqual([...disk.files.keys()], ['snap'])
    }
    assert.ok(failed >= 4)
    assert.equal(await readAll(disk), 8)
  })

  it('is not mixed with another that comes into its place while it is read or folded', async () => {
    const [store, log, disk] = [newStore(), new TestChangelog(), new MemoryDisk()]
    commitKeys(store, log, [...'abcdefghijkl'])
    await fold(disk, log)
    const first = (await readSnapshot(disk, 'snap'))!
    commitKeys(store, log, ['b', 'c'])
    // As another process writes: aside under a name of its own.
    const elsewhere: Disk = {
      openRead: path => disk.openRead(path),
      create: path => disk.create(`other ${path}`),
      replace: (from, to) => disk.replace(`other ${from}`, to),
      remove: path => disk.remove(path),
    }
    let other: Buffer | undefined
    const folding = fold(disk, log, 'snap', async () => {
      if (other !== undefined) return
      other = Buffer.alloc(0)
      commitKeys(store, log, ['d', 'e'])
      await fold(elsewhere, log)
      other = disk.files.get('snap')
    })
    await assert.rejects(folding, SnapshotReplacedError)
    assert.deepEqual(disk.files.get('snap'), other)
    await assert.rejects(async () => {
      for await (const _ of first.batches()) assert.fail('a batch of the other')
    }, SnapshotReplacedError)
  })

  it('lets the loop go on between slices', async () => {
    const [store, log, disk] = [newStore(), new TestChangelog(), new MemoryDisk()]
    commitKeys(
      store,
      log,
      Array.from({ length: 99 }, (_, i) => `k${i}`),
    )
    let pauses = 0
    await fold(disk, log, 'snap', async () => void pauses++)
    assert.equal(pauses, 20)
  })

  it('passes over what a fetched batch repeats of the time before the previous snapshot', async () => {
    const [store, log, disk] = [newStore(), new TestChangelog(), new MemoryDisk()]
    commitKeys(store, log, ['a', 'b'])
    await fold(disk, log)
    commitKeys(store, log, ['b'])
    const previous = await readSnapshot(disk, 'snap')
    const count = await foldSnapshot(previous, () => log.batches, {
      disk,
      path: 'snap',
      topicId: 'topic-1',
      partition: 3,
      createdMs: WALL_MS,
      layout: layoutOf('table'),
      offset: log.offsetEnd,
      seed: 9,
      pause: async () => {},
    })
    assert.equal(count, 3)
    assert.equal(await readAll(disk), 3)
  })

  it('leaves what lies behind its offset to the tail', async () => {
    const [store, log, disk] = [newStore(), new TestChangelog(), new MemoryDisk()]
    commitKeys(store, log, ['a', 'b'])
    const { offsetEnd } = log
    commitKeys(store, log, ['b', 'c'])
    assert.equal(await fold(disk, log, 'snap', async () => {}, offsetEnd), 3)
    const restored = newStore()
    await replay(restored, (await readSnapshot(disk, 'snap'))!.batches())
    assert.equal(restored.table.size, 2)
  })

  it('works on a real disk', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-snapshot-'))
    try {
      const path = join(folder, 'snap')
      assert.equal(await readSnapshot(nodeDisk, path), undefined)
      const [store, log] = [newStore(), new TestChangelog()]
      commitKeys(store, log, ['a', 'b'])
      await fold(nodeDisk, log, path)
      commitKeys(store, log, ['b', 'c'])
      await fold(nodeDisk, log, path)
      assert.equal(await readAll(nodeDisk, path), 4)
      assert.deepEqual(await readdir(folder), ['snap'])
      const restored = newStore()
      await replay(restored, (await readSnapshot(nodeDisk, path))!.batches())
      assert.equal(restored.table.size, 3)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('[2.3] is not used for another changelog, from the future, from before its start, or when too old', () => {
    const changelog: ChangelogState = {
      topicId: 'topic-1',
      partition: 3,
      offsetStart: 10,
      offsetEnd: 20,
      deleteRetentionMs: 1000,
      nowMs: WALL_MS,
    }
    const header: Snapshot['header'] = {
      topicId: 'topic-1',
      partition: 3,
      offset: 15,
      createdMs: WALL_MS - 500,
      layout: layoutOf('table'),
    }
    const reason = (changes: Partial<typeof header>) => reasonNotToUse({ ...header, ...changes }, changelog)
    assert.equal(reason({}), undefined)
    assert.equal(reason({ offset: 10 }), undefined)
    assert.equal(reason({ offset: 20 }), undefined)
    assert.match(reason({ topicId: 'topic-2' })!, /another changelog/)
    assert.match(reason({ partition: 4 })!, /another changelog/)
    assert.match(reason({ offset: 21 })!, /behind the changelog's end/)
    assert.match(reason({ offset: 9 })!, /before the changelog's start/)
    assert.match(reason({ createdMs: WALL_MS - 501 })!, /501 ms old/)
  })
})

async function smallSnapshot() {
  const [store, log, disk] = [newStore(), new TestChangelog(), new MemoryDisk()]
  commitKeys(store, log, ['a', 'b', 'c', 'd', 'e'])
  await fold(disk, log)
  return { store, log, disk, bytes: disk.files.get('snap')! }
}
