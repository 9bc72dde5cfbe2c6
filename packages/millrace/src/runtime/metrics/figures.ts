import type { TopicPartition } from '../../log/log.ts'
import type { HistogramFigures } from '../../std/histogram.ts'

/**
 * What is measured of an app, as plain data: threads send theirs to the control thread. Counters begin at 0 with
 * the thing they belong to: those of a task when it is made, those of a thread when it starts.
 */

/** What became of a commit; `failed` is an error that stops the pipeline. */
export const commitOutcomes = ['committed', 'aborted', 'fenced', 'unknown', 'failed'] as const
export type CommitOutcome = (typeof commitOutcomes)[number]

export interface ThreadFigures {
  readonly thread: number
  /** Time the thread's event loop was not waiting. */
  readonly activeMs: number
  readonly fetches: FetchFigures
  readonly pipelines: readonly PipelineFigures[]
}

export interface FetchFigures {
  readonly count: number
  readonly failed: number
  readonly bytes: number
  /** From asking to the answer, waiting for new records included. */
  readonly ms: number
}

export interface PipelineFigures {
  readonly pipeline: string
  readonly commitSeconds: HistogramFigures
  readonly commits: Readonly<Record<CommitOutcome, number>>
  readonly restore: RestoreFigures
  readonly tasks: readonly TaskFigures[]
}

export interface RestoreFigures {
  readonly isRestoring: boolean
  readonly tasks: number
  readonly records: number
  readonly ms: number
  /** How far each store is, in records of the snapshot and offsets of the changelog; as a task that runs was restored. */
  readonly steps: readonly {
    readonly task: string
    readonly step: string
    readonly done: number
    readonly total: number
  }[]
}

export interface TaskFigures {
  readonly task: string
  readonly records: number
  readonly bytes: number
  readonly outputRecords: number
  readonly outputBytes: number
  readonly changelogBytes: number
  readonly late: number
  readonly lateByRelease: number
  readonly rejected: number
  readonly failed: number
  readonly isParked: boolean
  /** Not finite before the first record and after the end of a bounded input. */
  readonly watermarkMs: number
  readonly inputs: readonly InputFigures[]
  readonly calls: readonly CallFigures[]
  readonly steps: readonly { readonly step: string; readonly rows: number; readonly bytes: number }[]
}

/** The calls of one asynchronous step. */
export interface CallFigures {
  readonly step: string
  /** Records that wait for their results, and how long the oldest one has. */
  readonly waiting: number
  readonly oldestMs: number
  readonly made: number
  readonly retries: number
  readonly failures: number
}

export interface InputFigures extends TopicPartition {
  readonly lag: number
  /** How long ago the oldest record was written that is not processed, by its own time; 0 when there is none. */
  readonly oldestAgeMs: number
  /** Too far ahead of the slowest partition to be read further. */
  readonly isPaused: boolean
}

/** A pipeline's membership as the process sees it. */
export interface MembershipFigures {
  readonly pipeline: string
  readonly rebalances: number
  readonly losses: number
  readonly partitions: number
  readonly barred: number
  /** Partitions that came and wait until what is kept behind them is confirmed. */
  readonly held: number
}
