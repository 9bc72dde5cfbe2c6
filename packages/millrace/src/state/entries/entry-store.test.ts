import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { KeyKind } from '../../serde/serde.ts'
import { replay, TestChangelog, WALL_MS } from '../fixtures.test.ts'
import { LayoutChangedError, type StoreLayout } from '../layout.ts'
import { ListCells, MapCells, type Slot, type SubKey } from './cell.ts'
import { EntryStore } from './entry-store.ts'

const slots: readonly Slot[] = [
  { name: 'one', kind: 'value' },
  { name: 'all', kind: 'list' },
  { name: 'by', kind: 'map' },
  { name: '', kind: 'event-timer' },
]

function layoutOf(columns: readonly { name: string; kind: string; version?: number }[]): StoreLayout {
  return {
    step: 'step',
    kind: 'entries',
    columns: columns.map(({ name, kind, version = 1 }) => ({
      name,
      aggregator: kind,
      doubles: 0,
      objects: 1,
      version,
    })),
    keySerde: '',
    version: 1,
  }
}

function open(places = slots, versions: Record<string, number> = {}): EntryStore {
  const columns = places.filter(({ name }) => name !== '')
  const store = new EntryStore({
    layout: layoutOf(columns.map(({ name, kind }) => ({ name, kind, version: versions[name] }))),
    slots: places,
    codecs: columns.map(() => ({
      encode: value => value,
      decode: (stored, version) => (version === 1 ? stored : `${stored} of ${version}`),
    })),
    nextSeed: () => 1,
  })
  store.acceptKeyKind(KeyKind.string)
  return store
}

const entriesOf = (store: EntryStore, key: string) =>
  store.entriesOf(Buffer.from(key), 0, Buffer.byteLength(key))

/** Everything in a store, by key and place. */
function contents(store: EntryStore): Record<string, unknown> {
  const shown: Record<string, unknown> = {}
  for (const entries of store.all()) {
    const key = store.keyBytes.toString('utf8', store.keyStart(entries), store.keyEnd(entries))
    for (const [slot, held] of entries.slots.entries()) {
      const cells = [...entries.cellsOf(slot)]
      if (cells.length === 0) continue
      const values = cells.map(({ sub, value, time }) =>
        held instanceof MapCells ? [sub, value, time] : [value, time],
      )
      shown[`${key}/${store.slots[slot]!.name}/${store.slots[slot]!.kind}`] =
        held instanceof ListCells ? values : values
    }
  }
  return shown
}

type Change = 'set' | 'delete' | 'push' | 'shift' | 'pop' | 'replace' | 'clear' | 'put' | 'drop'

/** A store beside plain containers; both must hold the same after any operations. */
class Pair {
  store = open()
  readonly log = new TestChangelog()
  values = new Map<string, number>()
  lists = new Map<string, number[]>()
  maps = new Map<string, Map<SubKey, number>>()

  act(change: Change, key: string, sub: SubKey, n: number): void {
    const { changes } = this.store
    const entries = entriesOf(this.store, key)
    const list = this.lists.get(key) ?? []
    const map = this.maps.get(key) ?? new Map<SubKey, number>()
    this.lists.set(key, list)
    this.maps.set(key, map)
    switch (change) {
      case 'set':
        changes.setValue(entries, 0, n, n)
        this.values.set(key, n)
        break
      case 'delete':
        changes.removeValue(entries, 0)
        this.values.delete(key)
        break
      case 'push':
        changes.pushItem(entries, 1, n, n)
        list.push(n)
        break
      case 'shift':
      case 'pop':
        if (list.length === 0) return
        changes.removeItems(entries, 1, change === 'shift' ? 0 : list.length - 1, 1)
        list.splice(change === 'shift' ? 0 : -1, 1)
        break
      case 'replace':
        if (list.length === 0) return
        changes.setItem(entries.list(1).cells[n % list.length]!, n, n)
        list[n % list.length] = n
        break
      case 'clear':
        changes.removeItems(entries, 1, 0, list.length)
        list.length = 0
        break
      case 'put':
        changes.setEntry(entries, 2, sub, n, n)
        map.set(sub, n)
        break
      case 'drop':
        changes.removeEntry(entries, 2, sub)
        map.delete(sub)
        break
    }
  }

  async restore(): Promise<void> {
    this.store = open()
    // What compaction leaves: the last record of each key, where it stands.
    const last = new Map<string, number>()
    await replay(
      { apply: record => void last.set(keyText(record), record.offset), finishRestore() {} },
      this.log.batches,
    )
    await replay(this.store, this.log.batches, 0, record => last.get(keyText(record)) === record.offset)
    this.store.finishRestore()
  }

  check(): void {
    const found = contents(this.store)
    const values = (name: string) => found[name] as [unknown, number][] | undefined
    for (const key of keys) {
      assert.deepEqual(values(`${key}/one/value`)?.[0]?.[0], this.values.get(key))
      assert.deepEqual(
        (values(`${key}/all/list`) ?? []).map(([value]) => value),
        this.lists.get(key) ?? [],
      )
      const map = (values(`${key}/by/map`) ?? []).map(([sub, value]) => [sub, value])
      assert.deepEqual(map, [...(this.maps.get(key) ?? [])])
    }
  }
}

function keyText({ buffer, keyStart, keyEnd }: { buffer: Buffer; keyStart: number; keyEnd: number }): string {
  return buffer.toString('latin1', keyStart, keyEnd)
}

const keys = ['a', 'b', '', 'é']

describe('a store of entries', () => {
  it('[2.6] [5.11] holds what plain containers would, over failures, cuts, compaction and restores', async () => {
    const change = fc.record({
      do: fc.constantFrom<Change[]>(
        ...([
          'set',
          'delete',
          'push',
          'push',
          'shift',
          'pop',
          'replace',
          'clear',
          'put',
          'put',
          'drop',
        ] as const),
      ),
      sub: fc.constantFrom<SubKey[]>('x', '', 1, '1', true, 7n),
      n: fc.nat(99),
    })
    const call = fc.record({
      key: fc.constantFrom(...keys),
      changes: fc.array(change, { minLength: 1, maxLength: 4 }),
      fails: fc.boolean(),
    })
    const step = fc.oneof({ weight: 3, arbitrary: call }, fc.constantFrom('cut' as const, 'restore' as const))
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async steps => {
        const pair = new Pair()
        for (const step of steps) {
          if (typeof step === 'string') {
            pair.log.commit(sink => void pair.store.writeChanges(sink, WALL_MS))
            if (step === 'restore') await pair.restore()
          } else {
            const { key, changes, fails } = step
            const { values, lists, maps } = pair
            const before = structuredClone({ values, lists, maps })
            for (const { do: act, sub, n } of changes) pair.act(act, key, sub, n)
            if (fails) {
              pair.store.changes.takeBack()
              Object.assign(pair, before)
            } else pair.store.changes.keep()
          }
          pair.check()
        }
      }),
      { numRuns: 200 },
    )
  })

  it('[2.6] keeps what a failed call deleted and set anew', async () => {
    const pair = new Pair()
    pair.act('set', 'a', 'x', 1)
    pair.act('put', 'a', 'x', 2)
    pair.act('push', 'a', 'x', 3)
    pair.store.changes.keep()
    const { values, lists, maps } = pair
    const before = structuredClone({ values, lists, maps })
    for (const change of ['delete', 'drop', 'clear', 'set', 'put', 'push'] as const)
      pair.act(change, 'a', 'x', 4)
    pair.store.changes.takeBack()
    Object.assign(pair, before)
    pair.log.commit(sink => void pair.store.writeChanges(sink, WALL_MS))
    await pair.restore()
    pair.check()
  })

  it('[2.6] writes one record for one changed item of a long list', () => {
    const store = open()
    const entries = entriesOf(store, 'k')
    for (let i = 0; i < 1_000; i++) store.changes.pushItem(entries, 1, i, i)
    const log = new TestChangelog()
    log.commit(sink => void store.writeChanges(sink, WALL_MS), 1e6)
    const before = log.offsetEnd
    store.changes.setItem(entries.list(1).cells[500]!, 'x', 0)
    log.commit(sink => void store.writeChanges(sink, WALL_MS))
    assert.equal(log.offsetEnd - before, 1)
  })

  it('forgets a key under which nothing is left', () => {
    const store = open()
    const entries = entriesOf(store, 'k')
    store.changes.setValue(entries, 0, 1, 0)
    store.writeChanges(new TestSink(), WALL_MS)
    assert.equal(store.size, 1)
    store.changes.removeValue(entries, 0)
    assert.equal(store.writeChanges(new TestSink(), WALL_MS), 1)
    assert.equal(store.size, 0)
  })

  it('[8.1] keeps states by their names, drops those that are gone, and migrates those of older versions', async () => {
    const log = new TestChangelog()
    const first = open()
    const entries = entriesOf(first, 'k')
    first.changes.setValue(entries, 0, 'old', 0)
    first.changes.pushItem(entries, 1, 'item', 0)
    log.commit(sink => void first.writeChanges(sink, WALL_MS))
    const places: readonly Slot[] = [{ name: 'new', kind: 'value' }, slots[0]!, slots[3]!]
    const second = open(places, { one: 2 })
    await replay(second, log.batches)
    assert.deepEqual(contents(second), { 'k/one/value': [['old', 0]] })
    second.changes.setValue(entriesOf(second, 'k'), 0, 'fresh', 0)
    log.commit(sink => void second.writeChanges(sink, WALL_MS))
    const third = open(places, { one: 2 })
    await replay(third, log.batches)
    assert.deepEqual(contents(third), { 'k/new/value': [['fresh', 0]], 'k/one/value': [['old', 0]] })
    const refused = open([{ name: 'one', kind: 'list' }])
    await replay(refused, log.batches)
    assert.throws(() => refused.finishRestore(), LayoutChangedError)
  })

  it('says which state holds what JSON cannot', () => {
    const store = open()
    store.changes.setValue(entriesOf(store, 'k'), 0, { n: 1n }, 0)
    assert.throws(
      () => store.writeChanges(new TestSink(), WALL_MS),
      /State "one" of step "step" holds what JSON cannot/,
    )
  })
})

class TestSink {
  append(): void {}
}
