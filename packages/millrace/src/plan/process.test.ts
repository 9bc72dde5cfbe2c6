import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { json } from '../serde/json.ts'
import { type PipelineBuilder, pipeline } from '../stream/pipeline.ts'
import { side, state } from '../stream/process.ts'
import { topic } from '../stream/topic.ts'
import { describeGraph } from './describe.ts'
import { descriptionText } from './describe-text.ts'
import { diffShapes } from './diff.ts'
import { sourceFields } from './fields.ts'
import type { SourceNode } from './graph.ts'
import { shapeOf } from './shape.ts'

type View = { user: string; ms: number; url: string }
const views = topic('views', { value: json<View>() })
const keyed = (p: PipelineBuilder) => p.from(views).byKey()

const visits = pipeline('visits', p => {
  keyed(p).process(
    'visits',
    {
      state: { last: state.value<number>(), urls: state.map<string, number>({ ttl: '1h' }) },
      sides: { long: side<number>() },
      holdBack: '30m',
      onTimer: () => [1],
    },
    ({ ms }, { state: { last } }) => {
      last.set(ms)
    },
  )
})

describe('a process step in a plan', () => {
  it('is described by what it keeps, and reads the fields that its callback reads', () => {
    assert.match(
      descriptionText(describeGraph(visits.graph)),
      /visits \(process\): last: value; urls: map, ttl 3600000 ms; timers, hold back 1800000 ms; sides: long/,
    )
    assert.deepEqual(sourceFields(visits.graph, visits.graph.nodes[0] as SourceNode), { fields: ['ms'] })
  })

  it('[8.1] has its states as columns, so that a start says which are new, gone or another', () => {
    const shape = (kind: 'value' | 'list') =>
      shapeOf(
        pipeline('visits', p => {
          keyed(p).process(
            'visits',
            { state: { last: state[kind]<number>(), n: state.value<number>() } },
            () => [],
          )
        }).graph,
        () => 1,
        () => undefined,
      )
    const before = shapeOf(
      visits.graph,
      () => 1,
      () => undefined,
    )
    const changes = diffShapes(before, shape('value')).map(({ kind, what, name }) => [kind, what, name])
    assert.deepEqual(changes, [
      ['new', 'column', 'visits.n'],
      ['removed', 'column', 'visits.urls'],
    ])
    assert.ok(diffShapes(before, shape('list')).some(change => change.refused !== undefined))
  })

  it('refuses what could not run, on the line that adds it', () => {
    const refused = (add: (p: PipelineBuilder) => unknown) => () => pipeline('p', p => void add(p))
    const fn = () => []
    assert.throws(
      refused(p => keyed(p).process('x', { holdBack: '1s' }, fn)),
      /"x".*has no onTimer/s,
    )
    assert.throws(
      refused(p => keyed(p).process('x', { state: { 'a b': state.value() } }, fn)),
      /"a b" cannot be the name of a state/,
    )
    assert.throws(
      refused(p => keyed(p).process('x', { state: { a: state.value({ ttl: 0 }) } }, fn)),
      /state "a" is kept for no time/,
    )
    assert.throws(
      refused(p => keyed(p).process('x', { state: { a: state.value({ encode: String }) } }, fn)),
      /only one of encode and decode/,
    )
    assert.throws(
      refused(p => (p.from(views) as any).process('x', {}, fn)),
      /not grouped by a key/,
    )
  })
})
