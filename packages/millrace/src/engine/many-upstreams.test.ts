import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { json } from '../serde/json.ts'
import { count } from '../stream/aggregates.ts'
import { pipeline } from '../stream/pipeline.ts'
import { topic } from '../stream/topic.ts'
import { tumbling } from '../window/tumbling.ts'
import { decodeMetadata } from './metadata.ts'
import { EngineRun } from './testkit/engine-run.ts'
import { at, rowsIn, storyStart } from './testkit/story.ts'

const upstreams = 1_100
const hits = topic('hits', { value: json<any>(), partitions: upstreams })
const perMinute = topic<any, any, any>('per-minute', { value: json<any>() })
const downstream = 'by-user.repartition/0'

const counting = pipeline('p', p => {
  const keyed = p.from(hits, { idle: 'never' }).keyBy('by-user', v => v.user, { partitions: 1 })
  keyed.window(tumbling('1m')).aggregate('minutes', { n: count() }).emit('final').to(perMinute)
}).graph

describe('a task behind more upstream tasks than fit beside its position', () => {
  it('[2.1] knows after a restart how far each of them is: what closed stays closed, and late is late', () => {
    const story = (crash: boolean) => {
      const run = new EngineRun(counting).start()
      const lose = () => crash && run.crash([run.task(downstream)])
      for (let p = 0; p < upstreams; p++)
        run.append('hits', p, [at(p === 7 ? 50 : 100 + (p % 10), { user: 'a' })])
      run.drain()
      const { metadata } = run.topics.committed(run.repartitionOf('by-user'), 0)!
      assert.equal(decodeMetadata(metadata).channels.length, upstreams)
      assert.ok(metadata.length > 2304, `${metadata.length} bytes`)
      lose()
      // The others say nothing any more: the one that was behind closes the minute alone.
      run.append('hits', 7, [at(90, { user: 'a' }), at(5, { user: 'a' })])
      run.drain()
      lose()
      run.append('hits', 8, [at(6, { user: 'a' })])
      run.drain()
      const late = run.sideRecords('late').map(({ timestamp }) => (timestamp - storyStart) / 1000)
      return [rowsIn(run, 'per-minute'), late, run.task(downstream).time.watermark - storyStart]
    }
    const afterLosses = story(true)
    assert.deepEqual(afterLosses, [['a@0=1'], [5, 6], 90_000])
    assert.deepEqual(afterLosses, story(false))
  })
})
