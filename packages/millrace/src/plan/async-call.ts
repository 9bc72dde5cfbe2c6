import type { RecordHeader } from './record.ts'

/** What a callback of `asyncMap` gets beside the value; unlike a record's view it may be kept. */
export interface AsyncCall<K = unknown> {
  readonly key: K
  /** Event time in ms since the epoch. */
  readonly timestamp: number
  readonly headers: readonly RecordHeader[]
  /** Where the record was read. */
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** How often this record's call has failed since the task began: 0 in the first one. */
  readonly attempt: number
  /** Aborted when the call takes longer than its timeout, or when its task ends or moves. Its result is of no use then. */
  readonly signal: AbortSignal
}
