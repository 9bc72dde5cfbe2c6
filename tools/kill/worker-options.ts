import type { CommitPoint } from '../../packages/millrace/src/runtime/pipeline-commits.ts'
import type { CommitMode } from './split-commit.ts'

/** Inside a transaction on Kafka: `-sent` lies between a request and its answer, `before-` before the request is sent. */
export const transactionPoints = [
  'produce-sent',
  'before-offsets',
  'offsets-sent',
  'before-end',
  'end-sent',
] as const
export type TransactionPoint = (typeof transactionPoints)[number]

export type WorkerPoint = CommitPoint | TransactionPoint | 'between-halves'

/** Points that are not those of one pipeline. */
export const sharedPoints: ReadonlySet<WorkerPoint> = new Set([...transactionPoints, 'between-halves'])

/** Where a worker kills itself: at the `nth` time this pipeline (of a shared point: any) comes to this point. */
export interface KillAt {
  readonly point: WorkerPoint
  readonly pipeline?: string
  readonly nth: number
}

/** The one argument of a worker process, as JSON. */
export interface WorkerOptions {
  /** Of the app's data, and of the embedded log. */
  readonly directory: string
  /** Of a Kafka, in place of the embedded log. */
  readonly brokers?: readonly string[]
  /** On Kafka, transactions as before KIP-890. */
  readonly isFlow1?: boolean
  readonly tallyPath: string
  readonly sessionTimeoutMs: number
  readonly mode: CommitMode
  readonly killAt?: KillAt
}
