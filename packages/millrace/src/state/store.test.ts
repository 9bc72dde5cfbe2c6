import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { RecordCursor } from '../record/cursor.ts'
import { KeyKind } from '../serde/serde.ts'
import { closeKey } from './changelog-key.ts'
import {
  countColumn,
  definitionOf,
  layoutOf,
  listColumn,
  MemoryDisk,
  replay,
  sumColumn,
  TestChangelog,
  WALL_MS,
} from './fixtures.test.ts'
import type { KeyTable } from './key-table.ts'
import { readSnapshot } from './snapshot.ts'
import { foldSnapshot } from './snapshot-fold.ts'
import { TableStore } from './table-store.ts'
import { WindowStore } from './window-store.ts'

const bytesOf = (key: string) => Buffer.from(key, 'latin1')

/** One count and one text more for the key, as an aggregate would. */
function add(table: KeyTable, key: string, text: string): void {
  const bytes = bytesOf(key)
  const row = table.upsert(bytes, 0, bytes.length)
  table.f64[row]! += 1
  ;(table.objects[table.f64[row + 1]!] as string[]).push(text)
  table.touch(row)
}

function contents(table: KeyTable): Record<string, unknown>[] {
  const rows = []
  for (let row = table.firstRow(); row !== 0; row = table.nextRow(row)) {
    const key = table.keyBytes.toString('latin1', table.keyStart(row), table.keyEnd(row))
    rows.push({ key, n: table.f64[row], all: table.objects[table.f64[row + 1]!] })
  }
  return rows.sort((a, b) => (a.key < b.key ? -1 : 1))
}

const windowContents = (store: WindowStore) =>
  store.starts
    .map(start => ({ start, rows: contents(store.openTable(start)!) }))
    .filter(({ rows }) => rows.length > 0)

const newTableStore = () => new TableStore(definitionOf(layoutOf('table')))
const newWindowStore = (seed = 1) => new WindowStore(definitionOf(layoutOf('windows'), seed))

function recordsOf(batches: readonly Uint8Array[]) {
  const cursor = new RecordCursor()
  const records = []
  for (const batch of batches) {
    cursor.open(batch)
    while (cursor.next())
      records.push({
        timestamp: cursor.timestamp,
        key: Buffer.from(cursor.buffer.subarray(cursor.keyStart, cursor.keyEnd)),
        value:
          cursor.valueStart < 0
            ? null
            : Buffer.from(cursor.buffer.subarray(cursor.valueStart, cursor.valueEnd)),
      })
  }
  return records
}

describe('TableStore', () => {
  it('[2.6] writes only rows changed since the last write, removed ones as tombstones, at wall time', () => {
    const store = newTableStore()
    const log = new TestChangelog()
    store.acceptKeyKind(KeyKind.string)
    for (const key of ['a', 'b', 'c']) add(store.table, key, 'x')
    log.commit(sink => assert.equal(store.writeChanges(sink, WALL_MS), 3))
    add(store.table, 'b', 'y')
    store.table.remove(store.table.find(bytesOf('c'), 0, 1))
    const seen = log.batches.length
    log.commit(sink => assert.equal(store.writeChanges(sink, WALL_MS + 5), 2))
    const records = recordsOf(log.batches.slice(seen))
    assert.deepEqual(
      records.map(({ key, value, timestamp }) => [key.toString(), value === null, timestamp]),
      [
        ['b', false, WALL_MS + 5],
        ['c', true, WALL_MS + 5],
      ],
    )
    assert.deepEqual([...records[0]!.value!.subarray(0, 2)], [1, KeyKind.string])
    log.commit(sink => assert.equal(store.writeChanges(sink, WALL_MS), 0))
  })

  it('restores keys that look like reserved ones', async () => {
    const store = newTableStore()
    const log = new TestChangelog()
    const keys = ['\xff', '\xff\x00C', '\xff\x00H\x01', '\xff\xff', '', '\x00', '__proto__']
    for (const key of keys) add(store.table, key, key)
    log.commit(sink => store.writeChanges(sink, WALL_MS))
    store.table.remove(store.table.find(bytesOf('\xff\x00C'), 0, 3))
    log.commit(sink => store.writeChanges(sink, WALL_MS))
    const restored = newTableStore()
    await replay(restored, log.batches)
    assert.equal(restored.table.size, keys.length - 1)
    assert.deepEqual(contents(restored.table), contents(store.table))
  })

  it('[5.1] takes keys of one kind and remembers it through a restart', async () => {
    const store = newTableStore()
    const log = new TestChangelog()
    assert.equal(store.acceptKeyKind(KeyKind.number), true)
    assert.equal(store.acceptKeyKind(KeyKind.string), false)
    add(store.table, '1', 'x')
    log.commit(sink => store.writeChanges(sink, WALL_MS))
    store.table.remove(store.table.firstRow())
    log.commit(sink => store.writeChanges(sink, WALL_MS))
    const restored = newTableStore()
    await replay(restored, log.batches)
    assert.equal(restored.table.size, 0)
    assert.equal(restored.acceptKeyKind(KeyKind.string), false)
  })

  it('[8.1] reads rows of an older layout: added columns are initial, removed ones dropped, states converted', async () => {
    const before = new TableStore(definitionOf(layoutOf('table', [sumColumn, countColumn, listColumn])))
    const log = new TestChangelog()
    const row = before.table.upsert(bytesOf('a'), 0, 1)
    before.table.f64.set([1.5, 0.25, 3], row)
    ;(before.table.objects[before.table.f64[row + 3]!] as string[]).push('x')
    before.table.touch(row)
    log.commit(sink => before.writeChanges(sink, WALL_MS))

    const late = { ...countColumn, name: 'late' }
    const columns = [{ ...listColumn, version: 2 }, late, countColumn]
    const open = async () => {
      const store = new TableStore(definitionOf(layoutOf('table', columns)))
      await replay(store, log.batches)
      store.finishRestore()
      return store
    }
    const after = await open()
    const read = (store: TableStore) => {
      const at = store.table.find(bytesOf('a'), 0, 1)
      return [store.table.objects[store.table.f64[at]!], store.table.f64[at + 1], store.table.f64[at + 2]]
    }
    assert.deepEqual(read(after), [['x'], 7, 3])
    assert.deepEqual([after.layout.version, after.layout.columns[1]!.since], [2, WALL_MS])

    after.table.touch(after.table.firstRow())
    log.commit(sink => after.writeChanges(sink, WALL_MS))
    assert.deepEqual(read(await open()), [['x', 'v2'], 7, 3])
  })

  it('[8.1] refuses a restore whose newest columns mean something else', async () => {
    const before = newTableStore()
    add(before.table, 'a', 'x')
    const log = new TestChangelog()
    log.commit(sink => before.writeChanges(sink, WALL_MS))
    const after = new TableStore(
      definitionOf(layoutOf('table', [{ ...countColumn, aggregator: 'count(where)' }])),
    )
    await replay(after, log.batches)
    assert.throws(() => after.finishRestore(), /count\(\).*reset/s)
    const windows = newWindowStore()
    await assert.rejects(replay(windows, log.batches), /its kind was table and is windows/)
  })

  it('begins a column anew that was dropped and added again', async () => {
    const log = new TestChangelog()
    const open = async (columns = [countColumn], key = 'a') => {
      const store = new TableStore(definitionOf(layoutOf('table', columns)))
      await replay(store, log.batches)
      store.finishRestore()
      const row = store.table.upsert(bytesOf(key), 0, 1)
      store.table.touch(row)
      return { store, row, commit: () => log.commit(sink => store.writeChanges(sink, WALL_MS)) }
    }
    const first = await open([countColumn, sumColumn])
    first.store.table.f64.set([1, 5, 5], first.row)
    first.commit()
    ;(await open([countColumn], 'b')).commit()
    const again = await open([countColumn, sumColumn])
    assert.deepEqual([...again.store.table.f64.subarray(again.row, again.row + 3)], [1, 0, 0])
  })
})

describe('WindowStore', () => {
  it('keeps starts sorted and gives the table of a closed window to a later one', () => {
    const store = newWindowStore()
    const first = store.tableFor(30)
    for (const start of [10, -20, 20]) store.tableFor(start)
    assert.deepEqual(store.starts, [-20, 10, 20, 30])
    for (const start of [-20, 10, 20, 30]) store.drop(start)
    assert.equal(store.earliestStart, Number.POSITIVE_INFINITY)
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
