import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { json } from '../serde/json.ts'
import { count } from '../stream/aggregates.ts'
import { pipeline } from '../stream/pipeline.ts'
import { topic } from '../stream/topic.ts'
import type { Graph } from './graph.ts'
import { subTopologies } from './sub-topology.ts'
import { labelOf } from './walk.ts'

type View = { url: string; ms: number }
const views = topic('views', { value: json<View>() })
const others = topic('others', { value: json<View>() })
const target = topic('target', { value: json<View>() })
const rows = topic('rows', { value: json<{ n: number }>() })

/** One line per sub-topology: its name, its steps, a star where it keeps state. */
function shown(graph: Graph): string[] {
  return subTopologies(graph).map(
    ({ name, nodeIds, keyed }) =>
      `${name}${keyed ? '*' : ''}: ${nodeIds.map(id => labelOf(graph.nodes[id]!)).join(' ')}`,
  )
}

describe('sub-topologies', () => {
  it('[1.1] end at sinks and at the keyBy that writes', () => {
    const { graph } = pipeline('p', p => {
      const byUrl = p
        .from(views)
        .filter(v => v.ms > 0)
        .keyBy('url')
      byUrl.failed.to(target)
      byUrl.aggregate('n', { n: count() }).emit('updates').to(rows)
    })
    assert.deepEqual(shown(graph), [
      'views: views filter url to(target)',
      'url.repartition*: n emit to(rows)',
    ])
  })

  it('[1.2] that keep no state are one per input, with the same steps', () => {
    const { graph } = pipeline('p', p => {
      p.from(views).merge(p.from(others)).to(target)
    })
    assert.deepEqual(shown(graph), ['views: views merge to(target)', 'others: others merge to(target)'])
  })

  it('[5.9] are one where several inputs meet in a store', () => {
    const { graph } = pipeline('p', p => {
      const own = p.from(views).byKey()
      own
        .merge(p.from(others).byKey(), p.from(target).keyBy('url'))
        .aggregate('n', { n: count() })
        .emit('updates')
        .to(rows)
    })
    assert.deepEqual(shown(graph), [
      'views+others+url.repartition*: views byKey others byKey merge n emit to(rows)',
      'target: target url',
    ])
  })

  it('share one input behind a keyBy that several steps read', () => {
    const { graph } = pipeline('p', p => {
      const byUrl = p.from(views).keyBy('url')
      byUrl.aggregate('a', { n: count() }).emit('updates').to(rows)
      byUrl.aggregate('b', { n: count() }).emit('updates').to(rows)
    })
    assert.deepEqual(shown(graph), ['views: views url', 'url.repartition*: a emit to(rows) b emit to(rows)'])
  })
})
