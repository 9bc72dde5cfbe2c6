import type { CommitPoint } from '../../packages/millrace/src/runtime/pipeline-commits.ts'
import type { CommitMode } from './split-commit.ts'

export type WorkerPoint = CommitPoint | 'between-halves'

/** Where a worker kills itself: at the `nth` time this pipeline comes to this point. */
export interface KillAt {
  readonly point: WorkerPoint
  readonly pipeline: string
  readonly nth: number
}

/** The one argument of a worker process, as JSON. */
export interface WorkerOptions {
  readonly directory: string
  readonly tallyPath: string
  readonly sessionTimeoutMs: number
  readonly mode: CommitMode
  readonly killAt?: KillAt
}
