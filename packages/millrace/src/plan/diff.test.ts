import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { count, json, max, type PipelineBuilder, pipeline, session, sum, topic, tumbling } from '../index.ts'
import { changeText, diffShapes } from './diff.ts'
import { shapeOf } from './shape.ts'

type View = { url: string; user: string; ms: number }

const views = topic('views', { value: json<View>(), partitions: 4 })
const clicks = topic('clicks', { value: json<View>(), partitions: 4 })
const rows = topic('rows', { value: json<{ n: number }>() })

function shape(build: (p: PipelineBuilder) => unknown, rekeyed = 4) {
  const { graph } = pipeline('shop', p => void build(p))
  return shapeOf(
    graph,
    name => (name === 'rows' ? 1 : 4),
    () => rekeyed,
  )
}

const perUrl = (p: PipelineBuilder, name = 'per-url', columns: object = { n: count() }) =>
  p
    .from(views)
    .keyBy('url')
    .aggregate(name, columns as { n: ReturnType<typeof count<View>> })

/** Each change as a line, and whether it is refused. */
const changes = (before: ReturnType<typeof shape>, now: ReturnType<typeof shape>) =>
  diffShapes(before, now).map(({ kind, what, name, detail, refused }) =>
    [kind, what, name, detail, refused === undefined ? 'goes on' : 'refused'].filter(Boolean).join(' | '),
  )

describe('a changed pipeline', () => {
  it('[8.1] is the same as itself, also with other callbacks and another grace', () => {
    const windows = (grace: '1s' | '2s', factor: number) =>
      shape(p =>
        p
          .from(views)
          .map(v => ({ ...v, ms: v.ms * factor }))
          .keyBy('url')
          .window(tumbling('1m', { grace }))
          .aggregate('a', { n: count() })
          .emit('final')
          .to(rows),
      )
    assert.deepEqual(changes(windows('1s', 1), windows('2s', 2)), [])
  })

  it('[8.1] keeps its sessions with another grace, and not with another gap', () => {
    const sessions = (gap: '1m' | '2m', grace: '1s' | '2s') =>
      shape(p =>
        p.from(views).keyBy('url').window(session(gap, { grace })).aggregate('visits', { n: count() }),
      )
    assert.deepEqual(changes(sessions('1m', '1s'), sessions('1m', '2s')), [])
    assert.deepEqual(changes(sessions('1m', '1s'), sessions('2m', '1s')), [
      'changed | store | visits | window session, gapMs 60000, now session, gapMs 120000 | refused',
    ])
  })

  it('[8.1] has new and removed sources, sinks, re-keyings and stores, and goes on', () => {
    const before = shape(p => perUrl(p).emit('updates').to(rows))
    const now = shape(p =>
      p
        .from(clicks)
        .keyBy('user')
        .aggregate('per-user', { n: count(), most: max('ms') }),
    )
    assert.deepEqual(changes(before, now), [
      'new | source | clicks | goes on',
      'removed | source | views | goes on',
      'new | re-keying | user | goes on',
      'removed | re-keying | url | goes on',
      'new | store | per-user | goes on',
      'removed | store | per-url | goes on',
      'removed | sink | rows | goes on',
    ])
  })

  it('[8.1] with a store that looks renamed is refused until that is said', () => {
    const before = shape(p => perUrl(p))
    const now = shape(p => perUrl(p, 'pages'))
    assert.deepEqual(changes(before, now), [
      'renamed | store | pages | it looks like "per-url", which is gone | refused',
    ])
    const [{ refused } = { refused: '' }] = diffShapes(before, now)
    assert.match(refused!, /millrace rename shop per-url pages; .*millrace reset shop --step per-url/)
  })

  it('[8.1] [1.5] is refused where keys would meet the state of others, or not their own', () => {
    const before = shape(p => perUrl(p))
    const otherKey = shape(p =>
      p
        .from(views)
        .keyBy('url', v => v.user)
        .aggregate('per-url', { n: count() }),
    )
    assert.deepEqual(changes(before, otherKey), ['changed | re-keying | url | by url, now by … | refused'])
    const otherStep = shape(p => p.from(views).keyBy('user').aggregate('per-url', { n: count() }))
    assert.deepEqual(changes(before, otherStep).slice(-1), [
      'changed | store | per-url | keyed by url.repartition, now user.repartition | refused',
    ])
    assert.deepEqual(
      changes(
        before,
        shape(p => perUrl(p), 8),
      ),
      [
        'changed | re-keying | url | 4 partitions, now 8 | refused',
        'changed | store | per-url | partitions 4, now 8 | refused',
      ],
    )
  })

  it('[8.1] is refused with another window or another kind of column; columns may come, go and read something else', () => {
    const windowed = (size: '1m' | '2m') =>
      shape(p => p.from(views).byKey().window(tumbling(size)).aggregate('a', { n: count() }))
    assert.match(
      changes(windowed('1m'), windowed('2m')).join(),
      /changed \| store \| a \| window .*60000.*120000.* refused/,
    )
    const table = (columns: object) => shape(p => perUrl(p, 'a', columns))
    assert.deepEqual(changes(table({ n: count(), ms: sum('ms') }), table({ n: count(), most: max('ms') })), [
      'new | column | a.most | goes on',
      'removed | column | a.ms | goes on',
    ])
    assert.deepEqual(changes(table({ x: sum('ms') }), table({ x: sum((v: View) => v.ms) })), [
      'changed | column | a.x | sum(ms), now sum(…) | goes on',
    ])
    assert.deepEqual(changes(table({ x: sum('ms') }), table({ x: max('ms') })), [
      'changed | column | a.x | sum(ms), now max(ms) | refused',
    ])
  })

  it('[1.5] keeps the partitions a re-keying began with, and says so', () => {
    const now = shape(p => p.from(views).keyBy('url', v => v.url, { partitions: 9 }))
    const [told] = diffShapes(now, now).map(changeText)
    assert.equal(
      told,
      're-keying "url" changed (9 partitions are wanted): it keeps the 4 it began with until the pipeline is reset: millrace reset shop',
    )
  })

  it('says a change in one line', () => {
    const before = shape(p => perUrl(p))
    assert.deepEqual(
      diffShapes(
        before,
        shape(p => p.from(views)),
      ).map(changeText),
      [
        're-keying "url" removed: what its topic still holds is not processed any more; the topic stays',
        'store "per-url" removed: its state stays in its changelog until it is dropped: millrace reset shop --step per-url',
      ],
    )
  })
})
