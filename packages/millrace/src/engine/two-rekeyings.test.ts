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
import { at, rowsIn, storyStart } from './testkit/story.ts'

const hits = topic('hits', { value: json<{ id: number }>(), partitions: 3 })
const perMinute = topic<any, any, any>('per-minute', { value: json<any>() })

/** `.ci/run` takes ten times as many. */
const scenarios = Number(process.env.MILLRACE_SCENARIOS ?? 100)

const options = { partitions: 2, watermark: 1 } as const

const twoKeyBys = pipeline('p', p => {
  p.from(hits, { idle: 'never', outOfOrder: '20s' })
    .keyBy('first', v => v.id, options)
    .keyBy('second', v => v.id % 3, options)
    .window(tumbling('1m'))
    .aggregate('minutes', { n: count() })
    .emit('final')
    .to(perMinute)
}).graph

const threeKeyBys = pipeline('p', p => {
  p.from(hits, { idle: 'never', outOfOrder: '20s' })
    .keyBy('first', v => v.id, options)
    .keyBy('second', v => v.id % 5, options)
    .keyBy('third', v => v.id % 3, options)
    .window(tumbling('1m'))
    .aggregate('minutes', { n: count() })
    .emit('final')
    .to(perMinute)
}).graph

/** Seconds of a partition's records, the oldest of them `backMax` before the newest so far. */
const partition = (backMax: number) =>
  fc
    .array(fc.record({ step: fc.nat({ max: 90 }), back: fc.nat({ max: backMax }) }), {
      maxLength: 30,
      size: 'max',
    })
    .map(records => {
      let newest = 0
      return records.map(({ step, back }) => {
        newest += step
        return Math.max(0, newest - back)
      })
    })

/** What comes of one partition alone: rows as `rowsIn` names them, and the seconds of records that are late. */
function inTimeAndLate(seconds: readonly number[], ids: (i: number) => number) {
  const rows: string[] = []
  const late: number[] = []
  let newest = Number.NEGATIVE_INFINITY
  for (const [i, second] of seconds.entries()) {
    const start = second - (second % 60)
    if (start + 60 <= newest - 20) late.push(second)
    else rows.push(`${ids(i) % 3}@${start}`)
    newest = Math.max(newest, second)
  }
  return { rows, late }
}

function check(graph: typeof twoKeyBys, partitions: readonly number[][], seed: number): number {
  const run = new EngineRun(graph)
  const counts = new Map<string, number>()
  const late: number[] = []
  partitions.forEach((seconds, p) => {
    const ids = (i: number) => p * 100 + i
    for (const [i, second] of seconds.entries()) run.append('hits', p, [at(second, { id: ids(i) })])
    const expected = inTimeAndLate(seconds, ids)
    for (const row of expected.rows) counts.set(row, (counts.get(row) ?? 0) + 1)
    late.push(...expected.late)
  })
  const random = seededRandom(seed)
  runRandomly(run, { random, steps: 200, crashRate: 0.03, commitRate: 0.2, trimRate: 0 })
  assert.deepEqual(rowsIn(run, 'per-minute'), [...counts].map(([row, n]) => `${row}=${n}`).sort())
  const lateSeconds = run.sideRecords('late').map(({ timestamp }) => (timestamp - storyStart) / 1000)
  assert.deepEqual(lateSeconds.sort(), late.sort())
  return late.length
}

for (const [name, graph] of [
  ['two', twoKeyBys],
  ['three', threeKeyBys],
] as const) {
  describe(`${name} keyBys in a row`, () => {
    it('[3.3] [4.1] lose no record that keeps within outOfOrder, in whatever order the tasks go on', () => {
      const property = fc.property(
        fc.array(partition(20), { minLength: 3, maxLength: 3 }),
        fc.integer(),
        (partitions, seed) => assert.equal(check(graph, partitions, seed), 0),
      )
      fc.assert(property, { numRuns: Math.ceil(scenarios / 5) })
    })

    it('[3.3] [4.1] judge a later one by its source partition, in whatever order the tasks go on', () => {
      let late = 0
      const property = fc.property(
        fc.array(partition(200), { minLength: 3, maxLength: 3 }),
        fc.integer(),
        (partitions, seed) => {
          late += check(graph, partitions, seed)
        },
      )
      fc.assert(property, { numRuns: Math.ceil(scenarios / 2.5) })
      assert.ok(late > 100, `${late} records were late`)
    })
  })
}
