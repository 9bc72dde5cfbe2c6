import { CommitError } from '../../log/log.ts'
import { Histogram } from '../../std/histogram.ts'
import { isRetriable } from '../backoff.ts'
import { type CommitOutcome, commitOutcomes, type PipelineFigures } from './figures.ts'

const boundsSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** Measures the commits of one pipeline on one worker. */
export class CommitMeter {
  readonly #seconds = new Histogram(boundsSeconds)
  readonly #outcomes = new Map<CommitOutcome, number>(commitOutcomes.map(outcome => [outcome, 0]))

  succeeded(ms: number): void {
    this.#count('committed', ms)
  }

  failed(error: unknown, ms: number): void {
    const outcome = error instanceof CommitError ? error.outcome : isRetriable(error) ? 'aborted' : 'failed'
    this.#count(outcome, ms)
  }

  #count(outcome: CommitOutcome, ms: number): void {
    this.#outcomes.set(outcome, this.#outcomes.get(outcome)! + 1)
    this.#seconds.observe(ms / 1000)
  }

  get figures(): Pick<PipelineFigures, 'commits' | 'commitSeconds'> {
    return {
      commits: Object.fromEntries(this.#outcomes) as PipelineFigures['commits'],
      commitSeconds: this.#seconds.figures,
    }
  }
}
