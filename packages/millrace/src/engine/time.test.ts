import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { json } from '../serde/json.ts'
import { VirtualClock } from '../std/clock.ts'
import type { Duration } from '../std/duration.ts'
import { count } from '../stream/aggregates.ts'
import { every } from '../stream/emission.ts'
import { type PipelineBuilder, pipeline, type SourceOptions } from '../stream/pipeline.ts'
import { topic } from '../stream/topic.ts'
import { tumbling } from '../window/tumbling.ts'
import { endOfInputHeader } from './intake.ts'
import { decodeMarker } from './marker.ts'
import { EngineRun } from './testkit/engine-run.ts'
import { at, rowsIn, storyStart, valuesIn } from './testkit/story.ts'

interface Hit {
  readonly user: string
}

const hits = topic('hits', { value: json<Hit>() })
const two = topic('two', { value: json<Hit>(), partitions: 2 })
const perMinute = topic<any, any, any>('per-minute', { value: json<any>() })
const perHour = topic('per-hour', { value: json<any>() })
const modes = ['compiled', 'interpreted'] as const

/** Counts per key and minute, without re-keying. */
function counting(options: SourceOptions = {}) {
  return pipeline('p', p => {
    const rows = p
      .from(hits, { idle: 'never', ...options })
      .byKey()
      .window(tumbling('1m'))
      .aggregate('minutes', { n: count() })
    rows.emit('final').to(perMinute)
  })
}

/** The same behind a keyBy. */
function rekeyed(p: PipelineBuilder, source = two, watermark: Duration = '1s') {
  const keyed = p.from(source, { idle: 'never' }).keyBy('by-user', 'user', { partitions: 1, watermark })
  return keyed.window(tumbling('1m')).aggregate('minutes', { n: count() }).emit('final')
}

for (const mode of modes) {
  describe(`event time, ${mode}`, () => {
    const started = (graph: ReturnType<typeof pipeline>['graph'], clock?: VirtualClock) =>
      new EngineRun(graph, { mode, clock }).start()

    it('[3.1] a source partition is as far as its newest record less outOfOrder', () => {
      const run = started(counting({ outOfOrder: '10s' }).graph)
      run.append('hits', 0, [at(5, { user: 'a' }), at(69, { user: 'a' })])
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), [])
      assert.equal(run.task('hits/0').time.watermark, storyStart + 59_000)
      run.append('hits', 0, [at(70, { user: 'a' })])
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), ['k@0=1'])
    })

    it('[3.1] a task is as far as the slowest of its channels', () => {
      const run = started(pipeline('p', p => rekeyed(p).to(perMinute)).graph)
      run.append('two', 0, [at(5, { user: 'a' }), at(200, { user: 'a' })])
      run.append('two', 1, [at(6, { user: 'a' }), at(50, { user: 'b' })])
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), [])
      run.append('two', 1, [at(61, { user: 'b' })])
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), ['a@0=2', 'b@0=1'])
    })

    it('[3.2] lateness is judged before the record that it concerns moves the time', () => {
      const run = started(counting().graph)
      run.append('hits', 0, [at(5, 1), at(60, 1), at(59, 1), at(61, 1), at(180, 1)])
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), ['k@0=1', 'k@60=2'])
      assert.deepEqual(
        run.sideRecords('late').map(({ timestamp }) => timestamp),
        [storyStart + 59_000],
      )
    })

    it('[3.2] windows that one record closes leave in the order of their times', () => {
      const run = started(counting({ outOfOrder: '10m' }).graph)
      run.append('hits', 0, [at(125, 1), at(5, 1), at(65, 1), at(900, 1)])
      run.drain()
      assert.deepEqual(
        valuesIn(run, 'per-minute').map(({ start }) => start - storyStart),
        [0, 60_000, 120_000],
      )
    })

    it('[3.2] a window behind a window loses nothing, however far the time jumps', () => {
      const graph = pipeline('p', p => {
        const minutes = p
          .from(hits, { idle: 'never' })
          .byKey()
          .window(tumbling('1m', { grace: '30s' }))
          .aggregate('minutes', { n: count() })
          .emit('final')
        minutes.byKey().window(tumbling('2m')).aggregate('pairs', { n: count() }).emit('final').to(perHour)
      }).graph
      const run = started(graph)
      run.append('hits', 0, [at(5, 1), at(65, 1), at(130, 1), at(90_000, 1), at(99_999, 1)])
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-hour'), ['k@0=2', 'k@120=1', 'k@90000=1'])
      assert.equal(run.sideRecords('late').length, 0)
    })

    it('[3.3] records behind a keyBy are judged by the time of the task that wrote them', () => {
      const run = started(pipeline('p', p => rekeyed(p).to(perMinute)).graph)
      run.append('two', 0, [at(5, { user: 'a' }), at(130, { user: 'a' }), at(7, { user: 'a' })])
      run.drain()
      assert.deepEqual(
        run.sideRecords('late').map(({ timestamp }) => timestamp),
        [storyStart + 7_000],
      )
    })

    it('[3.3] markers carry whole granules, before the first record behind a change', () => {
      const run = started(pipeline('p', p => rekeyed(p, hits, '10s').to(perMinute)).graph)
      const batch = [at(5, { user: 'a' }), at(9, { user: 'a' }), at(31, { user: 'a' }), at(32, { user: 'a' })]
      run.append('hits', 0, [...batch, at(60, { user: 'b' })])
      run.drain()
      const shown = run.topics.records(run.repartitionOf('by-user')).map(({ key, value, timestamp }) => {
        if (key !== null) return (timestamp - storyStart) / 1000
        const { upstream, watermark, own, released } = decodeMarker(value!, 0, value!.length)
        assert.deepEqual([own, released], [watermark, false])
        return `W ${(watermark - storyStart) / 1000} ${upstream}`.trim()
      })
      assert.deepEqual(shown, ['W -Infinity hits/0', 5, 'W 0', 9, 31, 'W 30', 32, 60, 'W 60'])
    })

    it('[3.2] [3.3] a window behind a wall-clock emission hands out its rows before the time goes on', () => {
      const clock = new VirtualClock(8e15)
      const graph = pipeline('p', p => {
        const counts = p.from(hits, { idle: 'never' }).byKey().aggregate('counts', { n: count() })
        const rows = counts
          .emit(every('1s'))
          .byKey()
          .window(tumbling('1m'))
          .aggregate('first', { n: count() })
        const again = rows.emit('final').keyBy('again', 'key', { partitions: 1, watermark: 1 })
        again.window(tumbling('1m')).aggregate('second', { n: count() }).emit('final').to(perMinute)
      }).graph
      const slice = { rows: 1, closes: 1 }
      const run = new EngineRun(graph, { mode, clock, slice }).start()
      for (const second of [5, 200, 400]) {
        run.append('hits', 0, [at(second, 1, 'a'), at(second, 1, 'b')])
        run.drain()
        clock.advance(1_000)
        const task = run.task('hits/0')
        while (!task.fireTicks() && !task.isClosing);
        if (second === 200) {
          assert.ok(run.task('hits/0').isClosing)
          run.commit()
          run.crash([run.task('hits/0')])
        }
        run.drain()
      }
      assert.deepEqual(rowsIn(run, 'per-minute'), ['a@0=1', 'a@180=1', 'b@0=1', 'b@180=1'])
      assert.equal(run.sideRecords('late').length, 0)
    })

    it('[3.3] a marker says how far the source partition of its records was, where the task is elsewhere', () => {
      const options = { partitions: 1, watermark: '10s' } as const
      const graph = pipeline('p', p => {
        const first = p.from(two, { idle: 'never' }).keyBy('first', 'user', options)
        first.keyBy('second', 'user', options).to(perMinute)
      }).graph
      const run = started(graph)
      run.append('two', 0, [at(100, { user: 'a' }), at(75, { user: 'a' }), at(130, { user: 'a' })])
      run.append('two', 1, [at(50, { user: 'a' }), at(47, { user: 'a' })])
      run.drain()
      run.append('two', 0, [at(105, { user: 'a' })])
      run.drain()
      const second = (time: number) => (time - storyStart) / 1000
      let carried: string
      const shown = run.topics.records(run.repartitionOf('second')).flatMap(({ key, value, timestamp }) => {
        if (key !== null) return `${second(timestamp)}: ${carried}`
        const { watermark, own } = decodeMarker(value!, 0, value!.length)
        carried = own === watermark ? `W ${second(own)}` : `W ${second(watermark)}, own ${second(own)}`
        return []
      })
      const ofPartition0 = ['100: W -Infinity', '75: W -Infinity, own 100', '130: W -Infinity, own 100']
      const ofPartition1 = ['50: W -Infinity', '47: W 50']
      assert.deepEqual(shown, [...ofPartition0, ...ofPartition1, '105: W 50, own 130'])
    })

    it('[3.3] [7.2] a row that waits for a retry goes on with the watermark it had', () => {
      const clock = new VirtualClock(8e15)
      let calls = 0
      const graph = pipeline('p', p => {
        const rows = p
          .from(hits, { idle: 'never' })
          .byKey()
          .window(tumbling('1m'))
          .aggregate('minutes', { n: count() })
          .emit('final')
        const failsOnce = (row: unknown) => {
          if (calls++ === 0) throw new Error('not yet')
          return row
        }
        rows
          .map(failsOnce, { retry: { retries: 1, backoff: '1s' } })
          .keyBy('again', () => 'a', { partitions: 1, watermark: 1 })
          .to(perMinute)
      }).graph
      const run = started(graph, clock)
      run.append('hits', 0, [at(5, 1, 'a'), at(6, 1, 'b'), at(100, 1), at(200, 1)])
      run.drain()
      assert.ok(run.task('hits/0').isParked)
      clock.advance(1_000)
      run.drain()
      let own = Number.NaN
      const judged = run.topics.records(run.repartitionOf('again')).flatMap(({ key, value, timestamp }) => {
        if (key !== null) return [[timestamp - storyStart, own - storyStart]]
        own = decodeMarker(value!, 0, value!.length).own
        return []
      })
      assert.deepEqual(judged, [
        [59_999, 59_999],
        [59_999, 59_999],
        [119_999, 119_999],
      ])
    })

    it('[2.1] [3.3] a record is judged the same after a restore that goes on behind its marker', () => {
      const graph = pipeline('p', p => rekeyed(p).to(perMinute)).graph
      const run = new EngineRun(graph, { mode, slice: { rows: 1, closes: 1 } }).start()
      run.append('two', 1, [at(65, { user: 'a' })])
      run.drain()
      const batch = [
        at(5, { user: 'a' }),
        at(6, { user: 'b' }),
        at(130, { user: 'a' }),
        at(70, { user: 'a' }),
      ]
      run.append('two', 0, batch)
      const upstream = run.task('two/0')
      run.poll(upstream.inputs[0]!)
      run.step(upstream)
      run.commit([upstream])
      const task = run.task('by-user.repartition/0')
      run.poll(task.inputs[0]!)
      run.step(task)
      assert.ok(task.isClosing, 'the marker in front of the last record closes the first minute')
      run.commit([task])
      run.crash([task])
      run.drain()
      assert.deepEqual(
        run.sideRecords('late').map(({ timestamp }) => timestamp),
        [storyStart + 70_000],
      )
      run.endInputs()
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), ['a@0=1', 'a@120=1', 'a@60=1', 'b@0=1'])
    })

    it('[3.4] [3.5] what a release made late in front of two keyBys is told apart behind them', () => {
      const graph = pipeline('p', p => {
        const first = p.from(two, { idle: 'never' }).keyBy('first', 'user', { partitions: 1, watermark: 1 })
        const second = first.keyBy('second', 'user', { partitions: 1, watermark: 1 })
        second.window(tumbling('1m')).aggregate('minutes', { n: count() }).emit('final').to(perMinute)
      }).graph
      const run = started(graph)
      run.append('two', 0, [at(5, { user: 'a' }), at(200, { user: 'a' })])
      run.drain()
      const idle = run.task('two/1')
      idle.time.setReleased(0, true)
      run.drain()
      idle.time.setReleased(0, false)
      run.append('two', 1, [at(30, { user: 'a' }), at(190, { user: 'a' }), at(31, { user: 'a' })])
      run.drain()
      const late = run
        .sideRecords('late')
        .map(({ timestamp, headers }) => [timestamp, headers['millrace.reason']])
      assert.deepEqual(late, [
        [storyStart + 30_000, 'late-by-release'],
        [storyStart + 31_000, 'late'],
      ])
      assert.equal(run.task('second.repartition/0').counters.lateByRelease, 1)
    })

    it('[3.4] a released channel is left out, and its next record brings it back', () => {
      const run = started(pipeline('p', p => rekeyed(p).to(perMinute)).graph)
      run.append('two', 0, [at(5, { user: 'a' }), at(200, { user: 'a' })])
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), [])
      const idle = run.task('two/1')
      idle.time.setReleased(0, true)
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), ['a@0=1'])
      idle.time.setReleased(0, false)
      run.append('two', 1, [at(230, { user: 'b' })])
      run.drain()
      run.append('two', 0, [at(250, { user: 'a' }), at(400, { user: 'a' })])
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), ['a@0=1'], 'two/1 holds the time at 230 s')
    })

    it('[3.4] when all sources are released the time goes on at wall speed, and never back', () => {
      const clock = new VirtualClock(8e15)
      const run = started(counting().graph, clock)
      run.append('hits', 0, [at(5, 1)])
      run.drain()
      const task = run.task('hits/0')
      task.time.setReleased(0, true)
      task.advance()
      clock.advance(54_999)
      task.advance()
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), [])
      clock.advance(1)
      task.advance()
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), ['k@0=1'])
      task.time.setReleased(0, false)
      run.append('hits', 0, [at(7, 1)])
      run.drain()
      assert.equal(task.time.watermark, storyStart + 60_000)
      assert.equal(task.counters.lateByRelease, 1)
    })

    it('[3.4] a task that has seen no record does not begin to have a time', () => {
      const clock = new VirtualClock(8e15)
      const run = started(counting().graph, clock)
      const task = run.task('hits/0')
      task.time.setReleased(0, true)
      task.advance()
      clock.advance(1e9)
      task.advance()
      assert.equal(task.time.watermark, Number.NEGATIVE_INFINITY)
    })

    it('[3.5] [4.3] the end of the input closes every window, also behind a keyBy', () => {
      const run = started(pipeline('p', p => rekeyed(p).to(perMinute)).graph)
      run.append('two', 0, [at(5, { user: 'a' })])
      run.append('two', 1, [at(9e6, { user: 'b' })])
      run.endInputs()
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), ['a@0=1', 'b@9000000=1'])
    })

    it('[3.5] an end-of-input record ends its partition', () => {
      const run = started(counting().graph)
      const end = {
        key: null,
        value: null,
        timestamp: storyStart,
        headers: [{ name: endOfInputHeader, value: Buffer.alloc(0) }],
      }
      run.append('hits', 0, [at(5, 1), end])
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), ['k@0=1'])
      assert.equal(run.task('hits/0').counters.tombstones, 0)
    })

    it('[3.6] a record from the far future is rejected and moves nothing, a tombstone too', () => {
      const clock = new VirtualClock(storyStart + 60_000)
      const run = started(counting({ maxFuture: '1h' }).graph, clock)
      run.append('hits', 0, [at(5, 1), at(9_000, 1), at(9_000, null), at(6, 1), at(3_660, 1)])
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), ['k@0=2'])
      assert.deepEqual(
        run.sideRecords('rejected').map(({ offset, headers }) => [offset, headers['millrace.reason']]),
        [
          [0, 'future'],
          [1, 'future'],
        ],
      )
    })
  })
}
