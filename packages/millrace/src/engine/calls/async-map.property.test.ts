import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { json } from '../../serde/json.ts'
import { VirtualClock } from '../../std/clock.ts'
import { seededRandom } from '../../std/random.ts'
import { count, sum } from '../../stream/aggregates.ts'
import { type Pipeline, pipeline } from '../../stream/pipeline.ts'
import type { Stream } from '../../stream/stream.ts'
import { topic } from '../../stream/topic.ts'
import { tumbling } from '../../window/tumbling.ts'
import type { Task } from '../task.ts'
import { CallDesk } from '../testkit/call-desk.ts'
import { EngineRun, type InputRecord } from '../testkit/engine-run.ts'
import { valuesIn } from '../testkit/story.ts'

interface Tick {
  readonly id: number
  readonly key: string | null
  readonly group: string
}

interface Row {
  readonly key: string
  readonly start: number
  readonly n: number
  readonly ids: number
}

const ticks = topic('ticks', { value: json<Tick>(), partitions: 2 })
const called = topic('called', { value: json<Tick>(), partitions: 2 })
const rows = topic('rows', { value: json<Row>() })
const lateOnes = topic('late-ones', { value: json<Tick>() })
const start = 1_700_000_040_000

/** Windows behind a step over the records, whose results and lateness must be those of a step that takes no time. */
function windowsBehind(name: string, step: (stream: Stream<Tick, any>) => Stream<Tick, any>): Pipeline {
  return pipeline(name, { maxFailureRate: 1 }, p => {
    const results = step(p.from(ticks, { outOfOrder: '2s', idle: 'never' }))
    results.to(called)
    const table = results
      .keyBy('group')
      .window(tumbling('5s', { grace: '1s' }))
      .aggregate('rows', { n: count(), ids: sum('id') })
    table.emit('final').to(rows)
    table.late.to(lateOnes)
  })
}

/** Ids that each of many records has, of few keys, some without one, out of order, some behind the watermark. */
const input = fc
  .array(
    fc.record({
      partition: fc.constantFrom(0, 1),
      key: fc.constantFrom('a', 'b', null),
      group: fc.constantFrom('x', 'y'),
      step: fc.constantFrom(0, 300, 1_500, 4_000, 9_000),
      back: fc.constantFrom(0, 0, 0, 1_000, 2_500, 6_000, 9_000),
    }),
    { maxLength: 40 },
  )
  .map(drafts => {
    const times = [0, 0]
    return drafts.map(({ partition, key, group, step, back }, id) => {
      times[partition]! += step
      const timestamp = start + Math.max(0, times[partition]! - back)
      const value = Buffer.from(JSON.stringify({ id, key, group }))
      const record: InputRecord = { key: key === null ? null : Buffer.from(key), value, timestamp }
      return { partition, record }
    })
  })

type Input = typeof input extends fc.Arbitrary<infer T> ? T : never

function put(run: EngineRun, all: Input): void {
  for (const { partition, record } of all) run.append('ticks', partition, [record])
}

/** What a step that takes no time gives. */
function expected(all: Input) {
  const { graph } = windowsBehind('p', stream => stream.map(v => v))
  const run = new EngineRun(graph, { clock: new VirtualClock(8e15) }).start()
  put(run, all)
  run.endInputs()
  run.drain()
  return seen(run)
}

function seen(run: EngineRun) {
  const texts = (topic: string) =>
    valuesIn(run, topic)
      .map(value => JSON.stringify(value))
      .sort()
  return { called: texts('called'), rows: texts('rows'), late: texts('late-ones') }
}

/** The results of one key of one partition have the order of their records. */
function assertOrder(all: Input, results: readonly Tick[]): void {
  const lanes = Object.groupBy(
    results.filter(({ key }) => key !== null),
    ({ id, key }) => `${all[id]!.partition}${key}`,
  )
  for (const ids of Object.values(lanes).map(lane => lane!.map(({ id }) => id)))
    assert.deepEqual(
      ids,
      ids.toSorted((a, b) => a - b),
    )
}

const happened = { crashes: 0, held: 0, full: 0, late: 0 }

/** Runs tasks, settles calls, commits and loses tasks as chance says; then everything until the end. */
async function run(
  all: Input,
  order: 'key' | 'none',
  mode: 'compiled' | 'interpreted',
  chance: () => number,
) {
  const desk = new CallDesk<Tick>()
  const { graph } = windowsBehind('p', stream =>
    stream.asyncMap('ask', v => desk.ask(v.id, v), { concurrency: 1 + (all.length % 3), order }),
  )
  const run = new EngineRun(graph, { mode, clock: new VirtualClock(8e15), freeze: true }).start()
  put(run, all)
  run.endInputs()
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(chance() * from.length)]
  const work = (task: Task) => {
    for (const each of task.inputs) run.poll(each, 1)
    run.step(task)
    run.endSources(task)
    if (task.calls.isFull) happened.full++
    if (!task.calls.isIdle) happened.held++
  }
  // Where answers come seldom, a task gets as many waiting records as it takes.
  const settles = 0.6 + 0.2 * chance()
  for (let i = 0; i < 6 * all.length + 20; i++) {
    const task = pick([...run.tasks.values()])!
    const what = chance()
    if (what < 0.6) work(task)
    else if (what < settles) await desk.settle(pick(desk.open))
    else if (what < 0.95) run.commit([task])
    else {
      run.crash([task])
      happened.crashes++
    }
  }
  for (let round = 0; ; round++) {
    run.drain()
    if ([...run.tasks.values()].every(task => task.calls.isIdle) && desk.open.length === 0) break
    await desk.settle(pick(desk.open))
    assert.ok(round < 10_000)
  }
  run.drain()
  return run
}

for (const order of ['key', 'none'] as const)
  for (const mode of ['compiled', 'interpreted'] as const)
    describe(`asyncMap in order ${order}, ${mode}`, () => {
      it('[7.4] [4.1] gives what map gives, whenever calls settle, commits fall and tasks are lost', async () => {
        await fc.assert(
          fc.asyncProperty(input, fc.integer(), async (all, seed) => {
            const done = await run(all, order, mode, seededRandom(seed))
            const result = seen(done)
            assert.deepEqual(result, expected(all))
            happened.late += result.late.length
            if (order === 'key') assertOrder(all, valuesIn(done, 'called'))
          }),
          { numRuns: 40 },
        )
        for (const [what, times] of Object.entries(happened)) assert.ok(times > 0, `${what} never happened`)
      })
    })
