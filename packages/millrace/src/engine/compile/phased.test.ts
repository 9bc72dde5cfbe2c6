import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { subTopologies } from '../../plan/sub-topology.ts'
import { json } from '../../serde/json.ts'
import { avg, count, max, min, sum } from '../../stream/aggregates.ts'
import { type Pipeline, type PipelineBuilder, pipeline } from '../../stream/pipeline.ts'
import { topic } from '../../stream/topic.ts'
import { tumbling } from '../../window/tumbling.ts'
import { planSubTopology } from '../sub-plan.ts'
import { EngineRun, type InputRecord } from '../testkit/engine-run.ts'
import { phasedPlan } from './phased.ts'

type Event = { ms: number; size: number; at: number }

const timed = topic('timed', { value: json<Event>(), timestamp: 'at' })
const untimed = topic('untimed', { value: json<Event>() })
const output = topic('output', { value: json<any>() })

const isPhased = ({ graph }: Pipeline): boolean =>
  phasedPlan(
    planSubTopology(graph, subTopologies(graph)[0]!, { app: 'app', closedLog: false, freeze: false }),
  ) !== undefined

const of = (build: (p: PipelineBuilder) => unknown) => pipeline('p', p => void build(p))

const windowed = (input: typeof timed, source = {}) =>
  of(p =>
    p
      .from(input, { outOfOrder: 300, ...source })
      .byKey()
      .window(tumbling(1_000, { grace: 200 }))
      .aggregate('per-key', {
        n: count(),
        total: sum('ms'),
        mean: avg('size'),
        low: min('ms'),
        high: max('ms'),
      })
      .emit('final')
      .to(output),
  )
const table = of(p =>
  p
    .from(timed)
    .byKey()
    .aggregate('per-key', { n: count(), total: sum('ms') }),
)

describe('phases', () => {
  it('[7.3] are for sources whose records go into one aggregate of declared fields', () => {
    assert.ok(isPhased(windowed(timed)))
    assert.ok(isPhased(windowed(untimed)))
    assert.ok(isPhased(table))
  })

  it('[7.3] are not for callbacks, whose records they would meet out of order', () => {
    const grouped = (p: PipelineBuilder) => p.from(timed).byKey()
    assert.ok(!isPhased(of(p => grouped(p).aggregate('a', { n: sum(v => v.ms) }))))
    assert.ok(!isPhased(of(p => grouped(p).aggregate('a', { n: count(v => v.ms > 1) }))))
    assert.ok(
      !isPhased(
        of(p =>
          p
            .from(timed)
            .filter(v => v.ms > 1)
            .byKey()
            .aggregate('a', { n: count() }),
        ),
      ),
    )
    assert.ok(!isPhased(of(p => grouped(p).aggregate('a', { n: count() }).emit('updates').to(output))))
  })

  it('[4.1] [7.3] give what the interpreter gives, for odd records and cuts of any kind', () => {
    const seen = { rows: 0, late: 0, rejected: 0, failed: 0 }
    fc.assert(
      fc.property(
        fc.constantFrom(windowed(timed), windowed(untimed), windowed(timed, { nulls: true }), table),
        fc.array(fc.array(record, { minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 8 }),
        (each, batches) => {
          const [compiled, interpreted] = (['compiled', 'interpreted'] as const).map(mode => {
            const run = new EngineRun(each.graph, { mode })
            const source = each.graph.nodes[0]!
            const name = source.kind === 'source' ? source.topic.name : ''
            for (const batch of batches) run.append(name, 0, batch)
            run.start()
            run.endInputs()
            run.drain()
            return {
              rows: run.topics.records('output'),
              late: run.sideRecords('late'),
              rejected: run.sideRecords('rejected'),
              failed: run.sideRecords('failed'),
              state: run.topics.records(run.changelogOf('per-key')).length,
              counters: [...run.tasks.values()].map(({ counters }) => ({ ...counters })),
              watermarks: [...run.tasks.values()].map(({ time }) => [...time.registers]),
            }
          })
          for (const what of Object.keys(seen) as (keyof typeof seen)[]) seen[what] += compiled![what].length
          assert.deepEqual(compiled, interpreted)
        },
      ),
      { numRuns: 100 },
    )
    for (const [what, times] of Object.entries(seen)) assert.ok(times > 30, `${what}: ${times}`)
  })

  it('[7.6] have processed nothing of what they looked ahead at when a batch turns out not to make sense', () => {
    const run = new EngineRun(windowed(untimed).graph)
    run.append('untimed', 0, [good('a', 1_000), good('b', 1_001), good('c', 1_002)])
    run.start()
    const task = [...run.tasks.values()][0]!
    const input = task.inputs[0]!
    run.poll(input)
    input.openBatch()
    const next = input.cursor.next.bind(input.cursor)
    let calls = 0
    input.cursor.next = () => {
      if (++calls === 3) throw new Error('broken')
      return next()
    }
    // The first record opens the window outside the phases; the look-ahead behind it meets the break.
    assert.throws(() => task.program.run(task, input, Number.POSITIVE_INFINITY), /broken/)
    assert.equal(input.position, 1)
  })
})

const start = 1_700_000_000_000
const good = (key: string, at: number): InputRecord => ({
  key: Buffer.from(key),
  value: Buffer.from(JSON.stringify({ ms: at % 7, size: 2.5, at: start + at })),
  timestamp: start + at,
})

const field = fc.oneof(
  { weight: 8, arbitrary: fc.oneof(fc.integer({ min: -50, max: 50 }), fc.double({ noNaN: true })) },
  { weight: 1, arbitrary: fc.constantFrom(null, undefined, '7', true, {}) },
)
const text = fc
  .record({ ms: field, size: field, at: fc.integer({ min: 0, max: 6_000 }) })
  .map(({ at, ...rest }) => ({ ...rest, at: start + at }))
  .chain(event =>
    fc.oneof(
      { weight: 20, arbitrary: fc.constant(JSON.stringify(event)) },
      { weight: 1, arbitrary: fc.constant(JSON.stringify(event).replace(/"ms":-?[\d.e+-]+/, '"ms":1e999')) },
      {
        weight: 1,
        arbitrary: fc.constantFrom('{', '5', 'null', '[]', '{}', '{"at":1}', '{"at":17e11,"ms":1}'),
      },
    ),
  )
const record: fc.Arbitrary<InputRecord> = fc
  .record({
    key: fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom('a', 'b', 'key', 'a longer key') },
      { weight: 1, arbitrary: fc.constant(null) },
    ),
    value: fc.oneof({ weight: 15, arbitrary: text }, { weight: 1, arbitrary: fc.constant(null) }),
    time: fc.integer({ min: 0, max: 6_000 }),
  })
  .map(({ key, value, time }) => ({
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    timestamp: start + time,
  }))
