import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { expectedOf } from '../testing/random/expected.ts'
import { arbitraryScenario } from '../testing/random/scenario.ts'
import { compareRuns } from '../testing/reference/compare.ts'
import { observeLog } from './testkit/observe-log.ts'
import { faultKinds } from './testkit/random-faults.ts'
import { Simulation } from './testkit/simulation.ts'

/** `.ci/run` takes more, a long night more still: `MILLRACE_SCENARIOS=20000`. */
const scenarios = Number(process.env.MILLRACE_SCENARIOS ?? 30)
const seed = Number(process.env.MILLRACE_SEED ?? 20260731)

describe('an app whose log and whose processes fail', () => {
  it('[2.4] [4.1] gives what the reference model gives', { timeout: 600_000 }, async () => {
    const happened: Record<string, number> = {}
    await fc.assert(
      fc.asyncProperty(
        arbitraryScenario({ recordsMax: 20 }),
        fc.constantFrom(1, 2, 3),
        fc.constantFrom('compiled' as const, 'interpreted' as const),
        fc.constantFrom(0, 0.05, 0.2),
        fc.integer(),
        async (scenario, processes, mode, faultRate, chance) => {
          const expected = expectedOf(scenario)
          const simulation = new Simulation(scenario, chance, mode)
          await simulation.run({ processes, steps: 60, faultRate })
          assert.deepEqual(simulation.errors, [])
          const { graph } = scenario.pipeline.pipeline
          const observed = await observeLog(simulation.log, simulation.app, graph)
          assert.deepEqual(compareRuns(observed, expected), [])
          for (const [what, times] of Object.entries({ ...simulation.faults.struck, ...simulation.counts }))
            happened[what] = (happened[what] ?? 0) + times
        },
      ),
      { numRuns: scenarios, seed, path: process.env.MILLRACE_PATH, endOnFailure: true },
    )
    for (const what of [...faultKinds, 'killed', 'stopped', 'frozen', 'answers', 'paused'])
      assert.ok(happened[what]! > scenarios / 10, `${what} happened ${happened[what]} times`)
  })
})
