import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AggregateNode, ForEachNode, KeyByNode, SourceNode } from '../plan/graph.ts'
import { out } from '../plan/out.ts'
import { PlanError } from '../plan/plan-error.ts'
import { json } from '../serde/json.ts'
import { keys } from '../serde/keys.ts'
import { tumbling } from '../window/tumbling.ts'
import { count, custom, quantile, sum } from './aggregates.ts'
import { every } from './emission.ts'
import { type PipelineBuilder, pipeline } from './pipeline.ts'
import type { KeyedStream, Stream } from './stream.ts'
import { topic } from './topic.ts'

type View = { url: string; ms: number }
const views = topic('views', { value: json<View>(), partitions: 4 })
const target = topic('target', { value: json<View>() })
const window = tumbling('1m')

const nodesOf = (build: (p: PipelineBuilder) => unknown) => pipeline('p', p => void build(p)).graph.nodes

/** What a plain JavaScript user could write. */
const untyped = (stream: unknown) => stream as Record<string, (...args: unknown[]) => never>

function refuses(build: (p: PipelineBuilder) => unknown, message: string | RegExp) {
  assert.throws(
    () => nodesOf(build),
    error => {
      assert.ok(error instanceof PlanError, String(error))
      if (typeof message === 'string') assert.equal(error.message, message)
      else assert.match(error.message, message)
      return true
    },
  )
}

describe('a pipeline', () => {
  it('is a deeply frozen graph of nodes in the order written', () => {
    const { graph } = pipeline('engagement', { commitInterval: '1s' }, p => {
      const perPage = p
        .from(views, { outOfOrder: '10s', idle: 'never' })
        .filter(v => v.ms > 0, { retry: { retries: 2, backoff: '1s' } })
        .keyBy('url')
        .window(window)
        .aggregate('per-page', { views: count(), p95: quantile('ms', 0.95) })
        .emit('final')
      perPage.to(topic('rows', { value: json<{ views: number }>() }))
      perPage.late.to(target)
    })
    assert.deepEqual(
      graph.nodes.map(({ id, kind, name, inputs }) => [
        id,
        kind,
        name,
        ...inputs.map(e => `${e.from}:${e.port}`),
      ]),
      [
        [0, 'source', undefined],
        [1, 'filter', undefined, '0:out'],
        [2, 'keyBy', 'url', '1:out'],
        [3, 'aggregate', 'per-page', '2:out'],
        [4, 'emit', undefined, '3:out'],
        [5, 'to', undefined, '4:out'],
        [6, 'to', undefined, '3:late'],
      ],
    )
    const source = graph.nodes[0] as SourceNode
    assert.deepEqual([source.outOfOrderMs, source.idleMs, source.maxFutureMs], [10_000, Infinity, 3_600_000])
    assert.deepEqual(graph.options, { commitIntervalMs: 1000, maxFailureRate: 0.5 })
    assert.ok(Object.isFrozen(graph) && Object.isFrozen(graph.nodes))
    assert.ok(Object.isFrozen((graph.nodes[3] as AggregateNode).columns[0]!.aggregator))
    assert.ok(Object.isFrozen(graph.nodes[6]!.inputs[0]))
  })

  it('cannot grow once it is built', () => {
    let kept: Stream<View, string | null> | undefined
    nodesOf(p => {
      kept = p.from(views)
    })
    assert.throws(() => kept!.filter(v => v.ms > 0), /already built; add steps inside its function only/)
  })

  it('does not take streams of another pipeline', () => {
    let foreign: Stream<View, string | null>
    pipeline('a', p => {
      foreign = p.from(views)
    })
    refuses(
      p => p.from(target).merge(foreign),
      'pipeline "p", step "merge": it was given a stream of pipeline "a"; connect pipelines through a topic: write it there, read it here',
    )
  })

  it('reads a topic once, however often it is asked for', () => {
    assert.equal(nodesOf(p => p.from(views).merge(p.from(views))).filter(n => n.kind === 'source').length, 1)
    refuses(
      p => p.from(views).merge(p.from(views, { outOfOrder: '1s' })),
      /read twice with different options/,
    )
  })

  it('must read something, at once', () => {
    refuses(() => {}, 'pipeline "p": it reads nothing; begin with p.from(topic)')
    assert.throws(() => pipeline('p', (async () => {}) as never), /its function is async/)
    assert.throws(() => pipeline('p', undefined as never), /it has no function/)
  })

  it('does not feed itself', () => {
    refuses(p => p.from(views).to(views), /reads and writes this topic, so it would feed itself for ever/)
    refuses(p => p.from(target).to(views) && p.from(views), /would feed itself/)
  })
})

describe('steps', () => {
  it('give each case of a branch its own port', () => {
    const nodes = nodesOf(p => {
      const { slow, otherwise } = p.from(views).branch({ slow: v => v.ms > 1000 })
      slow.to(target)
      otherwise.print()
    })
    assert.deepEqual(nodes[2]!.inputs, [{ from: 1, port: 'case:slow' }])
    assert.deepEqual(nodes[3]!.inputs, [{ from: 1, port: 'case:otherwise' }])
  })

  it('have side streams of their own', () => {
    const nodes = nodesOf(p => {
      const source = p.from(views)
      source.rejected.forEach(() => {})
      source.tombstones.forEach(() => {})
      source.map(v => v.ms).failed.to(target)
      source.to(target).failed.print()
      source.byKey().aggregate('n', { n: count() }).failed.print()
    })
    const ports = nodes.flatMap(({ inputs }) => inputs.map(e => `${nodes[e.from]!.kind}.${e.port}`))
    assert.deepEqual(
      ports.filter(port => !port.endsWith('.out')),
      ['source.rejected', 'source.tombstones', 'map.failed', 'to.failed', 'aggregate.failed'],
    )
    refuses(p => p.from(views).failed, /step "views": nothing can fail here/)
    refuses(p => untyped(p.from(views).filter(() => true)).rejected, /take \.rejected of what p\.from/)
    refuses(p => untyped(p.from(views).byKey().aggregate('n', { n: count() })).late, /only windows and joins/)
  })

  it('are reused with apply', () => {
    const slow = <V extends { ms: number }, K>(stream: Stream<V, K>) => stream.filter(v => v.ms > 1000)
    assert.deepEqual(
      nodesOf(p => p.from(views).apply(slow).to(target)).map(node => node.kind),
      ['source', 'filter', 'to'],
    )
  })

  it('[5.2] that re-key by a field have its name', () => {
    const nodes = nodesOf(p => {
      p.from(views).keyBy('url')
      p.from(views).keyBy('by-ms', v => v.ms, { partitions: 2, watermark: '1s' })
    })
    const [url, ms] = nodes.filter((node): node is KeyByNode => node.kind === 'keyBy')
    assert.deepEqual([url!.name, url!.key, url!.watermarkMs], ['url', 'url', 100])
    assert.deepEqual(
      [ms!.name, typeof ms!.key, ms!.partitions, ms!.watermarkMs],
      ['by-ms', 'function', 2, 1000],
    )
  })

  it('of a side effect may be async and named', () => {
    const nodes = nodesOf(p => {
      p.from(views).forEach('send', async () => {}, { concurrency: 4, timeout: '5s' })
      p.from(views).forEach(() => {})
    })
    const [send, plain] = nodes.slice(1) as ForEachNode[]
    assert.deepEqual([send!.name, send!.concurrency, send!.timeoutMs], ['send', 4, 5000])
    assert.deepEqual([plain!.name, plain!.concurrency, plain!.timeoutMs], [undefined, 1, 30_000])
  })

  it('[5.8] emit final rows only from windows', () => {
    refuses(
      p => untyped(p.from(views).byKey().aggregate('n', { n: count() })).emit!('final'),
      /emit\('final'\) needs a window/,
    )
    refuses(
      p => untyped(p.from(views).byKey().aggregate('n', { n: count() })).emit!('often'),
      /cannot emit "often"/,
    )
    assert.deepEqual(every('1s', { time: 'event' }), { kind: 'every', everyMs: 1000, time: 'event' })
  })

  it('reduce from the first value, or from init()', () => {
    const reducer = (build: (s: KeyedStream<View, string>) => unknown) => {
      const node = nodesOf(p => build(p.from(views).byKey()))[2] as AggregateNode
      const { aggregator } = node.columns[0]!
      assert.ok(aggregator.kind === 'custom')
      return [{ ms: 1 }, { ms: 5 }].reduce(
        (state: unknown, v) => aggregator.add(state, v, {}),
        aggregator.init(),
      )
    }
    assert.deepEqual(
      reducer(s => s.reduce('max', (a, v) => (a.ms > v.ms ? a : v))),
      { ms: 5 },
    )
    assert.equal(
      reducer(s =>
        s.reduce(
          'sum',
          (a, v) => a + v.ms,
          () => 10,
        ),
      ),
      16,
    )
  })
})

describe('a name', () => {
  it('is given once, to one step', () => {
    refuses(
      p => p.from(views).keyBy('url').aggregate('url', { n: count() }),
      'pipeline "p", step "url": a keyBy already has this name; give this aggregate another one',
    )
    refuses(p => [p.from(views).keyBy('url'), p.from(views).keyBy('url')], /for example keyBy\('by-url', …\)/)
  })

  it('[5.2] has letters, digits, "_" and "-" only, 80 at most, and is not reserved', () => {
    const named = (name: string) => (p: PipelineBuilder) =>
      p.from(views).byKey().aggregate(name, { n: count() })
    refuses(named('per page'), /use letters, digits, "_" and "-" only/)
    refuses(named(''), /has no name; give it one/)
    refuses(named('late'), /"late" is a reserved name/)
    refuses(named('x'.repeat(81)), /has 81 characters; use 80 at most/)
    nodesOf(named('x'.repeat(80)))
    assert.throws(() => pipeline('a.b', () => {}), /"a\.b" cannot be the name of a pipeline/)
  })

  it('is needed where a key is computed', () => {
    refuses(
      p => untyped(p.from(views)).keyBy!((v: View) => v.url),
      /it has no name; name it: keyBy\('by-page', v => …\)/,
    )
    const odd = topic('odd', { value: json<{ 'the url': string }>() })
    refuses(p => p.from(odd).keyBy('the url'), /name it: keyBy\('by-…', 'the url'\)/)
  })
})

describe('a wrong step', () => {
  it('[7.5] is an async callback anywhere but in asyncMap and forEach', () => {
    const slow = (async () => true) as never
    refuses(
      p => p.from(views).filter(slow),
      /step "filter": the callback is async.*asyncMap\(name, fn\), or from forEach/,
    )
    refuses(p => p.from(views).map(slow, { name: 'look-up' }), /step "look-up": the callback is async/)
    refuses(p => p.from(views).flatMap(async function* () {} as never), /is async/)
    refuses(p => p.from(views).keyBy('k', slow), /the key is async/)
    refuses(p => p.from(views).branch({ a: slow }), /the case "a" is async/)
    refuses(
      p =>
        p
          .from(views)
          .byKey()
          .aggregate('n', { n: sum(slow) }),
      /callback of column "n" is async/,
    )
    refuses(p => p.from(views).byKey().reduce('n', slow), /is async/)
    refuses(p => p.from(views).print(slow), /the format is async/)
  })

  it('is a generator where one result is wanted', () => {
    refuses(p => p.from(views).map(function* () {} as never), /a generator; only flatMap and process/)
    nodesOf(p =>
      p.from(views).flatMap(function* (v) {
        yield v.ms
      }),
    )
  })

  it('is a callback, topic or number of another type', () => {
    refuses(p => p.from(views).filter('ms' as never), /is not a function \(it is of type string\)/)
    refuses(p => p.from('views' as never), /step "from": its argument is not a topic/)
    refuses(p => p.from(views).to({ name: 'x' } as never), /step "to": its argument is not a topic/)
    refuses(p => p.from(views).merge({} as never), /not a stream/)
    refuses(p => p.from(views).filter(() => true, { retry: { retries: -1 } }), /retry\.retries is -1/)
    refuses(p => p.from(views).forEach(() => {}, { concurrency: 0 }), /concurrency is 0/)
    refuses(p => p.from(views).keyBy('url', 'url', { partitions: 0 }), /partitions is 0/)
    refuses(p => p.from(views).branch({ otherwise: () => true }), /call this case something else/)
  })

  it('is an aggregate without columns or with a column that a window needs', () => {
    refuses(p => p.from(views).byKey().aggregate('n', {}), /it has no columns/)
    refuses(
      p => p.from(views).byKey().window(window).aggregate('n', { start: count() }),
      /already have a column "start"/,
    )
    nodesOf(p => p.from(views).byKey().aggregate('n', { start: count() }))
    refuses(
      p =>
        p
          .from(views)
          .byKey()
          .aggregate('n', { n: 7 as never }),
      /the column "n" is not an aggregate/,
    )
    assert.throws(() => quantile('ms' as never, 95), /q is 95; give a number from 0 to 1/)
    assert.throws(
      () => custom({ init: () => 0, add: (s: unknown) => s } as never),
      /it has no version; add version: 1/,
    )
  })

  it('is an aggregate over records that no key has grouped', () => {
    refuses(
      p =>
        untyped(
          p
            .from(views)
            .byKey()
            .map(v => v),
        ).aggregate!('n', { n: count() }),
      /step "n": its records come from "map" and are not grouped by a key/,
    )
  })

  it('is a new key in front of byKey', () => {
    refuses(
      p =>
        p
          .from(views)
          .map(v => out(v, { key: v.url }))
          .byKey()
          .aggregate('n', { n: count() }),
      /step "map": it sets a new key, .* put keyBy\('name', …\) between them/,
    )
    nodesOf(p =>
      p
        .from(views)
        .map(v => out(v, { headers: {} }))
        .byKey()
        .aggregate('n', { n: count() }),
    )
    nodesOf(p =>
      p
        .from(views)
        .map(v => out(v, { key: v.url }))
        .keyBy('url')
        .aggregate('n', { n: count() }),
    )
  })
})

describe('topics that meet in a store', () => {
  const meeting = (other: typeof views, third?: string) => (p: PipelineBuilder) => {
    const both = p.from(views).byKey().merge(p.from(other).byKey())
    const all = third === undefined ? both : both.merge(p.from(target).keyBy(third as 'url'))
    return all.aggregate('n', { n: count() })
  }

  it('[5.9] have equal partition counts', () => {
    nodesOf(meeting(topic('equal', { value: json<View>(), partitions: 4 }), 'url'))
    refuses(
      meeting(topic('other', { value: json<View>(), partitions: 8 })),
      /step "n": the topics that meet here have different partition counts: "views" has 4, "other" has 8; give them one count, or re-key/,
    )
  })

  it('[5.9] write their keys alike', () => {
    const numbers = topic('numbers', { value: json<View>(), partitions: 4, keySerde: keys.int32 })
    refuses(meeting(numbers as never), /write their keys differently: "views" as string, "numbers" as int32/)
  })

  it('need nothing in common while no store is behind them', () => {
    nodesOf(p =>
      p
        .from(views)
        .merge(p.from(topic('other', { value: json<View>(), partitions: 8 })))
        .to(target),
    )
  })
})

describe('a topic', () => {
  it('has a name that a log accepts', () => {
    const named = (name: string) => () => topic(name, { value: json<View>() })
    assert.throws(named('a b'), /topic "a b": this cannot be a topic name/)
    assert.throws(named('__offsets'), /belong to the log/)
    assert.throws(named('shop.p.n.changelog'), /belong to Millrace/)
    assert.equal(named('a.b-c_D1')().name, 'a.b-c_D1')
  })

  it('is one partition of string keys, checked in full, unless told otherwise', () => {
    const { partitions, keySerde, validate, retentionMs } = topic('t', {
      value: json<View>(),
      retention: '7d',
    })
    assert.deepEqual([partitions, keySerde.id, validate, retentionMs], [1, 'string', 'full', 604_800_000])
  })

  it('needs a serde and a positive partition count', () => {
    assert.throws(() => topic('t', { value: {} as never }), /value is not a serde; give one, for example/)
    assert.throws(() => topic('t', { value: json<View>(), partitions: 0 }), /partitions is 0/)
  })
})
