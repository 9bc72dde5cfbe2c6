import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KeyKind } from '../serde/serde.ts'
import {
  add,
  bytesOf,
  contents,
  countColumn,
  definitionOf,
  layoutOf,
  listColumn,
  recordsOf,
  replay,
  sumColumn,
  TestChangelog,
  WALL_MS,
} from './fixtures.test.ts'
import { TableStore } from './table-store.ts'
import { WindowStore } from './window-store.ts'

const newTableStore = () => new TableStore(definitionOf(layoutOf('table')))

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
    const windows = new WindowStore(definitionOf(layoutOf('windows')))
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
