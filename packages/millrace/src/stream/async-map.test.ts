import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, describeGraph, descriptionMermaid, descriptionText, json, pipeline, topic } from '../index.ts'
import { shapeOf } from '../plan/shape.ts'
import type { PipelineBuilder } from './pipeline.ts'

const hits = topic('hits', { value: json<{ id: number }>(), partitions: 2 })
const more = topic('more', { value: json<{ id: number }>(), partitions: 2 })
const out = topic('out', { value: json<unknown>() })
const same = async <T>(v: T): Promise<T> => v

function built(build: (p: PipelineBuilder) => unknown) {
  return pipeline('p', p => void build(p)).graph
}

describe('asyncMap in a plan', () => {
  const asked = built(p =>
    p
      .from(hits)
      .asyncMap('ask', same, { concurrency: 8, timeout: '2s', retry: { retries: 3 }, order: 'none' })
      .to(out),
  )

  it('is described with its calls and as a store', () => {
    const description = describeGraph(asked)
    assert.match(descriptionText(description), /8 at once, 2000 ms each, 3 retries, order none/)
    assert.match(descriptionMermaid(description), /\[\("ask: 8 at once/)
    assert.match(descriptionText(description), /whole record because ask: it keeps whole values/)
  })

  it('[8.1] has a store of its own in the shape of the pipeline', () => {
    const { stores } = shapeOf(
      asked,
      () => 2,
      () => undefined,
    )
    assert.deepEqual(
      stores.map(({ name, keyedBy, partitions, columns }) => [name, keyedBy, partitions, columns.length]),
      [['ask', 'hits', 2, 1]],
    )
  })

  it('[1.2] [7.4] makes one task of what is merged in front of it, for its records are in one store', () => {
    const merged = built(p => p.from(hits).merge(p.from(more)).asyncMap('ask', same).to(out))
    assert.deepEqual(
      describeGraph(merged).subTopologies.map(({ name }) => name),
      ['hits+more'],
    )
  })
})

describe('a mistake with asyncMap', () => {
  const mistakes: readonly [string, (p: PipelineBuilder) => unknown, RegExp][] = [
    ['no name', p => p.from(hits).asyncMap(same as never, same), /asyncMap.*it has no name.*name it/s],
    ['no callback', p => p.from(hits).asyncMap('ask', 7 as never), /"ask".*the callback is not a function/s],
    ['no call', p => p.from(hits).asyncMap('ask', same, { concurrency: 0 }), /concurrency is 0/],
    ['no time', p => p.from(hits).asyncMap('ask', same, { timeout: 0 }), /its calls have no time/],
    ['no order', p => p.from(hits).asyncMap('ask', same, { order: 'all' as never }), /order is "all"/],
    [
      'a longest back-off that is none',
      p => p.from(hits).asyncMap('ask', same, { retry: { retries: 1, backoff: '2s', maxBackoff: '1s' } }),
      /maxBackoff is shorter than retry.backoff/,
    ],
    [
      'grouping without a keyBy',
      p => p.from(hits).asyncMap('ask', same).byKey().aggregate('n', { n: count() }),
      /"n": its records come from asyncMap "ask".*put keyBy\('name', …\) between/s,
    ],
    [
      'grouping the failures without a keyBy',
      p => p.from(hits).asyncMap('ask', same).failed.byKey().aggregate('n', { n: count() }),
      /"n": its records come from asyncMap "ask"/,
    ],
  ]
  for (const [name, build, message] of mistakes)
    it(`says so where there is ${name}`, () =>
      assert.throws(() => built(build), { name: 'PlanError', message }))
})
