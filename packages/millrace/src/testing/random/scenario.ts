import fc from 'fast-check'
import type { ReferenceInput } from '../reference/types.ts'
import { type BuiltRecipe, buildRecipe } from './build-recipe.ts'
import { arbitraryCuts, type BatchCuts } from './faults.ts'
import { arbitraryEnds, arbitraryInput } from './input.ts'
import { arbitraryRecipe, type Recipe } from './recipe.ts'

/** A random pipeline; printed by its recipe. */
class RandomPipeline implements BuiltRecipe {
  readonly recipe: Recipe
  readonly pipeline: BuiltRecipe['pipeline']
  readonly sources: BuiltRecipe['sources']
  readonly sinks: BuiltRecipe['sinks']
  readonly calls: BuiltRecipe['calls']
  constructor(recipe: Recipe) {
    const { pipeline, sources, sinks, calls } = buildRecipe(recipe)
    this.calls = calls
    this.recipe = recipe
    this.pipeline = pipeline
    this.sources = sources
    this.sinks = sinks
  }

  /** What fast-check prints of a counterexample. */
  [fc.toStringMethod](): string {
    return `pipeline ${fc.stringify(this.recipe)}`
  }
}

/** Pipelines of 1–2 sources and 0–2 windows or tables, each behind a re-keying or on the records' own keys. */
function arbitraryPipeline(): fc.Arbitrary<RandomPipeline> {
  return arbitraryRecipe.map(recipe => new RandomPipeline(recipe))
}

export interface Scenario {
  readonly pipeline: RandomPipeline
  readonly input: ReferenceInput
  readonly cuts: BatchCuts
}

export interface RepeatedScenario {
  readonly pipeline: RandomPipeline
  /** With the ends of all bounded runs but the last one, which is bounded or goes on. */
  readonly input: ReferenceInput
  /** How many ends there are. */
  readonly runs: number
}

/** A pipeline that is run again and again over an input that grows. */
export function arbitraryRepeatedScenario(
  options: { recordsMax?: number } = {},
): fc.Arbitrary<RepeatedScenario> {
  return fc
    .tuple(arbitraryPipeline(), fc.integer({ min: 1, max: 3 }), fc.boolean())
    .chain(([pipeline, runs, bounded]) =>
      arbitraryInput(pipeline.sources, options).chain(input =>
        arbitraryEnds(input, runs).map(ends => ({ pipeline, input: { ...input, bounded, ends }, runs })),
      ),
    )
}

/** A pipeline, its input and how the input is cut into batches. */
export function arbitraryScenario(options: { recordsMax?: number } = {}): fc.Arbitrary<Scenario> {
  return arbitraryPipeline().chain(pipeline =>
    arbitraryInput(pipeline.sources, options).chain(input =>
      arbitraryCuts(input).map(cuts => ({ pipeline, input, cuts })),
    ),
  )
}
