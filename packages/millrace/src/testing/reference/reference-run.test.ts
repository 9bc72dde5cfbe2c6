import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { out } from '../../plan/out.ts'
import type { Topic, TopicToWrite } from '../../plan/topic.ts'
import { json } from '../../serde/json.ts'
import {
  avg,
  collect,
  count,
  countDistinct,
  custom,
  first,
  last,
  max,
  min,
  quantile,
  sum,
} from '../../stream/aggregates.ts'
import { pipeline } from '../../stream/pipeline.ts'
import { topic } from '../../stream/topic.ts'
import { incidentsOf, pairsOf, record, run, storyStart, valuesOf } from './story.ts'

type Hit = { page: string; ms?: number | null; at?: number }

const hits = topic('hits', { value: json<Hit>() })
const result = topic('result', { value: json<unknown>() }) as TopicToWrite<unknown, unknown> & Topic

describe('the reference model: stateless steps', () => {
  it('filters, maps, flattens and keeps the order of each partition', () => {
    const steps = pipeline('steps', p => {
      p.from(hits)
        .filter(v => v.ms! > 0)
        .map(v => ({ ms: v.ms! * 2 }))
        .flatMap(v => [v.ms, v.ms + 1])
        .to(result)
    })
    const one = run(steps, { hits: [[record(0, { ms: 1 }), record(1, { ms: 0 }), record(2, { ms: 3 })]] })
    assert.deepEqual(valuesOf(one, 'result'), [2, 3, 6, 7])
  })

  it('sends a record to the first case that is true and the rest to otherwise', () => {
    const split = pipeline('split', p => {
      const { slow, named, otherwise } = p
        .from(hits)
        .branch({ slow: v => v.ms! > 5, named: v => v.page === 'a' })
      slow.map(v => `slow ${v.ms}`).to(result)
      named.map(v => `named ${v.ms}`).to(result)
      otherwise.map(v => `other ${v.ms}`).to(result)
    })
    const input = [
      { page: 'a', ms: 9 },
      { page: 'a', ms: 1 },
      { page: 'b', ms: 2 },
    ].map(v => record(0, v))
    assert.deepEqual(valuesOf(run(split, { hits: [input] }), 'result'), ['slow 9', 'named 1', 'other 2'])
  })

  it('lets out() set key and timestamp, and fails a map that gives undefined (5.7)', () => {
    const steps = pipeline('steps', p => {
      p.from(hits)
        .map(v =>
          v.page === 'none' ? (undefined as never) : out(v.ms, { key: v.page, timestamp: storyStart }),
        )
        .to(result)
    })
    const one = run(steps, { hits: [[record(3, { page: 'a', ms: 1 }), record(4, { page: 'none' })]] })
    assert.deepEqual(pairsOf(one, 'result'), [['a', 1]])
    assert.equal(one.outputs.get('result')!.rows[0]!.timestamp, storyStart)
    assert.deepEqual(incidentsOf(one, 'failed'), [['map', 'error', 1]])
  })

  it('freezes values, so that a mutation is a failure (5.4)', () => {
    const steps = pipeline('steps', p => {
      p.from(hits)
        .peek(v => {
          ;(v as Hit).page = 'changed'
        })
        .to(result)
    })
    const one = run(steps, { hits: [[record(0, { page: 'a' })]] })
    assert.deepEqual(valuesOf(one, 'result'), [])
    assert.deepEqual(incidentsOf(one, 'failed'), [['peek', 'error', 0]])
  })

  it('rejects malformed values and times that are no times (5.4)', () => {
    const timed = topic('timed', { value: json<Hit>(), timestamp: v => v.at! })
    const copy = pipeline('copy', p => void p.from(timed).to(result))
    const times = [storyStart, storyStart / 1000, -1, undefined, 'soon'].map(at => record(0, { at }))
    const one = run(copy, { timed: [[...times, record(1, '{"at":')]] })
    assert.equal(valuesOf(one, 'result').length, 1)
    assert.deepEqual(incidentsOf(one, 'rejected'), [
      ['timed', 'timestamp', 1],
      ['timed', 'timestamp', 2],
      ['timed', 'timestamp', 3],
      ['timed', 'timestamp', 4],
      ['timed', 'malformed', 5],
    ])
  })

  it('gives tombstones to their side stream, or to callbacks with nulls (5.7)', () => {
    const aside = pipeline('aside', p => void p.from(hits).to(result))
    assert.deepEqual(incidentsOf(run(aside, { hits: [[record(0, null, 'a')]] }), 'tombstones'), [
      ['hits', 'tombstone', 0],
    ])
    const through = pipeline('through', p => void p.from(hits, { nulls: true }).to(result))
    assert.deepEqual(pairsOf(run(through, { hits: [[record(0, null, 'a')]] }), 'result'), [['a', null]])
  })

  it('fails a callback that gives a promise (7.5)', () => {
    const steps = pipeline(
      'steps',
      p =>
        void p
          .from(hits)
          .map((() => Promise.resolve(1)) as () => unknown)
          .to(result),
    )
    assert.deepEqual(incidentsOf(run(steps, { hits: [[record(0, {})]] }), 'failed'), [['map', 'error', 0]])
  })

  it('hands side streams that are wired to the steps behind them', () => {
    const wired = pipeline('wired', p => {
      const mapped = p.from(hits).map(v => v.page.toUpperCase())
      mapped.to(result)
      mapped.failed.map(v => ({ failed: v })).to(result)
    })
    const one = run(wired, { hits: [[record(0, { page: 'a' }), record(1, { page: 1 })]] })
    assert.deepEqual(valuesOf(one, 'result'), ['A', { failed: { page: 1 } }])
    assert.equal(one.sideStreams.get('failed')!.rows.length, 0)
  })
})

describe('the reference model: keys', () => {
  it('reads a re-keyed key back as its type and finds its partition by murmur2 (5.1)', () => {
    const rekeyed = pipeline('rekeyed', p => {
      p.from(hits)
        .keyBy('ms', v => v.ms!, { partitions: 3 })
        .map((v, r) => ({ page: v.page, type: typeof r.key }))
        .to(result)
    })
    const one = run(rekeyed, { hits: [[record(0, { page: 'a', ms: 21 }), record(1, { page: 'b', ms: -0 })]] })
    assert.deepEqual(
      new Set(pairsOf(one, 'result').map(pair => JSON.stringify(pair))),
      new Set(['["21",{"page":"a","type":"number"}]', '["0",{"page":"b","type":"number"}]']),
    )
  })

  it('fails null keys, keys of a second kind and keys that are no keys (5.1)', () => {
    const counted = pipeline('counted', p => {
      p.from(hits).keyBy('page').aggregate('pages', { n: count() }).emit('updates').to(result)
    })
    const pages = ['a', null, 7, 'a', undefined]
    const one = run(counted, { hits: [pages.map((page, i) => record(i, { page }))] })
    assert.deepEqual(valuesOf(one, 'result'), [{ n: 1 }, { n: 2 }])
    assert.deepEqual(incidentsOf(one, 'failed'), [
      ['page', 'no-key', 1],
      ['page', 'no-key', 4],
      ['pages', 'key-kind', 2],
    ])
  })

  it('keeps keys apart that name members of Object.prototype (5.1)', () => {
    const counted = pipeline('counted', p => {
      p.from(hits).byKey().aggregate('pages', { n: count() })
    })
    const odd = ['__proto__', 'constructor', '__proto__', 'toString'].map((key, i) => record(i, {}, key))
    assert.deepEqual(run(counted, { hits: [odd] }).tables.get('pages')!.rows, [
      { key: '__proto__', start: undefined, result: { n: 2 } },
      { key: 'constructor', start: undefined, result: { n: 1 } },
      { key: 'toString', start: undefined, result: { n: 1 } },
    ])
  })

  it("keeps the record's partition with byKey, so that one key in two partitions has two rows (5.2)", () => {
    const counted = pipeline('counted', p => {
      p.from(hits).byKey().aggregate('pages', { n: count() })
    })
    const one = run(counted, { hits: [[record(0, {}, 'a'), record(1, {}, 'a')], [record(0, {}, 'a')]] })
    assert.deepEqual(
      one.tables.get('pages')!.rows.map(row => row.result),
      [{ n: 2 }, { n: 1 }],
    )
  })
})

describe('the reference model: aggregates', () => {
  const columns = {
    n: count<Hit>(v => v.ms !== 2),
    sum: sum<Hit>('ms'),
    min: min<Hit>('ms'),
    max: max<Hit>(v => v.ms),
    avg: avg<Hit>('ms'),
    first: first<Hit, 'ms'>('ms'),
    last: last<Hit, 'ms'>('ms'),
    some: collect<Hit, 'ms'>('ms', { max: 3 }),
    distinct: countDistinct<Hit>('page'),
    median: quantile<Hit>('ms', 0.5),
    text: custom<Hit, string>({ init: () => '', add: (s, v) => s + v.page, version: 1 }),
  }
  const aggregated = pipeline('aggregated', p => {
    p.from(hits)
      .keyBy('all', () => 'all')
      .aggregate('table', columns)
  })
  const tableOf = (values: unknown[]) =>
    run(aggregated, { hits: [values.map((v, i) => record(i, v))] }).tables.get('table')!.rows[0]?.result

  it('folds every kind of column', () => {
    const values = [4, 1, 2, 1].map((ms, i) => ({ page: 'ab'[i % 2], ms }))
    assert.deepEqual(tableOf(values), {
      n: 3,
      sum: 8,
      min: 1,
      max: 4,
      avg: 2,
      first: 4,
      last: 1,
      some: [4, 1, 2],
      distinct: 2,
      median: 1,
      text: 'abab',
    })
  })

  it('passes over absent and null numbers', () => {
    assert.deepEqual(tableOf([{ page: 'a' }, { page: 'b', ms: null }]), {
      n: 2,
      sum: 0,
      min: null,
      max: null,
      avg: null,
      first: null,
      last: null,
      some: [null],
      distinct: 2,
      median: null,
      text: 'ab',
    })
  })

  it('fails what is not a number and changes nothing in that step', () => {
    const values = [
      { page: 'a', ms: 1 },
      { page: 'b', ms: '2' },
    ]
    assert.deepEqual(tableOf(values), tableOf(values.slice(0, 1)))
    const one = run(aggregated, { hits: [values.map(v => record(0, v))] })
    assert.deepEqual(incidentsOf(one, 'failed'), [['table', 'not-a-number', 1]])
  })

  it('emits an update for each record that changes the result, at the largest contributing time (5.8)', () => {
    const smallest = pipeline('smallest', p => {
      p.from(hits)
        .byKey()
        .aggregate('table', { min: min('ms') })
        .emit('updates')
        .to(result)
    })
    const input = [record(9, { ms: 5 }, 'a'), record(3, { ms: 7 }, 'a'), record(4, { ms: 2 }, 'a')]
    const { rows, binding } = run(smallest, { hits: [input] }).outputs.get('result')!
    assert.deepEqual(
      rows.map(({ value }) => value),
      [{ min: 5 }, { min: 2 }],
    )
    assert.deepEqual(
      rows.map(({ timestamp }) => timestamp),
      [storyStart + 9000, storyStart + 9000],
    )
    assert.equal(binding, 'exact')
  })

  it('reduces from the first value on', () => {
    const reduced = pipeline('reduced', p => {
      p.from(hits)
        .byKey()
        .reduce('best', (a, b) => (a.ms! >= b.ms! ? a : b))
    })
    const input = [1, 5, 3].map((ms, i) => record(i, { ms }, 'a'))
    assert.deepEqual(run(reduced, { hits: [input] }).tables.get('best')!.rows[0]!.result, { ms: 5 })
  })
})
