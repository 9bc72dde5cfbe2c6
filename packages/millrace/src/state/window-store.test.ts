import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { KeyKind } from '../serde/serde.ts'
import { closeKey } from './changelog-key.ts'
import {
  add,
  bytesOf,
  contents,
  definitionOf,
  layoutOf,
  MemoryDisk,
  recordsOf,
  replay,
  TestChangelog,
  WALL_MS,
} from './fixtures.test.ts'
import { readSnapshot } from './snapshot.ts'
import { foldSnapshot } from './snapshot-fold.ts'
import { WindowStore } from './window-store.ts'

const windowContents = (store: WindowStore) =>
  store.starts
    .map(start => ({ start, rows: contents(store.openTable(start)!) }))
    .filter(({ rows }) => rows.length > 0)
const newWindowStore = (seed = 1) => new WindowStore(definitionOf(layoutOf('windows'), seed))

describe('WindowStore', () => {
  it('keeps starts sorted and gives the table of a closed window to a later one', () => {
    const store = newWindowStore()
    const first = store.tableFor(30)
    for (const start of [10, -20, 20]) store.tableFor(start)
    store.drop(-20)
    store.tableFor(0)
    assert.deepEqual(store.starts, [0, 10, 20, 30])
    for (const start of [0, 10, 20, 30]) store.drop(start)
    assert.equal(store.earliestStart, undefined)
    assert.ok([store.tableFor(40), store.tableFor(50), store.tableFor(60)].some(table => table !== first))
    assert.equal(store.tableFor(40).size, 0)
  })

  it('[7.6] stops when a closed window is asked for, or one closes out of order', () => {
    const store = newWindowStore()
    store.tableFor(20)
    store.tableFor(10)
    assert.throws(() => store.drop(20), /before 10/)
    store.drop(10)
    assert.throws(() => store.tableFor(10), /was closed/)
  })

  it('[2.6] covers every row of closed windows with one marker', async () => {
    const store = newWindowStore()
    const log = new TestChangelog()
    for (let i = 0; i < 50; i++) add(store.tableFor(10), `k${i}`, 'x')
    add(store.tableFor(20), 'k', 'x')
    log.commit(sink => store.writeChanges(sink, WALL_MS))
    const seen = log.batches.length
    store.drop(10)
    log.commit(sink => assert.equal(store.writeChanges(sink, WALL_MS), 1))
    const records = recordsOf(log.batches.slice(seen))
    assert.deepEqual(records, [{ timestamp: WALL_MS, key: Buffer.from(closeKey), value: int64(11) }])
    const restored = newWindowStore()
    await replay(restored, log.batches)
    restored.finishRestore()
    assert.deepEqual(windowContents(restored), windowContents(store))
    assert.equal(restored.closedBelow, 11)

    await replay(restored, log.batches)
    assert.deepEqual(windowContents(restored), windowContents(store))
  })

  it('[2.6] folds away the rows of closed windows', async () => {
    const run = new History()
    await run.add({ ahead: 0, key: 'a' })
    await run.add({ ahead: 1, key: 'a' })
    await run.commit()
    await run.close()
    await run.commit()
    await run.fold()
    const header = 1
    const openRow = 1
    const marker = 1
    assert.equal((await readSnapshot(run.disk, 's'))!.recordCount, header + openRow + marker)
  })

  it('[2.6] restores rows that stand before the header they need', async () => {
    const run = new History()
    await run.add({ ahead: 0, key: 'old' })
    await run.commit()
    const aim = run.log.offsetEnd
    await run.add({ ahead: 1, key: 'a' })
    await run.add({ ahead: 2, key: 'a' })
    await run.commit()
    while (run.store.rewriteOlderThan(aim, 1) > 0) await run.commit()
    assert.equal(run.store.trimOffset(), aim)
    const early = newWindowStore()
    await replay(early, run.log.from(aim).slice(0, 1), aim)
    assert.equal(early.size, 0)
    assert.throws(() => early.finishRestore(), /lacks the header/)
    await run.check()
  })

  it('[2.6] writes [window start, key bytes] and nothing that depends on slots or seeds', () => {
    const bytes = [1, 99].map(seed => {
      const store = newWindowStore(seed)
      const log = new TestChangelog()
      store.acceptKeyKind(KeyKind.string)
      for (const key of ['b', 'a']) add(store.tableFor(-10), key, 'x')
      log.commit(sink => store.writeChanges(sink, WALL_MS))
      return recordsOf(log.batches)
    })
    assert.deepEqual(bytes[0], bytes[1])
    assert.deepEqual(bytes[0]![1]!.key, Buffer.concat([int64(-10), bytesOf('b')]))
  })

  it('[2.6] tells from which offset on the changelog is needed, and moves open rows that stand in the way', async () => {
    const store = newWindowStore()
    const log = new TestChangelog()
    const commit = () => {
      let count = 0
      const base = log.commit(sink => {
        count = store.writeChanges(sink, WALL_MS)
      })
      if (count > 0) store.acknowledge(base)
    }
    store.acceptKeyKind(KeyKind.string)
    for (let i = 0; i < 25; i++) add(store.tableFor(10), `old${i}`, 'x')
    commit()
    for (let start = 20; start < 120; start += 10) {
      for (let i = 0; i < 25; i++) add(store.tableFor(start), `k${i}`, 'x')
      commit()
    }
    assert.equal(store.trimOffset(), 0)
    const aim = log.offsetEnd
    for (let calls = 0; store.trimOffset() < aim; calls++) {
      assert.ok(calls < 100)
      assert.ok(store.rewriteOlderThan(aim, 10) <= 10)
      add(store.tableFor(110), `meanwhile${calls}`, 'x')
      commit()
    }
    assert.ok(store.trimOffset() >= aim)
    const restored = newWindowStore()
    await replay(restored, log.batches, store.trimOffset())
    restored.finishRestore()
    assert.deepEqual(windowContents(restored), windowContents(store))
  })

  it('knows after a restore what may be trimmed', async () => {
    const store = newWindowStore()
    const log = new TestChangelog()
    add(store.tableFor(10), 'a', 'x')
    store.acknowledge(log.commit(sink => store.writeChanges(sink, WALL_MS)))
    store.rewriteOlderThan(log.offsetEnd, 10)
    store.acknowledge(log.commit(sink => store.writeChanges(sink, WALL_MS)))
    assert.equal(store.trimOffset(), 2)
    const restored = newWindowStore()
    await replay(restored, log.batches, store.trimOffset())
    assert.equal(restored.trimOffset(), 2)
  })

  it('[2.3] restored from a snapshot and the tail equals the live store, whatever happened', async () => {
    const key = fc.constantFrom('__proto__', 'a', 'b', '', '\xff\x00C', 'a much longer key than the others')
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ op: fc.constant('add'), ahead: fc.nat(3), key }) },
      { weight: 2, arbitrary: fc.record({ op: fc.constant('remove'), ahead: fc.nat(3), key }) },
      {
        weight: 2,
        arbitrary: fc.record({ op: fc.constantFrom('commit', 'fold', 'close', 'rewrite', 'rewrite') }),
      },
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120, size: 'max' }), async steps => {
        const run = new History()
        for (const { op, ...rest } of steps) await run[op as 'add'](rest as { ahead: number; key: string })
        await run.check()
      }),
      { numRuns: 150 },
    )
  })
})

const int64 = (value: number) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(value))
  return bytes
}

/** A window store with its changelog and snapshots, beside a model of maps. */
class History {
  readonly store = newWindowStore()
  readonly log = new TestChangelog()
  readonly disk = new MemoryDisk()
  readonly model = new Map<number, Map<string, string[]>>()
  earliest = 0
  texts = 0

  async add({ ahead, key }: { ahead: number; key: string }) {
    const start = this.earliest + 10 * ahead
    const text = `t${this.texts++}`
    add(this.store.tableFor(start), key, text)
    const rows = this.model.get(start) ?? new Map<string, string[]>()
    this.model.set(start, rows.set(key, [...(rows.get(key) ?? []), text]))
  }

  async remove({ ahead, key }: { ahead: number; key: string }) {
    const start = this.earliest + 10 * ahead
    const table = this.store.openTable(start)
    const row = table?.find(bytesOf(key), 0, key.length) ?? 0
    if (row !== 0) table!.remove(row)
    this.model.get(start)?.delete(key)
  }

  async close() {
    if (this.store.earliestStart === this.earliest) this.store.drop(this.earliest)
    this.model.delete(this.earliest)
    this.earliest += 10
  }

  async commit() {
    let count = 0
    const base = this.log.commit(sink => {
      count = this.store.writeChanges(sink, WALL_MS)
    })
    if (count > 0) this.store.acknowledge(base)
    const fromTrimmed = newWindowStore()
    await replay(fromTrimmed, this.log.batches, this.store.trimOffset())
    fromTrimmed.finishRestore()
    assert.deepEqual(windowContents(fromTrimmed), windowContents(this.store))
  }

  async rewrite() {
    this.store.rewriteOlderThan(this.log.offsetEnd, 2)
    await this.commit()
  }

  async fold() {
    const previous = await readSnapshot(this.disk, 's')
    await foldSnapshot(previous, () => this.log.from(previous?.header.offset ?? 0), {
      disk: this.disk,
      path: 's',
      topicId: 't',
      partition: 0,
      createdMs: WALL_MS,
      layout: this.store.layout,
      offset: this.log.offsetEnd,
      seed: 5,
      pause: async () => {},
    })
  }

  async check() {
    await this.commit()
    const live = windowContents(this.store)
    const model = [...this.model]
      .map(([start, rows]) => ({
        start,
        rows: [...rows]
          .map(([key, all]) => ({ key, n: all.length, all }))
          .sort((a, b) => (a.key < b.key ? -1 : 1)),
      }))
      .filter(({ rows }) => rows.length > 0)
      .sort((a, b) => a.start - b.start)
    assert.deepEqual(live, model)
    const snapshot = await readSnapshot(this.disk, 's')
    const fromSnapshot = newWindowStore()
    if (snapshot !== undefined) await replay(fromSnapshot, snapshot.batches())
    await replay(fromSnapshot, this.log.from(snapshot?.header.offset ?? 0), snapshot?.header.offset)
    fromSnapshot.finishRestore()
    assert.deepEqual(windowContents(fromSnapshot), live)
  }
}
