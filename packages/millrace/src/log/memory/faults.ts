import type { TopicPartition } from '../log.ts'

/**
 * Where a memory log can be made to fail.
 *
 * - `commit.before`: nothing has happened yet. A `CommitError` is thrown as it is (`fenced` also throws the
 *   member out), any other error counts as `aborted`.
 * - `commit.after`: everything has happened, but the answer is lost: the caller gets `unknown`.
 * - `append.before`, `append.after`: the same for an append; the error itself is thrown.
 * - `fetch`: the whole fetch fails. `fetch.partition`: this partition's part of the answer carries the error.
 */
export type FaultPoint =
  | 'commit.before'
  | 'commit.after'
  | 'append.before'
  | 'append.after'
  | 'fetch'
  | 'fetch.partition'

/** Called at every point that is passed; the error it returns, if any, strikes there. */
export type Fault = (point: FaultPoint, at?: TopicPartition) => Error | undefined
