import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { json } from '../serde/json.ts'
import { count } from '../stream/aggregates.ts'
import { pipeline } from '../stream/pipeline.ts'
import { topic } from '../stream/topic.ts'
import { tumbling } from '../window/tumbling.ts'
import { endOfInputHeader } from './intake.ts'
import { encodeMarker } from './marker.ts'
import { decodeMetadata, encodeMetadata } from './metadata.ts'
import { EngineRun } from './testkit/engine-run.ts'
import { at, rowsIn, storyStart, valuesIn } from './testkit/story.ts'
import { watermarkOf } from './time.ts'

interface Hit {
  readonly user: string
}

const two = topic('two', { value: json<Hit>(), partitions: 2 })
const perMinute = topic<any, any, any>('per-minute', { value: json<any>() })

/** Counts per user and minute, behind a keyBy. */
const rekeyed = pipeline('p', p => {
  const keyed = p.from(two, { idle: 'never' }).keyBy('by-user', 'user', { partitions: 2, watermark: '1s' })
  keyed.window(tumbling('1m')).aggregate('minutes', { n: count() }).emit('final').to(perMinute)
}).graph

/** The same by the records' own keys. */
const direct = pipeline('p', p => {
  const keyed = p.from(two, { idle: 'never' }).byKey()
  keyed.window(tumbling('1m')).aggregate('minutes', { n: count() }).emit('final').to(perMinute)
}).graph

const pairs = topic<any, any, any>('pairs', { value: json<any>() })
const [lefts, rights] = ['lefts', 'rights'].map(name => topic(name, { value: json<Hit>(), partitions: 1 }))
const joined = pipeline('p', p => {
  const read = (side: typeof lefts) => p.from(side!, { idle: 'never' }).byKey()
  const shown = (hit: Hit, t: number) => `${hit.user}${(t - storyStart) / 1000}`
  const timed = (side: typeof lefts) =>
    read(side)
      .map((v, r) => ({ user: shown(v, r.timestamp) }))
      .byKey()
  timed(lefts)
    .leftJoin(
      'pairs',
      timed(rights),
      { before: '10s', after: '10s' },
      (l, r) => `${l.user}+${r?.user ?? '-'}`,
    )
    .to(pairs)
}).graph

const hit = (second: number, user = 'a') => at(second, { user }, user)
const endRecord = {
  key: null,
  value: null,
  timestamp: storyStart,
  headers: [{ name: endOfInputHeader, value: Buffer.alloc(0) }],
}
const lateIn = (run: EngineRun) =>
  run.sideRecords('late').map(({ timestamp }) => (timestamp - storyStart) / 1000)

/** A run in a process of its own: what the one before has not committed is lost. */
function begin(run: EngineRun, no: number | 'live'): void {
  if (no === 'live') run.goLive()
  else run.endInputs(no)
  run.crash([...run.tasks.values()])
}

for (const mode of ['compiled', 'interpreted'] as const) {
  describe(`bounded runs, ${mode}`, () => {
    for (const [where, graph] of [
      ['by the records own keys', direct],
      ['behind a keyBy', rekeyed],
    ] as const) {
      it(`[3.5] what one has closed stays closed, and later windows are counted, ${where}`, () => {
        const run = new EngineRun(graph, { mode })
        run.append('two', 0, [hit(5), hit(70)])
        begin(run, 1)
        run.drain()
        assert.deepEqual(rowsIn(run, 'per-minute'), ['a@0=1', 'a@60=1'])
        run.append('two', 0, [hit(80), hit(119), hit(121), hit(122)])
        begin(run, 2)
        run.drain()
        assert.deepEqual(rowsIn(run, 'per-minute'), ['a@0=1', 'a@120=2', 'a@60=1'])
        assert.deepEqual(lateIn(run), [80, 119])
        run.append('two', 0, [hit(179), hit(200)])
        run.append('two', 1, [hit(190, 'b')])
        begin(run, 'live')
        run.drain()
        assert.deepEqual(lateIn(run), [80, 119, 179])
        run.append('two', 0, [hit(300)])
        run.append('two', 1, [hit(300, 'b')])
        run.drain()
        assert.deepEqual(rowsIn(run, 'per-minute'), ['a@0=1', 'a@120=2', 'a@180=1', 'a@60=1', 'b@180=1'])
      })
    }

    it('[3.5] is as far as the partition that went furthest, whichever ended last', () => {
      for (const first of ['two/0', 'two/1']) {
        const run = new EngineRun(rekeyed, { mode })
        run.append('two', 0, [hit(200)])
        run.append('two', 1, [hit(65, 'b')])
        begin(run, 1)
        for (const name of [first, 'two/0', 'two/1']) {
          const task = run.task(name)
          for (const input of task.inputs) run.poll(input)
          while (run.step(task) || run.endSources(task));
          run.commit([task])
        }
        run.drain()
        run.append('two', 1, [hit(175, 'b'), hit(190, 'b')])
        begin(run, 2)
        run.drain()
        // Nothing has closed this minute, but it was over.
        assert.deepEqual(lateIn(run), [175, 190])
        assert.deepEqual(rowsIn(run, 'per-minute'), ['a@180=1', 'b@60=1'])
      }
    })

    it('[3.5] a process that dies in the middle of the end leaves one row per key and window, whatever comes then', () => {
      const slice = { rows: 1, closes: 1 }
      for (let commitsMax = 1; commitsMax <= 12; commitsMax++) {
        const run = new EngineRun(rekeyed, { mode, slice })
        run.append('two', 0, [hit(5), hit(6, 'b'), hit(7, 'c'), hit(65)])
        run.append('two', 1, [hit(8, 'd')])
        begin(run, 1)
        stepUntil(run, commitsMax)
        run.append('two', 0, [hit(66), hit(67, 'b'), hit(130, 'c')])
        run.append('two', 1, [hit(9, 'd'), hit(131, 'd')])
        begin(run, 2)
        run.drain()
        const rows = valuesIn(run, 'per-minute')
        const ids = rows.map(({ key, start }) => `${key}@${start}`)
        assert.equal(new Set(ids).size, ids.length, `after ${commitsMax} commits: ${ids}`)
        const counted = rows.reduce((sum, { n }) => sum + n, 0)
        assert.equal(counted + lateIn(run).length, 10, 'every record is in a row or late')
        for (const task of run.tasks.values()) assert.ok(task.time.endedBy === 2 && task.hasEnded, task.name)
      }
    })

    it('[3.5] [3.7] a window stays closed when a process dies between its last row and what comes next', () => {
      const run = new EngineRun(direct, { mode, slice: { rows: 1, closes: 1 } })
      run.append('two', 0, [hit(5)])
      begin(run, 1)
      let diedClosing = 0
      for (let i = 0; i < 10; i++) {
        for (const task of run.tasks.values()) {
          for (const input of task.inputs) run.poll(input)
          if (!run.step(task)) run.endSources(task)
        }
        run.commit()
        diedClosing += [...run.tasks.values()].filter(({ isClosing }) => isClosing).length
        run.crash([...run.tasks.values()])
      }
      assert.ok(diedClosing > 0)
      assert.deepEqual(rowsIn(run, 'per-minute'), ['a@0=1'])
      run.append('two', 0, [hit(6)])
      begin(run, 2)
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), ['a@0=1'])
      assert.deepEqual(lateIn(run), [6])
    })

    it('[3.5] [6.3] a join of streams gives pairs across two runs, but none of what went out alone', () => {
      const run = new EngineRun(joined, { mode })
      run.append('lefts', 0, [hit(5), hit(6, 'b')])
      run.append('rights', 0, [hit(4, 'b')])
      begin(run, 1)
      run.drain()
      assert.deepEqual(valuesIn(run, 'pairs').sort(), ['a5+-', 'b6+b4'])
      run.append('rights', 0, [hit(7), hit(8, 'b')])
      begin(run, 2)
      run.drain()
      assert.deepEqual(valuesIn(run, 'pairs').sort(), ['a5+-', 'b6+b4', 'b6+b8'])
      assert.deepEqual(lateIn(run), [])
    })

    it('[3.5] an end-of-input record ends for good, for tasks behind a keyBy and for later runs too', () => {
      const run = new EngineRun(rekeyed, { mode }).start()
      run.append('two', 0, [hit(5), endRecord])
      run.append('two', 1, [hit(300, 'b')])
      run.drain()
      assert.deepEqual(
        rowsIn(run, 'per-minute'),
        ['a@0=1'],
        'the partition that has ended holds nothing back',
      )
      begin(run, 2)
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), ['a@0=1', 'b@300=1'])
      run.append('two', 1, [hit(400, 'b'), hit(500, 'b')])
      begin(run, 'live')
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), ['a@0=1', 'b@300=1', 'b@360=1'])
    })

    it('[3.4] [3.5] once all that is not released has ended for good the rest closes, and time goes on with a record', () => {
      const run = new EngineRun(rekeyed, { mode }).start()
      run.append('two', 0, [hit(5), endRecord])
      run.append('two', 1, [hit(65, 'b')])
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), ['a@0=1'])
      const idle = run.task('two/1').time
      idle.setReleased(0, true)
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), ['a@0=1', 'b@60=1'])
      idle.setReleased(0, false)
      run.append('two', 1, [hit(130, 'b'), hit(190, 'b')])
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), ['a@0=1', 'b@120=1', 'b@60=1'])
    })

    it('[3.5] what an earlier version left at its end goes on from what is known of its time', () => {
      const run = new EngineRun(direct, { mode })
      run.append('two', 0, [hit(5), hit(70)])
      begin(run, 1)
      run.drain()
      asWrittenBefore(run)
      run.append('two', 0, [hit(80), hit(130)])
      begin(run, 2)
      assert.equal(run.task('two/0').time.registers[watermarkOf(0)], storyStart + 70_000)
      run.drain()
      assert.deepEqual(lateIn(run), [80])
      assert.deepEqual(rowsIn(run, 'per-minute'), ['a@0=1', 'a@120=1', 'a@60=1'])
    })

    it('[3.5] a marker of an earlier version that knew no time any more ends nothing', () => {
      const run = new EngineRun(rekeyed, { mode })
      run.append('two', 0, [hit(5)])
      run.append('two', 1, [hit(6, 'b')])
      for (const partition of [0, 1])
        for (const upstream of ['two/0', 'two/1']) {
          const watermark = Number.POSITIVE_INFINITY
          const end = {
            upstream,
            watermark,
            own: watermark,
            released: false,
            end: undefined,
            keyKind: 0,
          } as const
          run.append(run.repartitionOf('by-user'), partition, [
            { key: null, value: encodeMarker(end), timestamp: 0 },
          ])
        }
      begin(run, 1)
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), ['a@0=1', 'b@0=1'])
      assert.deepEqual(lateIn(run), [])
    })
  })
}

/** Lets tasks go on in turn, each with a commit after every step, until there have been so many. */
function stepUntil(run: EngineRun, commitsMax: number): void {
  for (let commits = 0; commits < commitsMax; ) {
    let busy = false
    for (const task of run.tasks.values()) {
      for (const input of task.inputs) busy = run.poll(input) || busy
      busy = run.step(task) || run.endSources(task) || busy
      if (!task.hasProgress) continue
      run.commit([task])
      busy = true
      if (++commits === commitsMax) return
    }
    if (!busy) return
  }
}

/** Rewrites what is committed as code without ends wrote it: all times at +∞. */
function asWrittenBefore(run: EngineRun): void {
  const over = Number.POSITIVE_INFINITY
  for (const partition of [0, 1]) {
    const position = run.topics.committed('two', partition)!
    const { channels, task } = decodeMetadata(position.metadata)
    const metadata = encodeMetadata({
      channels: channels.map(({ name, maxTime, released }) => ({ name, maxTime, released, watermark: over })),
      task: task && { ...task, watermark: over, settled: over },
    })
    run.topics.commitPosition({ ...position, metadata, previousOffset: position.offset })
  }
}
