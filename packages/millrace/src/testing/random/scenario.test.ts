import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../std/random.ts'
import type { ChooseChannel } from '../reference/channels.ts'
import { compareRuns } from '../reference/compare.ts'
import { observeResult } from '../reference/observe-result.ts'
import { referenceRun } from '../reference/reference-run.ts'
import { expectedOf } from './expected.ts'
import { arbitraryCrashes } from './faults.ts'
import { arbitraryScenario } from './scenario.ts'

const scenarios = Number(process.env.MILLRACE_SCENARIOS ?? 60)
const allPorts = ['late', 'rejected', 'failed', 'tombstones'] as const

describe('random scenarios', () => {
  it('what the model calls decided does not depend on the order in which channels go on (4.1)', () => {
    fc.assert(
      fc.property(arbitraryScenario(), fc.integer(), (scenario, seed) => {
        const random = seededRandom(seed)
        const anyHead: ChooseChannel = heads => heads[Math.floor(random() * heads.length)]!
        const expected = expectedOf(scenario)
        const other = expectedOf(scenario, anyHead)
        assert.deepEqual(compareRuns(observeResult(other), expected, { sidePorts: allPorts }), [])
      }),
      { numRuns: scenarios },
    )
  })

  it('meet every rule that they are made for', () => {
    const seen = new Map<string, number>()
    const note = (what: string, rows: { readonly length: number }) =>
      seen.set(what, (seen.get(what) ?? 0) + rows.length)
    for (const { pipeline, input } of fc.sample(arbitraryScenario(), { seed: 1, numRuns: 150 })) {
      const { outputs, sideStreams, tables } = referenceRun(pipeline.pipeline.graph, input)
      for (const { binding, rows } of [...outputs.values(), ...tables.values()]) note(binding, rows)
      for (const { rows } of outputs.values())
        for (const { value } of rows) note(String((value as { page?: unknown } | null)?.page), [value])
      for (const { rows } of sideStreams.values()) for (const { reason } of rows) note(reason, [reason])
    }
    const rules = ['late', 'malformed', 'timestamp', 'tombstone', 'error', 'no-key', 'not-a-number']
    const pairs = ['both', 'left', 'right']
    for (const what of [...rules, ...pairs, 'exact', 'last-per-key', 'last-per-window'])
      assert.ok((seen.get(what) ?? 0) >= 20, `${what} was met ${seen.get(what) ?? 0} times`)
    const decided = seen.get('exact')! + seen.get('last-per-key')!
    assert.ok((seen.get('open') ?? 0) < decided / 4, `${seen.get('open')} rows are open, ${decided} decided`)
  })

  it('cut every partition into batches that hold all of its records', () => {
    fc.assert(
      fc.property(arbitraryScenario({ recordsMax: 10 }), ({ input, cuts }) => {
        for (const [topic, partitions] of input.topics)
          for (const [p, records] of partitions.entries()) {
            const sizes = cuts.get(topic)![p]!
            assert.ok(sizes.every(size => size > 0))
            assert.equal(
              sizes.reduce((sum, size) => sum + size, 0),
              records.length,
            )
          }
      }),
      { numRuns: 50 },
    )
  })

  it('that multiply beyond what the model can take are exchanged for others', () => {
    const { pipeline, input } = fc
      .sample(arbitraryScenario(), { seed: 1, numRuns: 20 })
      .find(({ input }) => [...input.topics.values()].flat(2).length > 10)!
    const once = [...input.topics.values()][0]!
    const often = once.map(records => Array.from({ length: 10_000 }, () => records).flat())
    const topics = new Map([...input.topics].map(([topic]) => [topic, often]))
    assert.throws(() => expectedOf({ pipeline, input: { ...input, topics } }), fc.PreconditionFailure)
  })

  it('are the same for the same seed', () => {
    const sample = () =>
      fc.sample(fc.tuple(arbitraryScenario(), arbitraryCrashes(['before', 'after'])), {
        seed: 7,
        numRuns: 20,
      })
    const shown = (samples: ReturnType<typeof sample>) =>
      samples.map(([{ pipeline, input, cuts }, crashes]) =>
        fc.stringify([pipeline.recipe, input, cuts, crashes]),
      )
    assert.deepEqual(shown(sample()), shown(sample()))
  })
})
