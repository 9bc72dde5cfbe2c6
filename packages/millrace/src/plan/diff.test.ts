import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { json } from '../serde/json.ts'
import { avg, type Columns, count, custom, sum } from '../stream/aggregates.ts'
import { pipeline } from '../stream/pipeline.ts'
import { topic } from '../stream/topic.ts'
import { tumbling } from '../window/tumbling.ts'
import { diffStores } from './diff.ts'
import type { WindowSpec } from './graph.ts'

type View = { url: string; ms: number }
const views = topic('views', { value: json<View>() })

function version(
  columns: Columns<View>,
  { name = 'n', window }: { name?: string; window?: WindowSpec } = {},
) {
  return pipeline('p', p => {
    const keyed = p.from(views).byKey()
    if (window === undefined) keyed.aggregate(name, columns)
    else keyed.window(window).aggregate(name, columns)
  }).graph
}

const changes = (before: ReturnType<typeof version>, after: ReturnType<typeof version>) =>
  diffStores(before, after).map(({ kind, refused, text }) => `${refused ? 'refused: ' : ''}${kind}: ${text}`)

const distinct = (number: number, migrate?: (old: unknown) => number) =>
  custom({ init: () => 0, add: n => n + 1, version: number, migrate })

describe('the difference of two versions', () => {
  it('[8.1] is nothing when only callbacks, fields and grace changed', () => {
    const before = version({ n: count(v => v.ms > 0), s: sum('ms') }, { window: tumbling('1m') })
    const after = version({ n: count(), s: sum(v => v.ms) }, { window: tumbling('1m', { grace: '5s' }) })
    assert.deepEqual(diffStores(before, after), [])
  })

  it('[8.1] adds and drops columns, and refuses another kind', () => {
    assert.deepEqual(changes(version({ a: count(), b: sum('ms') }), version({ b: avg('ms'), c: count() })), [
      'refused: column-changed: store "n": column "b" was sum and is avg',
      'column-added: store "n": column "c" is new and begins from its initial value',
      'column-removed: store "n": column "a" is gone and its state is dropped',
    ])
  })

  it('[8.1] refuses another window', () => {
    const minutes = version({ n: count() }, { window: tumbling('1m') })
    assert.deepEqual(changes(minutes, version({ n: count() })), [
      'refused: window-changed: store "n": its window was tumbling 60000 ms, grace 0 ms and is none',
    ])
    assert.equal(diffStores(minutes, version({ n: count() }, { window: tumbling('2m') }))[0]!.refused, true)
  })

  it('[8.1] refuses another version of a custom state unless it migrates', () => {
    const before = version({ d: distinct(1) })
    assert.equal(diffStores(before, version({ d: distinct(2) }))[0]!.refused, true)
    assert.equal(diffStores(before, version({ d: distinct(2, () => 0) }))[0]!.refused, false)
  })

  it('tells a renamed store as one that came and one that went', () => {
    assert.deepEqual(
      diffStores(version({ n: count() }), version({ n: count() }, { name: 'm' })).map(c => [c.store, c.kind]),
      [
        ['m', 'store-added'],
        ['n', 'store-removed'],
      ],
    )
  })
})
