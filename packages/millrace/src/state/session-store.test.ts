import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { DueHeap } from './due-heap.ts'
import { definitionOf, layoutOf, MemoryDisk, replay, TestChangelog, WALL_MS } from './fixtures.test.ts'
import { SessionStore } from './session-store.ts'
import { readSnapshot } from './snapshot.ts'
import { foldSnapshot } from './snapshot-fold.ts'

const gapMs = 10
const lastColumn = { name: '#last', aggregator: '#last', doubles: 1, objects: 0, version: 1 }
const layout = () => {
  const { columns, ...rest } = layoutOf('table')
  return { ...rest, kind: 'sessions' as const, columns: [...columns, lastColumn] }
}
/** Its rows: a count, a list, a sum of two doubles, the time of the last record. */
const newStore = (seed = 1) => new SessionStore(definitionOf(layout(), seed), { gapMs, width: 5, lastAt: 4 })

function listOf({ table }: SessionStore, row: number): string[] {
  return table.objects[table.f64[row + 1]!] as string[]
}

/** What an aggregate does with a record: its count, and a text in its list. */
function add(store: SessionStore, key: string, t: number, text = `${t}`): void {
  const bytes = Buffer.from(key, 'latin1')
  store.probe(bytes, 0, bytes.length, t)
  const { before, after, table } = store
  let row = before
  if (before === 0) row = after === 0 ? store.open(bytes, 0, bytes.length, t) : store.restart(after, t)
  else if (after === 0) store.extend(before, Math.max(t, store.lastOf(before)))
  else {
    table.f64[before]! += table.f64[after]!
    listOf(store, before).push(...listOf(store, after))
    store.extend(before, store.lastOf(after))
    store.remove(after)
  }
  table.f64[row]!++
  listOf(store, row).push(text)
  table.touch(row)
}

interface Session {
  readonly key: string
  readonly start: number
  readonly last: number
  readonly all: readonly string[]
}

function contents(store: SessionStore): Session[] {
  const { table } = store
  const sessions: Session[] = []
  for (let row = table.firstRow(); row !== 0; row = table.nextRow(row)) {
    const key = table.keyBytes.toString('latin1', store.keyStart(row), table.keyEnd(row))
    const all = listOf(store, row).toSorted()
    assert.equal(table.f64[row], all.length)
    sessions.push({ key, start: store.startOf(row), last: store.lastOf(row), all })
  }
  return sessions.sort((a, b) => (a.key === b.key ? a.start - b.start : a.key < b.key ? -1 : 1))
}

/** The sessions of a key as they hang together, newest first. */
function chainOf(store: SessionStore, key: string): number[] {
  const bytes = Buffer.from(key, 'latin1')
  const starts: number[] = []
  for (let row = store.newest(bytes, 0, bytes.length); row !== 0; row = store.older(row))
    starts.push(store.startOf(row))
  return starts
}

type Step =
  | { readonly do: 'add'; readonly key: string; readonly t: number }
  | { readonly do: 'close' | 'commit' | 'crash' | 'fold' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      key: fc.constantFrom('', 'a', 'b', '\u00ff\u0000H', 'k'.repeat(300)),
      t: fc.integer({ min: 0, max: 150 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('close', 'commit', 'crash', 'fold') }) },
)

describe('a store of sessions', () => {
  it('[2.3] [2.6] holds what the records make, across losses, restores and snapshots', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async steps => {
        const changelog = new TestChangelog()
        const disk = new MemoryDisk()
        let snapshot: Awaited<ReturnType<typeof readSnapshot>>
        let store = newStore()
        store.acceptKeyKind(1)
        const committed = new Map<string, number[]>()
        let records = new Map<string, number[]>()
        let closedBelow = Number.NEGATIVE_INFINITY
        let committedBelow = Number.NEGATIVE_INFINITY
        for (const [i, each] of steps.entries()) {
          if (each.do === 'add') {
            // What came before it could belong to one that has gone out.
            if (each.t < closedBelow) continue
            add(store, each.key, each.t)
            records.set(each.key, [...(records.get(each.key) ?? []), each.t])
          } else if (each.do === 'close') {
            const row = store.earliest()
            const expected = sessionsOf(records).toSorted((a, b) => a.last - b.last)[0]
            assert.equal(row === 0 ? undefined : store.lastOf(row), expected?.last)
            if (row === 0) continue
            const key = store.table.keyBytes.toString('latin1', store.keyStart(row), store.table.keyEnd(row))
            const [start, last] = [store.startOf(row), store.lastOf(row)]
            store.close(row)
            closedBelow = Math.max(closedBelow, last + gapMs + 1)
            records.set(
              key,
              records.get(key)!.filter(t => t < start || t > last),
            )
          } else if (each.do === 'commit') {
            changelog.commit(sink => store.writeChanges(sink, WALL_MS))
            committed.clear()
            for (const [key, times] of records) committed.set(key, times)
            committedBelow = closedBelow
          } else if (each.do === 'fold') {
            const path = `snapshot-${i}`
            const offset = changelog.offsetEnd
            const target = { disk, path, topicId: 't', partition: 0, createdMs: WALL_MS, layout: layout() }
            const previous = snapshot
            await foldSnapshot(previous, () => changelog.from(previous?.header.offset ?? 0), {
              ...target,
              offset,
              seed: 7,
              pause: async () => {},
            })
            snapshot = await readSnapshot(disk, path)
          } else {
            store = newStore(100 + i)
            if (snapshot !== undefined) await replay(store, snapshot.batches())
            await replay(store, changelog.from(snapshot?.header.offset ?? 0), snapshot?.header.offset ?? 0)
            // Whatever comes behind the last record would be done for all sessions in one go.
            assert.equal(store.earliest() !== 0, store.size > 0)
            store.finishRestore()
            store.acceptKeyKind(1)
            records = new Map(committed)
            closedBelow = committedBelow
          }
          const expected = sessionsOf(records)
          assert.deepEqual(contents(store), expected)
          assert.equal(store.closedBelow, closedBelow)
          assert.equal(store.size, expected.length)
          for (const key of records.keys()) {
            const starts = expected.filter(session => session.key === key).map(({ start }) => start)
            assert.deepEqual(chainOf(store, key), starts.reverse())
          }
        }
      }),
    )
  })

  it('writes nothing about a session that came and went between two commits', () => {
    const store = newStore()
    store.acceptKeyKind(1)
    add(store, 'a', 1)
    store.remove(store.earliest())
    const changelog = new TestChangelog()
    changelog.commit(sink => store.writeChanges(sink, WALL_MS))
    assert.equal(changelog.offsetEnd, 1, 'the header alone')
    assert.equal(store.hasChanges, false)
  })
})

/** Times of one key, at most the gap apart, are one session. */
function sessionsOf(records: ReadonlyMap<string, readonly number[]>): Session[] {
  const sessions: Session[] = []
  for (const [key, times] of records) {
    let part: number[] = []
    const inOrder = times.toSorted((a, b) => a - b)
    for (const [i, t] of inOrder.entries()) {
      part.push(t)
      if (i + 1 < inOrder.length && inOrder[i + 1]! - t <= gapMs) continue
      sessions.push({ key, start: part[0]!, last: t, all: part.map(String).toSorted() })
      part = []
    }
  }
  return sessions.sort((a, b) => (a.key === b.key ? a.start - b.start : a.key < b.key ? -1 : 1))
}

describe('a heap of rows', () => {
  it('gives the earliest first, also when that one is postponed', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 50 })), fc.array(fc.nat({ max: 50 })), (times, later) => {
        const heap = new DueHeap()
        for (const [row, time] of times.entries()) heap.push(time, row)
        const model = times.map((time, row) => ({ time, row }))
        for (const by of later) {
          if (model.length === 0) break
          model.sort((a, b) => a.time - b.time)
          assert.equal(heap.time, model[0]!.time)
          model.find(({ row }) => row === heap.row)!.time += by
          heap.postpone(heap.time + by)
        }
        for (model.sort((a, b) => a.time - b.time); model.length > 0; heap.pop())
          assert.equal(heap.time, model.shift()!.time)
        assert.equal(heap.time, Number.POSITIVE_INFINITY)
      }),
    )
  })
})
