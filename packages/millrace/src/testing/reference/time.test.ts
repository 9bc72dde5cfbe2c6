import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Topic, TopicToWrite } from '../../plan/topic.ts'
import { json } from '../../serde/json.ts'
import { count, sum } from '../../stream/aggregates.ts'
import { pipeline } from '../../stream/pipeline.ts'
import { topic } from '../../stream/topic.ts'
import { incidentsOf, pairsOf, record, run, storyStart, valuesOf } from './story.ts'

type Hit = { page: string; ms: number; at?: number }

const hits = topic('hits', { value: json<Hit>() })
const result = topic('result', { value: json<unknown>() }) as TopicToWrite<unknown, unknown> & Topic
const tenSeconds = { kind: 'tumbling', sizeMs: 10_000, offsetMs: 0, graceMs: 0 } as const

const counted = (outOfOrder: number, graceMs: number) =>
  pipeline('counted', p => {
    p.from(hits, { outOfOrder })
      .byKey()
      .window({ ...tenSeconds, graceMs })
      .aggregate('windows', { n: count() })
      .emit('final')
      .map(row => [row.key, (row.start - storyStart) / 1000, row.n])
      .to(result)
  })
const hit = (second: number, key = 'a') => record(second, { page: key, ms: 1 }, key)

describe('the reference model: windows and watermarks', () => {
  it('emits one final row per key and window, at end − 1 (3.2)', () => {
    const one = run(counted(0, 0), { hits: [[hit(0), hit(9), hit(10), hit(10, 'b')]] })
    assert.deepEqual(pairsOf(one, 'result'), [
      ['a', ['a', 0, 2]],
      ['a', ['a', 10, 1]],
      ['b', ['b', 10, 1]],
    ])
    assert.equal(one.outputs.get('result')!.rows[0]!.timestamp, storyStart + 9_999)
  })

  it('allows disorder up to outOfOrder: late is end + grace ≤ W, judged before the record raises W (3.1)', () => {
    const input = [hit(0), hit(14), hit(1), hit(15), hit(2), hit(30)]
    const one = run(counted(5_000, 0), { hits: [input] })
    assert.deepEqual(valuesOf(one, 'result'), [
      ['a', 0, 2],
      ['a', 10, 2],
      ['a', 30, 1],
    ])
    assert.deepEqual(incidentsOf(one, 'late'), [['windows', 'late', 4]])
  })

  it('accepts a record for a window until its grace is over (3.2)', () => {
    const input = [hit(0), hit(12.999), hit(1), hit(13), hit(2)]
    const one = run(counted(0, 3_000), { hits: [input] })
    assert.deepEqual(valuesOf(one, 'result')[0], ['a', 0, 2])
    assert.deepEqual(incidentsOf(one, 'late'), [['windows', 'late', 4]])
  })

  it('closes nothing before the slowest partition is there (3.1)', () => {
    const joint = pipeline('joint', p => {
      p.from(hits)
        .keyBy('page')
        .window(tenSeconds)
        .aggregate('windows', { n: count() })
        .emit('final')
        .to(result)
    })
    const open = run(joint, { hits: [[hit(0), hit(100)], [hit(5)]] }, { bounded: false })
    assert.deepEqual(valuesOf(open, 'result'), [])
    assert.equal(open.tables.get('windows')!.rows.length, 2)
    const ended = run(joint, { hits: [[hit(0), hit(100)], [hit(5)]] })
    assert.deepEqual(
      valuesOf(ended, 'result').map(row => (row as { n: number }).n),
      [2, 1],
    )
    assert.equal(ended.tables.get('windows')!.rows.length, 0)
  })

  it("judges lateness by the record's own channel, however far other channels are (3.2)", () => {
    const one = run(counted(0, 0), { hits: [[hit(100)], [hit(0), hit(20), hit(1)]] })
    assert.deepEqual(incidentsOf(one, 'late'), [['windows', 'late', 2]])
  })

  it('carries the watermark through a re-keying, rounded down (3.3)', () => {
    const rekeyed = (watermark: number) =>
      pipeline('rekeyed', p => {
        p.from(hits)
          .keyBy('page', 'page', { watermark, partitions: 1 })
          .window(tenSeconds)
          .aggregate('windows', { n: count() })
          .emit('final')
          .to(result)
      })
    const input = [hit(0), hit(10.5), hit(1)]
    assert.deepEqual(incidentsOf(run(rekeyed(100), { hits: [input] }), 'late'), [['windows', 'late', 2]])
    assert.deepEqual(incidentsOf(run(rekeyed(20_000), { hits: [input] }), 'late'), [])
  })

  it('loses nothing in a window behind a window (3.2)', () => {
    const twice = pipeline('twice', p => {
      p.from(hits)
        .byKey()
        .window({ ...tenSeconds, graceMs: 4_000 })
        .aggregate('tens', { n: count() })
        .emit('final')
        .byKey()
        .window({ ...tenSeconds, sizeMs: 20_000 })
        .aggregate('twenties', { n: sum('n'), rows: count() })
        .emit('final')
        .map(row => [(row.start - storyStart) / 1000, row.n, row.rows])
        .to(result)
    })
    const input = [hit(0), hit(12), hit(1), hit(25), hit(19), hit(60)]
    const one = run(twice, { hits: [input] })
    assert.deepEqual(valuesOf(one, 'result'), [
      [0, 3, 2],
      [20, 1, 1],
      [60, 1, 1],
    ])
    assert.deepEqual(incidentsOf(one, 'late'), [['tens', 'late', 4]])
  })

  it('judges every record of a step by the watermark that reaches it, held back by a window in front (3.2)', () => {
    const joint = pipeline('joint', p => {
      const read = p.from(hits).byKey()
      const rows = read
        .window({ ...tenSeconds, graceMs: 4_000 })
        .aggregate('tens', { n: count() })
        .emit('final')
      read
        .merge(rows.byKey())
        .window(tenSeconds)
        .aggregate('both', { records: count() })
        .emit('final')
        .to(result)
    })
    const one = run(joint, { hits: [[hit(0), hit(13.999), hit(1), hit(14), hit(2)]] })
    assert.deepEqual(incidentsOf(one, 'late'), [
      ['tens', 'late', 4],
      ['both', 'late', 4],
    ])
    const records = valuesOf(one, 'result').map(row => (row as { records: number }).records)
    assert.deepEqual(records, [3, 3])
  })

  it('a tombstone moves the watermark by its record time, unless event time is a field (3.1)', () => {
    const timed = topic('hits', { value: json<Hit>(), timestamp: v => v.at! })
    const lateFrom = (source: Topic<Hit, string>) =>
      run(
        pipeline('judged', p => {
          p.from(source).byKey().window(tenSeconds).aggregate('windows', { n: count() })
        }),
        { hits: [[record(20, null, 'a'), record(1, { at: storyStart + 1_000 }, 'a')]] },
      ).sideStreams.get('late')!.rows.length
    assert.equal(lateFrom(hits), 1)
    assert.equal(lateFrom(timed), 0)
  })

  it('loses no window over a gap of years (4.3)', () => {
    const one = run(counted(0, 0), { hits: [[hit(0), hit(100_000_000), hit(200_000_000)]] })
    assert.equal(valuesOf(one, 'result').length, 3)
  })

  it('writes updates of a window under the key and the start (5.8)', () => {
    const updates = pipeline('updates', p => {
      p.from(hits).byKey().window(tenSeconds).aggregate('windows', { n: count() }).emit('updates').to(result)
    })
    const [row] = run(updates, { hits: [[hit(3)]] }).outputs.get('result')!.rows
    const start = Buffer.from(row!.key!).readBigInt64BE(1)
    assert.deepEqual([row!.key![0], start], [97, BigInt(storyStart)])
    assert.deepEqual(row!.value, { n: 1, key: 'a', start: storyStart, end: storyStart + 10_000 })
    assert.equal(row!.timestamp, storyStart + 3_000)
  })
})

describe('the reference model: what the input alone decides', () => {
  it('compares updates behind several partitions by their last value only (4.2)', () => {
    const updates = pipeline('updates', p => {
      p.from(hits).keyBy('page').aggregate('pages', { n: count() }).emit('updates').to(result)
    })
    assert.equal(run(updates, { hits: [[hit(0)]] }).outputs.get('result')!.binding, 'exact')
    assert.equal(run(updates, { hits: [[hit(0)], []] }).outputs.get('result')!.binding, 'last-per-key')
  })

  it('decides by the source partition whether a record is late, behind any number of re-keyings (3.3)', () => {
    const twice = pipeline('twice', p => {
      p.from(hits)
        .keyBy('page')
        .keyBy('ms', 'ms', { partitions: 1 })
        .keyBy('again', 'page')
        .window(tenSeconds)
        .aggregate('windows', { n: count() })
        .emit('final')
        .to(result)
    })
    const one = run(twice, { hits: [[hit(100)], [hit(0), hit(20), hit(1)], []] })
    assert.deepEqual(incidentsOf(one, 'late'), [['windows', 'late', 2]])
    assert.equal(one.outputs.get('result')!.binding, 'exact')
  })
})
