import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../std/random.ts'
import { expectedOf } from '../testing/random/expected.ts'
import {
  arbitraryRepeatedScenario,
  arbitraryScenario,
  type RepeatedScenario,
  type Scenario,
} from '../testing/random/scenario.ts'
import { compareRuns } from '../testing/reference/compare.ts'
import { EngineRun, type EngineRunOptions } from './testkit/engine-run.ts'
import { observe, observeTopics } from './testkit/observe.ts'
import { type AnsweredCounts, goOnWithAnswers, runWithAnswers } from './testkit/random-schedule.ts'

/** `.ci/run` takes more, a long night more still: `MILLRACE_SCENARIOS=10000`. */
const scenarios = Number(process.env.MILLRACE_SCENARIOS ?? 40)
const seed = process.env.MILLRACE_SEED === undefined ? undefined : Number(process.env.MILLRACE_SEED)

function loaded({ pipeline, input, cuts }: Scenario, options: EngineRunOptions): EngineRun {
  const run = new EngineRun(pipeline.pipeline.graph, options)
  for (const [topic, partitions] of input.topics) {
    partitions.forEach((records, partition) => {
      let at = 0
      for (const size of cuts.get(topic)![partition]!) {
        run.append(topic, partition, records.slice(at, at + size))
        at += size
      }
    })
  }
  return run
}

const modes: readonly EngineRunOptions[] = [
  { mode: 'compiled' },
  { mode: 'compiled', freeze: true },
  { mode: 'interpreted' },
  { mode: 'compiled', closedLog: true },
]

describe('a random pipeline over a random input', () => {
  const timeout = Math.max(120_000, scenarios * 500)
  it('[4.1] [4.2] gives what the reference model gives, however it is run, cut, committed and lost', {
    timeout,
  }, async () => {
    const total = { crashes: 0, commits: 0, crashesWhileClosing: 0, trims: 0, answers: 0 }
    await fc.assert(
      fc.asyncProperty(
        arbitraryScenario(),
        fc.constantFrom(...modes),
        fc.constantFrom(undefined, { rows: 1, closes: 1 }, { rows: 2, closes: 100 }),
        fc.constantFrom(0, 0.02, 0.1),
        fc.integer(),
        async (scenario, mode, slice, crashRate, schedule) => {
          const expected = expectedOf(scenario)
          const run = loaded(scenario, { ...mode, slice })
          const random = seededRandom(schedule)
          const options = { random, steps: 150, crashRate, commitRate: 0.15, trimRate: 0.3 }
          const counts = await runWithAnswers(run, scenario.pipeline.calls, options)
          for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += counts[name]
          assert.deepEqual(compareRuns(observe(run), expected), [])
        },
      ),
      { numRuns: scenarios, seed, path: process.env.MILLRACE_PATH },
    )
    for (const [what, times] of Object.entries(total)) {
      assert.ok(times > scenarios / 100, `${what} happened ${times} times`)
    }
  })
})

/** The input of each run: bounded ones, each with a process of its own, and one that goes on behind them or ends too. */
async function runAgain(
  { pipeline, input, runs }: RepeatedScenario,
  options: EngineRunOptions,
  drive: (run: EngineRun) => Promise<void>,
): Promise<EngineRun> {
  const run = new EngineRun(pipeline.pipeline.graph, options)
  for (let no = 1; no <= runs + 1; no++) {
    for (const [topic, partitions] of input.topics)
      partitions.forEach((records, partition) => {
        const ends = [0, ...input.ends!.get(topic)![partition]!, records.length]
        for (const record of records.slice(ends[no - 1], ends[no])) run.append(topic, partition, [record])
      })
    if (no <= runs || input.bounded) run.endInputs(no)
    else run.goLive()
    run.crash([...run.tasks.values()])
    await drive(run)
  }
  return run
}

describe('a random pipeline over a random input that grows', () => {
  const timeout = Math.max(120_000, scenarios * 1_000)
  it('[3.5] [4.1] gives what the reference model gives, bounded run after bounded run', {
    timeout,
  }, async () => {
    const total: AnsweredCounts = { crashes: 0, commits: 0, crashesWhileClosing: 0, trims: 0, answers: 0 }
    await fc.assert(
      fc.asyncProperty(
        arbitraryRepeatedScenario(),
        fc.constantFrom(...modes),
        fc.constantFrom(undefined, { rows: 1, closes: 1 }, { rows: 2, closes: 100 }),
        fc.constantFrom(0, 0.02, 0.1),
        fc.integer(),
        async (scenario, mode, slice, crashRate, schedule) => {
          const expected = expectedOf(scenario)
          const random = seededRandom(schedule)
          const options = { random, steps: 100, crashRate, commitRate: 0.15, trimRate: 0.3 }
          const run = await runAgain(scenario, { ...mode, slice }, async each => {
            const counts = await goOnWithAnswers(each, scenario.pipeline.calls, options)
            for (const name of Object.keys(total) as (keyof AnsweredCounts)[]) total[name] += counts[name]
          })
          const observed = scenario.input.bounded ? observe(run) : observeTopics(run)
          assert.deepEqual(compareRuns(observed, expected), [])
        },
      ),
      { numRuns: scenarios, seed, path: process.env.MILLRACE_PATH },
    )
    for (const [what, times] of Object.entries(total)) {
      assert.ok(times > scenarios / 100, `${what} happened ${times} times`)
    }
  })
})
