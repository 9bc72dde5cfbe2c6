import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { json } from '../serde/json.ts'
import { count } from '../stream/aggregates.ts'
import { pipeline } from '../stream/pipeline.ts'
import { topic } from '../stream/topic.ts'
import { setsKey } from './callback-result.ts'
import { out } from './out.ts'
import { keyKeepers } from './validate.ts'

type View = { url: string; ms: number }
const views = topic('views', { value: json<View>() })

describe('steps that must keep the key', () => {
  it('are those in front of a store with no keyBy between', () => {
    const { graph } = pipeline('p', p => {
      const named = (name: string) => ({ name })
      const free = p.from(views).map(v => v, named('free'))
      const kept = free.keyBy('url').map(v => v, named('kept'))
      kept
        .byKey()
        .aggregate('n', { n: count() })
        .emit('updates')
        .map(v => v, named('after'))
    })
    const names = [...keyKeepers(graph)].map(id => graph.nodes[id]!.name)
    assert.deepEqual(names, ['kept'])
  })

  it('are seen to set one where out() is called with a key', () => {
    const lib = { out }
    assert.equal(
      setsKey((v: View) => out(v, { key: v.url })),
      true,
    )
    assert.equal(
      setsKey((v: View) => (v.ms > 0 ? lib.out(v, { timestamp: 1, key: v.url }) : v)),
      true,
    )
    assert.equal(
      setsKey((v: View) => out({ ...v, key: 1 }, { timestamp: 1 })),
      false,
    )
    assert.equal(setsKey(((v: View) => v).bind(undefined)), false)
  })
})
