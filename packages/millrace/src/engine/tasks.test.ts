import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { json } from '../serde/json.ts'
import { count } from '../stream/aggregates.ts'
import { pipeline } from '../stream/pipeline.ts'
import { topic } from '../stream/topic.ts'
import { tumbling } from '../window/tumbling.ts'
import { cutTask } from './cut.ts'
import { decodeMetadata } from './metadata.ts'
import { EngineRun } from './testkit/engine-run.ts'
import { at, rowsIn, storyStart } from './testkit/story.ts'

const hits = topic('hits', { value: json<any>(), partitions: 2 })
const perMinute = topic<any, any, any>('per-minute', { value: json<any>() })

function counting(outOfOrder: '0s' | '10s' = '0s') {
  return pipeline('p', p => {
    const keyed = p.from(hits, { idle: 'never', outOfOrder }).byKey()
    keyed.window(tumbling('1m')).aggregate('minutes', { n: count() }).emit('final').to(perMinute)
  }).graph
}

/** Runs one task until it stops, without a commit. */
function work(run: EngineRun, name: string): void {
  const task = run.task(name)
  for (const input of task.inputs) run.poll(input)
  while (!task.isClosing && run.step(task));
}

for (const mode of ['compiled', 'interpreted'] as const) {
  describe(`a task, ${mode}`, () => {
    it('[1.2] shares no state, time or timer with the task of another partition', () => {
      const run = new EngineRun(counting(), { mode }).start()
      run.append('hits', 0, [at(5, 1), at(500, 1)])
      run.append('hits', 1, [at(6, 1), at(7, 1)])
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), ['k@0=1'])
      assert.equal(run.task('hits/1').time.watermark, storyStart + 7_000)
      run.crash([run.task('hits/0')])
      run.append('hits', 1, [at(61, 1)])
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), ['k@0=1', 'k@0=2'])
    })

    it('[2.1] a record that was late before a restart is late after it', () => {
      const lateAfter = (crash: boolean) => {
        const run = new EngineRun(counting(), { mode }).start()
        run.append('hits', 0, [at(5, 1), at(100, 1)])
        run.drain()
        if (crash) run.crash([...run.tasks.values()])
        run.append('hits', 0, [at(6, 1), at(101, 1), at(200, 1)])
        run.drain()
        return [rowsIn(run, 'per-minute'), run.sideRecords('late').map(({ timestamp }) => timestamp)]
      }
      assert.deepEqual(lateAfter(true), [['k@0=1', 'k@60=2'], [storyStart + 6_000]])
      assert.deepEqual(lateAfter(true), lateAfter(false))
    })

    it('[2.1] a commit holds position, times and counter, and a restart begins with them', () => {
      const run = new EngineRun(counting('10s'), { mode }).start()
      run.append('hits', 0, [at(5, 1), at(100, 1), at(70, 1)])
      work(run, 'hits/0')
      const [position] = cutTask(run.task('hits/0'), 1).positions
      assert.equal(position!.offset, 3)
      assert.equal(position!.previousOffset, -1)
      const { channels, task } = decodeMetadata(position!.metadata)
      const watermark = storyStart + 90_000
      const maxTime = storyStart + 100_000
      assert.deepEqual(channels, [{ name: 'source:hits', maxTime, watermark, released: false }])
      assert.deepEqual([task!.watermark, task!.settled, task!.commits], [watermark, watermark, 1])
    })

    it('[2.1] what was not committed vanishes with its task, and is done again', () => {
      const run = new EngineRun(counting(), { mode }).start()
      run.append('hits', 0, [at(5, 1)])
      run.drain()
      run.append('hits', 0, [at(6, 1), at(100, 1)])
      work(run, 'hits/0')
      assert.equal(run.task('hits/0').inputs[0]!.position, 3)
      run.crash([run.task('hits/0')])
      assert.equal(run.task('hits/0').inputs[0]!.position, 1)
      run.drain()
      assert.deepEqual(rowsIn(run, 'per-minute'), ['k@0=2'])
    })

    it('[3.7] a close over several commits and a loss in its middle gives each row once', () => {
      const rowsPerSlice = 1_000
      const keys = 2 * rowsPerSlice + 500
      const run = new EngineRun(counting(), { mode, slice: { rows: rowsPerSlice, closes: 10 } }).start()
      for (let first = 0; first < keys; first += 1_000) {
        const ids = Array.from({ length: Math.min(1_000, keys - first) }, (_, i) => first + i)
        run.append(
          'hits',
          0,
          ids.map(id => at(1, 1, `key-${id}`)),
        )
      }
      run.drain()
      run.append('hits', 0, [at(60, 1, 'next'), at(61, 1, 'next'), at(120, 1, 'next')])
      work(run, 'hits/0')
      const task = run.task('hits/0')
      assert.ok(task.isClosing, 'the first slice did not end the window')
      assert.equal(task.inputs[0]!.position, keys + 1, 'no further record was taken')
      run.commit()
      assert.equal(run.topics.records('per-minute').length, rowsPerSlice)
      run.step(task)
      assert.ok(task.isClosing, 'a second slice went out, uncommitted')
      run.crash([task])
      assert.ok(run.task('hits/0').isClosing, 'the close goes on')
      run.drain()
      const rows = rowsIn(run, 'per-minute')
      assert.equal(rows.length, keys + 1)
      assert.equal(new Set(rows).size, keys + 1)
      assert.ok(rows.includes('next@60=2'))
    })

    it('[3.7] rows of a window come by key where that is asked', () => {
      const graph = pipeline('p', p => {
        const keyed = p.from(hits, { idle: 'never' }).byKey()
        const windows = keyed.window(tumbling('1m')).aggregate('minutes', { n: count() })
        windows.emit('final', { order: 'key' }).to(perMinute)
      }).graph
      const run = new EngineRun(graph, { mode }).start()
      const names = ['b', 'ab', 'a', 'é', 'c', '']
      run.append('hits', 0, [...names.map(name => at(1, 1, name)), at(60, 1)])
      run.drain()
      const keys = run.topics.records('per-minute').map(({ key }) => key!.toString())
      assert.deepEqual(keys, ['', 'a', 'ab', 'b', 'c', 'é'])
    })
  })
}
