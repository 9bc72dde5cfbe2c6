import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { json } from '../serde/json.ts'
import { seededRandom } from '../std/random.ts'
import { count } from '../stream/aggregates.ts'
import { pipeline } from '../stream/pipeline.ts'
import { topic } from '../stream/topic.ts'
import { tumbling } from '../window/tumbling.ts'
import { EngineRun } from './testkit/engine-run.ts'
import { runRandomly } from './testkit/random-schedule.ts'
import { at, rowsIn } from './testkit/story.ts'

const hits = topic('hits', { value: json<{ id: number }>(), partitions: 3 })
const perMinute = topic<any, any, any>('per-minute', { value: json<any>() })

const graph = pipeline('p', p => {
  p.from(hits, { idle: 'never', outOfOrder: '20s' })
    .keyBy('first', v => v.id, { partitions: 2, watermark: 1 })
    .keyBy('second', v => v.id % 3, { partitions: 2, watermark: 1 })
    .window(tumbling('1m'))
    .aggregate('minutes', { n: count() })
    .emit('final')
    .to(perMinute)
}).graph

/** Seconds of a partition's records, none older than 20 s before the newest so far. */
const partition = fc
  .array(fc.record({ step: fc.nat({ max: 90 }), back: fc.nat({ max: 20 }) }), { maxLength: 30 })
  .map(records => {
    let newest = 0
    return records.map(({ step, back }) => {
      newest += step
      return Math.max(0, newest - back)
    })
  })

describe('two keyBys in a row', () => {
  it('[3.3] [4.1] lose no record that keeps within outOfOrder, in whatever order the tasks go on', () => {
    const property = fc.property(
      fc.array(partition, { minLength: 3, maxLength: 3 }),
      fc.integer(),
      (partitions, seed) => {
        const run = new EngineRun(graph)
        const counts = new Map<string, number>()
        partitions.forEach((seconds, p) => {
          seconds.forEach((second, i) => {
            const id = p * 100 + i
            run.append('hits', p, [at(second, { id })])
            const row = `${id % 3}@${second - (second % 60)}`
            counts.set(row, (counts.get(row) ?? 0) + 1)
          })
        })
        const random = seededRandom(seed)
        runRandomly(run, { random, steps: 200, crashRate: 0.03, commitRate: 0.2, trimRate: 0 })
        assert.deepEqual(rowsIn(run, 'per-minute'), [...counts].map(([row, n]) => `${row}=${n}`).sort())
        assert.equal(run.sideRecords('late').length, 0)
      },
    )
    fc.assert(property, { numRuns: 40 })
  })
})
