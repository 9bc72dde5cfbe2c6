import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { json } from '../serde/json.ts'
import { count } from '../stream/aggregates.ts'
import { type PipelineBuilder, pipeline } from '../stream/pipeline.ts'
import { topic } from '../stream/topic.ts'
import { checkCoPartitioning, repartitionCounts } from './partitions.ts'

type View = { url: string; ms: number }
const views = topic('views', { value: json<View>() })
const others = topic('others', { value: json<View>() })
const real = new Map([
  ['views', 4],
  ['others', 6],
])

function counts(build: (p: PipelineBuilder) => unknown) {
  const { graph } = pipeline('p', p => void build(p))
  return Object.fromEntries(repartitionCounts(graph, name => real.get(name)))
}

describe('partition counts of keyBys', () => {
  it('[1.5] are the largest count of the inputs that write them', () => {
    assert.deepEqual(
      counts(p => {
        const byUrl = p.from(views).merge(p.from(others)).keyBy('url')
        byUrl
          .map(v => v)
          .keyBy('ms')
          .aggregate('n', { n: count() })
      }),
      { url: 6, ms: 6 },
    )
  })

  it('[5.9] follow what they meet in a store', () => {
    const meet = (p: PipelineBuilder) =>
      p.from(views).byKey().merge(p.from(others).keyBy('url')).aggregate('n', { n: count() })
    assert.deepEqual(counts(meet), { url: 4 })
    assert.deepEqual(
      counts(p =>
        p
          .from(views)
          .keyBy('a', 'url')
          .merge(p.from(others).keyBy('b', 'url'))
          .aggregate('n', { n: count() }),
      ),
      { a: 6, b: 6 },
    )
    assert.deepEqual(
      counts(p =>
        p
          .from(views)
          .keyBy('a', 'url')
          .merge(p.from(others).keyBy('b', 'url', { partitions: 3 }))
          .aggregate('n', { n: count() }),
      ),
      { a: 3, b: 3 },
    )
  })

  it('[5.9] of topics that meet are checked again with the real ones', () => {
    const { graph } = pipeline('p', p => {
      p.from(views).byKey().merge(p.from(others).byKey()).aggregate('n', { n: count() })
    })
    checkCoPartitioning(graph, () => 4)
    assert.throws(() => checkCoPartitioning(graph, name => real.get(name)), /"views" has 4, "others" has 6/)
  })
})
