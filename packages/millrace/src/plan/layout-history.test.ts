import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { custom, json, pipeline, topic } from '../index.ts'
import { LayoutHistory, type ShapeNote, type ShapeRecord } from './layout-history.ts'
import { type PipelineShape, shapeOf } from './shape.ts'

/** A pipeline over `views` and `url.repartition`, with a store of these columns behind each; none leaves the store out. */
function shape(behindUrl: string[], behindViews: string[] = []): PipelineShape {
  const store = (name: string, keyedBy: string, columns: string[]) => ({
    name,
    keyedBy,
    partitions: 4,
    columns: columns.map(column => ({ name: column, state: 'count', detail: 'count' })),
  })
  return {
    pipeline: 'p',
    sources: [{ name: 'views', detail: '' }],
    sinks: [],
    rekeyings: [{ name: 'url', partitions: 4, key: 'url', from: ['views'] }],
    stores: [
      ...(behindUrl.length > 0 ? [store('per-url', 'url.repartition', behindUrl)] : []),
      ...(behindViews.length > 0 ? [store('per-user', 'views', behindViews)] : []),
    ],
  }
}

function historyOf(...records: (PipelineShape | [PipelineShape, ShapeNote['kind']])[]): LayoutHistory {
  const history = new LayoutHistory()
  for (const record of records) {
    const [ran, kind] = Array.isArray(record) ? record : [record]
    const note = kind === 'reset' ? { kind, inputs: ['url.repartition'] } : kind && { kind }
    history.add({ ...ran, note } as ShapeRecord)
  }
  return history
}

const standing = (history: LayoutHistory, each: PipelineShape) => {
  const { versions, older, newer, isKnown } = history.standingOf(each)
  return { versions: Object.fromEntries(versions), older, newer, isKnown }
}

describe('the history of layouts', () => {
  const [one, two] = [shape(['n']), shape(['n', 'total'])]

  it('[8.2] says that what came up later is newer, behind the input where it differs', () => {
    const history = historyOf(one, two)
    assert.deepEqual(standing(history, one), {
      versions: { views: 1, 'url.repartition': 1 },
      older: ['url.repartition'],
      newer: [],
      isKnown: true,
    })
    assert.deepEqual(standing(history, two).versions, { views: 1, 'url.repartition': 2 })
    assert.deepEqual(standing(history, two).older, [])
  })

  it('[8.2] takes what it has never seen for the newest, and for older where it knows better', () => {
    const branch = shape(['n'], ['users'])
    const { older, newer, isKnown } = standing(historyOf(one, two), branch)
    assert.deepEqual(
      { older, newer, isKnown },
      { older: ['url.repartition'], newer: ['views'], isKnown: false },
    )
  })

  it('[8.2] of a state of the user’s own the higher version is newer', () => {
    const version = (number: number): PipelineShape => {
      const state = custom({
        version: number,
        init: () => 0,
        add: (n: number) => n + 1,
        migrate: old => old as number,
      })
      const { graph } = pipeline(
        'p',
        p =>
          void p
            .from(topic('t', { value: json<object>() }))
            .byKey()
            .aggregate('s', { state }),
      )
      return shapeOf(
        graph,
        () => 1,
        () => 1,
      )
    }
    const history = historyOf(version(1), version(2))
    assert.deepEqual([standing(history, version(1)).older, standing(history, version(2)).older], [['t'], []])
  })

  it('[8.2] calls nobody older for what was only announced', () => {
    const history = historyOf(one, [two, 'announced'])
    assert.deepEqual(standing(history, one).older, [])
    assert.deepEqual(standing(history, two).newer, ['url.repartition'])
    assert.equal(standing(history, two).versions['url.repartition'], 2)
    assert.deepEqual(history.shape, one)
  })

  it('[8.2] a store that is gone is newer than one that is there, and who never had it is older', () => {
    const gone = historyOf(two, shape([]))
    assert.deepEqual(standing(gone, two).older, ['url.repartition'])
    assert.deepEqual(standing(gone, shape([])).versions, { views: 1, 'url.repartition': 2 })
    const come = historyOf(one, shape(['n'], ['users']))
    assert.deepEqual(standing(come, one).older, ['views'])
  })

  it('[8.2] also of a pipeline that keeps nothing any more', () => {
    const none = { ...shape([]), rekeyings: [] }
    const history = historyOf(one, none)
    assert.deepEqual(standing(history, none).versions, { views: 2, 'url.repartition': 2 })
    assert.deepEqual([...standing(history, one).older].sort(), ['url.repartition', 'views'])
    assert.deepEqual(standing(historyOf(), none).versions, {})
  })

  it('[8.2] a rollback makes the older the newest, and then the other one is older', () => {
    const history = historyOf(one, two, [one, 'rollback'], one)
    assert.deepEqual(standing(history, one).older, [])
    assert.equal(standing(history, one).versions['url.repartition'], 3)
    assert.deepEqual(standing(history, two).older, ['url.repartition'])
  })

  it('[8.2] after a reset nobody is older behind the inputs that it was about', () => {
    const history = historyOf(one, two, [shape([], ['users']), 'reset'])
    assert.deepEqual(standing(history, one).older, ['views'])
    assert.deepEqual(standing(history, shape(['n'], ['users'])).older, [])
  })

  it('reads what was written before layouts had an order', () => {
    const { rekeyings, ...rest } = one
    const before = { ...rest, rekeyings: rekeyings.map(({ from: _, ...each }) => each) }
    assert.deepEqual(standing(historyOf(before), one).older, [])
  })

  it('[8.2] is in one order for all, however much of it each has read', () => {
    const columns = fc.subarray(['a', 'b', 'c'], { minLength: 1 })
    const records = fc.array(
      fc.tuple(columns, fc.constantFrom(undefined, 'announced' as const, 'rollback' as const)),
      {
        minLength: 1,
        maxLength: 12,
      },
    )
    fc.assert(
      fc.property(records, all => {
        const shapes = all.map(([names]) => shape(names))
        const versionsBy = all.map((_, length) => {
          const seen = all
            .slice(0, length + 1)
            .map(([, kind], i) => (kind === undefined ? shapes[i]! : ([shapes[i]!, kind] as const)))
          const history = historyOf(...(seen as Parameters<typeof historyOf>))
          return shapes.slice(0, length + 1).map(each => standing(history, each).versions['url.repartition']!)
        })
        // A version only ever goes up, and the last record's is the highest of a rollback or of something new.
        for (let length = 1; length < versionsBy.length; length++)
          for (let i = 0; i < length; i++) assert.ok(versionsBy[length]![i]! >= versionsBy[length - 1]![i]!)
        const final = versionsBy.at(-1)!
        if (all.at(-1)![1] === 'rollback') assert.equal(final.at(-1), Math.max(...final))
      }),
    )
  })
})
