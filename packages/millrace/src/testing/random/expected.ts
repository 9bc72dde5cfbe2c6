import fc from 'fast-check'
import { type ChooseChannel, earliestHead } from '../reference/channels.ts'
import { referenceRun, TooLongError } from '../reference/reference-run.ts'
import type { ReferenceResult } from '../reference/types.ts'
import type { Scenario } from './scenario.ts'

/** Five of 2,000 scenarios went beyond it; the model took a second at most for the others. */
const WORK_MAX = 25_000

/** What a scenario must give. Inside a property, one whose records meet and multiply beyond measure is exchanged for another. */
export function expectedOf(
  { pipeline, input }: Pick<Scenario, 'pipeline' | 'input'>,
  choose: ChooseChannel = earliestHead,
): ReferenceResult {
  try {
    return referenceRun(pipeline.pipeline.graph, input, choose, WORK_MAX)
  } catch (error) {
    fc.pre(!(error instanceof TooLongError))
    throw error
  }
}
