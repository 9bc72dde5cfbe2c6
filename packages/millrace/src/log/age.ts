import { isBroken } from '../std/broken-rules.ts'

const byRecordTimeAlone = isBroken('9.5')

/**
 * The time from which the age of a batch counts in the logs that are ours (SEMANTICS 9.5): that of its newest
 * record (-1 where the records have none), but never before it was written.
 */
export function agesFrom(newestRecordMs: number, writtenAtMs: number): number {
  return byRecordTimeAlone ? newestRecordMs : Math.max(newestRecordMs, writtenAtMs)
}
