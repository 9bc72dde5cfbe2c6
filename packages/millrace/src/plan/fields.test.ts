import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { bytes } from '../serde/bytes.ts'
import { json } from '../serde/json.ts'
import { avg, count, custom, sum } from '../stream/aggregates.ts'
import { type PipelineBuilder, pipeline } from '../stream/pipeline.ts'
import type { SourceStream } from '../stream/stream.ts'
import { topic } from '../stream/topic.ts'
import { copyObstacle, type FieldOptions, sourceFields } from './fields.ts'
import type { KeyByNode, SourceNode, ToTopicNode } from './graph.ts'
import type { Topic } from './topic.ts'

type View = { url: string; ms: number; at: number; size: number; visitor: string }
const views = topic('views', { value: json<View>(), timestamp: 'at', key: 'visitor' })
const copy = topic('copy', { value: json<View>() })
const schema = z.object({ url: z.string(), ms: z.number() })
const checked = (validate: 'full' | 'used' | 'off') => topic('checked', { value: json(schema), validate })

type Build = (source: SourceStream<View, string | null>, p: PipelineBuilder) => unknown

function graphOf(build: Build, from: Topic = views) {
  return pipeline('p', p => void build(p.from(from), p)).graph
}

function fields(build: Build, from?: Topic, options?: FieldOptions) {
  const graph = graphOf(build, from)
  return sourceFields(graph, graph.nodes[0] as SourceNode, options)
}

function carriedFields(build: Build) {
  const graph = graphOf(build)
  return sourceFields(graph, graph.nodes.find(node => node.kind === 'keyBy') as KeyByNode)
}

describe('decoded fields', () => {
  it('[5.5] are those that callbacks read, and the event time', () => {
    assert.deepEqual(
      fields(s =>
        s
          .filter(v => v.ms > 0)
          .peek(v => v.size)
          .branch({ home: v => v.url === '/' })
          .home.map(v => v.ms),
      ),
      { fields: ['at', 'ms', 'size', 'url'] },
    )
  })

  it('[5.3] are the same for a name and for a callback', () => {
    const byName = fields(s => s.byKey().aggregate('n', { n: count(), ms: sum('ms'), size: avg('size') }))
    const byCallback = fields(s =>
      s.byKey().aggregate('n', { n: count(v => v.ms > 0), ms: sum(v => v.ms), size: avg(v => v.size) }),
    )
    assert.deepEqual(byName, { fields: ['at', 'ms', 'size'] })
    assert.deepEqual(byCallback, byName)
  })

  it('are all of them in front of a keyBy that also takes values made by a step', () => {
    const other = topic('other', { value: json<View>() })
    const use = fields((s, p) =>
      s
        .merge(p.from(other).map(v => ({ ...v })))
        .keyBy('url')
        .aggregate('n', { ms: sum('ms') }),
    )
    assert.deepEqual(use, { whole: 'url: it writes merged values anew' })
  })

  it('leave out what steps behind a map or a keyBy read', () => {
    assert.deepEqual(
      fields(s => s.map(v => ({ n: v.ms, x: 1 })).filter(v => v.x > 0)),
      { fields: ['at', 'ms'] },
    )
    assert.deepEqual(
      fields(s => s.keyBy('url').filter(v => v.ms > 0)),
      { fields: ['at', 'url'] },
    )
  })

  it('go on behind a keyBy with those that its far side reads', () => {
    const build: Build = s => {
      const keyed = s.keyBy('url')
      keyed.failed.peek(v => v)
      keyed.filter(v => v.ms > 0).to(copy)
    }
    assert.deepEqual(carriedFields(build), { fields: ['ms'] })
  })

  it('include those that a side stream of unchanged records reads', () => {
    const build: Build = s => {
      const window = { kind: 'tumbling', sizeMs: 1, offsetMs: 0, graceMs: 0 } as const
      const table = s.byKey().window(window).aggregate('n', { n: count() })
      table.late.filter(v => v.size > 0)
      table.emit('final').filter(v => v.start > 0)
    }
    assert.deepEqual(fields(build), { fields: ['at', 'size'] })
  })

  it('[5.5] of a join of streams are those that it reads on their side', () => {
    const other = topic('other', { value: json<View>() })
    const joined = (fn: (a: View, b: View) => unknown) => {
      const graph = graphOf((s, p) => s.byKey().join('j', p.from(other).byKey(), { before: '1s' }, fn))
      return graph.nodes.flatMap(node => (node.kind === 'source' ? [sourceFields(graph, node)] : []))
    }
    assert.deepEqual(
      joined((a, b) => [a.ms, b.size]),
      [{ fields: ['at', 'ms'] }, { fields: ['size'] }],
    )
    assert.deepEqual(
      joined((a, b) => [a.ms, { ...b }]),
      [{ fields: ['at', 'ms'] }, { whole: 'j: a join keeps whole values' }],
    )
  })

  it('are all of them where a join of streams keeps values that are no JSON', () => {
    const packed = topic('packed', { value: bytes() as never })
    const use = fields((s, p) =>
      p
        .from(packed)
        .merge(s as never)
        .byKey()
        .join('j', s.byKey(), { before: '1s' }, (a: unknown, b) => [(a as View).ms, b.ms]),
    )
    assert.deepEqual(use, { whole: 'j: a join keeps whole values' })
  })

  it('[5.5] are none where the record is copied as bytes', () => {
    assert.deepEqual(
      fields(s => s.filter(v => v.ms > 0).to(copy)),
      { fields: ['at', 'ms'] },
    )
  })

  it('[5.5] of custom aggregates and reductions are those that they add', () => {
    const spread = custom({
      init: () => 0,
      add: (most, v: View) => Math.max(most, v.ms - v.size),
      version: 1,
    })
    assert.deepEqual(
      fields(s => s.byKey().aggregate('a', { spread, n: count() })),
      { fields: ['at', 'ms', 'size'] },
    )
    assert.deepEqual(
      fields(s =>
        s.byKey().reduce(
          'r',
          (sum, { ms }) => sum + ms,
          () => 0,
        ),
      ),
      { fields: ['at', 'ms'] },
    )
  })

  it('[5.5] of custom aggregates and reductions are those that they add', () => {
    const most = custom({ init: () => 0, add: (n, v: View) => Math.max(n, v.ms - v.size), version: 1 })
    assert.deepEqual(
      fields(s => s.byKey().aggregate('a', { most, n: count() })),
      { fields: ['at', 'ms', 'size'] },
    )
    const add = (sum: number, { ms }: View) => sum + ms
    assert.deepEqual(
      fields(s => s.byKey().reduce('r', add, () => 0)),
      { fields: ['at', 'ms'] },
    )
  })

  it('[5.5] of a sink are those that key a record without a key', () => {
    assert.deepEqual(
      fields(s => s.to(topic('keyed', { value: json<View>(), key: 'visitor' }))),
      {
        fields: ['at', 'visitor'],
      },
    )
  })
})

describe('the whole record', () => {
  const reason = (build: Build, from?: Topic, options?: FieldOptions) => {
    const use = fields(build, from, options)
    return 'whole' in use ? use.whole : use
  }

  it('is decoded where a callback uses the value itself', () => {
    assert.match(String(reason(s => s.map(v => ({ ...v, x: 1 }), { name: 'widen' }))), /^widen: /)
  })

  it('is decoded for steps that get all of it', () => {
    assert.equal(
      reason(s => s.print()),
      'print: without a format it prints the whole value',
    )
    assert.equal(
      reason(s => s.toFile('x')),
      'toFile: it writes the whole value',
    )
    assert.equal(
      reason(s => s.byKey().reduce('r', a => a)),
      'r: without init it keeps the first value',
    )
  })

  it('is decoded where a custom aggregate or a reduction uses the value itself', () => {
    const add = (list: View[], v: View) => [...list, v]
    assert.match(
      String(
        reason(s => s.byKey().aggregate('a', { c: custom({ init: () => [] as View[], add, version: 1 }) })),
      ),
      /^a, c: "v" is used as a whole/,
    )
    assert.match(
      String(
        reason(s =>
          s.byKey().reduce(
            'r',
            (_, v) => v,
            () => undefined as View | undefined,
          ),
        ),
      ),
      /^r: "v" is used as a whole/,
    )
  })

  it('[5.6] is decoded for a schema that checks everything, but not again on a closed log', () => {
    const build: Build = s => s.filter(v => v.ms > 0)
    assert.equal(reason(build, checked('full')), 'checked: its schema checks the whole record')
    assert.deepEqual(fields(build, checked('full'), { closedLog: true }), { fields: ['ms'] })
    assert.deepEqual(fields(build, checked('used')), { fields: ['ms'] })
    assert.deepEqual(fields(build, checked('off')), { fields: ['ms'] })
  })

  it('[5.6] is decoded for a schema that may change values, on every log', () => {
    const trimmed = topic('trimmed', { value: json(z.object({ url: z.string().trim(), ms: z.number() })) })
    const closed = reason(s => s.filter(v => v.ms > 0), trimmed, { closedLog: true })
    assert.equal(closed, 'trimmed: its schema may change the value')
  })

  it('[5.6] is decoded where a sink checks what it writes', () => {
    const target = topic('target', { value: json(schema) })
    assert.equal(
      reason(s => s.to(target)),
      'to(target): its schema checks what is written',
    )
    const used = topic('used', { value: target.value, validate: 'used' })
    assert.equal(
      reason(s => s.to(target), used),
      'to(target): its schema checks what is written',
    )
    assert.deepEqual(
      fields(s => s.to(target), used, { closedLog: true }),
      { fields: [] },
    )
  })
})

describe('a sink', () => {
  const obstacle = (build: Build, from?: Topic) => {
    const graph = graphOf(build, from)
    return copyObstacle(graph, graph.nodes.findLast(node => node.kind === 'to') as ToTopicNode)
  }

  it('[5.5] copies the bytes of records that come unchanged, also through a keyBy', () => {
    assert.equal(
      obstacle(s => s.to(copy)),
      undefined,
    )
    assert.equal(
      obstacle(s =>
        s
          .keyBy('url')
          .filter(v => v.ms > 0)
          .to(copy),
      ),
      undefined,
    )
    assert.equal(
      obstacle(s => s.map(v => v.ms).failed.to(copy)),
      undefined,
    )
  })

  it('[5.5] writes anew what a step made, what has another serde and what a schema changes', () => {
    assert.equal(
      obstacle(s => s.map(v => v).to(copy)),
      'the value is not the one that was read',
    )
    assert.equal(
      obstacle(s => s.to(topic('raw', { value: bytes() }) as never)),
      'it has another serde',
    )
    const trimming = topic('trimming', { value: json(z.object({ url: z.string().trim() })) })
    assert.equal(
      obstacle(s => s.to(copy), trimming),
      'its schema changes values',
    )
  })
})
