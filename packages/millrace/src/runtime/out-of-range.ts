import type { TaskInput } from '../engine/task-input.ts'
import { type FetchedPartition, LogError } from '../log/log.ts'

/** The readers of a re-keying trim what they have committed, so a member that has lost a partition unawares finds a gap. */
export function isOutOfRange(error: Error): boolean {
  return error instanceof LogError && error.code === 'offset-out-of-range'
}

/** Where an input goes on whose position is not in the log any more: as its source says, undefined for nowhere. */
export function placeAfterGap({ origin }: TaskInput, fetched: FetchedPartition): number | undefined {
  if (origin.kind !== 'source' || fetched.highWatermark < 0) return undefined
  const { outOfRange } = origin.node
  if (outOfRange === 'fail') return undefined
  return outOfRange === 'earliest' ? fetched.logStartOffset : fetched.highWatermark
}

/** What is said of records that are left out. */
export function gapText({ topic, partition, fetchOffset }: TaskInput, place: number): string {
  const missed = place - fetchOffset
  const what =
    missed > 0
      ? `${missed} records of ${topic}/${partition} are gone that were not read (from offset ${fetchOffset})`
      : `${topic}/${partition} ends before offset ${fetchOffset}, so records that were read are gone from it`
  return `${what}; going on at offset ${place}`
}

/** The error that stops a pipeline, with the ways out. */
export function outOfRangeError(pipeline: string, { topic }: TaskInput, cause: Error): LogError {
  const waysOut = `millrace groups reset ${pipeline} --topic ${topic} --to earliest, once, or from(topic, { outOfRange: 'earliest' }) for always`
  return new LogError(
    'offset-out-of-range',
    `${cause.message}. Retention has taken what was to be read next, or the topic is another one now. To go on without it: ${waysOut}`,
    { cause },
  )
}
