import { toEventTime } from '../serde/timestamp.ts'
import { messageOf, StepFailure } from './failures.ts'
import { settled } from './results.ts'

/** What a source's watermark function says with a record; -∞ where it says nothing. Throws `StepFailure` for what is no time. */
export function saidWatermark(fn: (value: any, timestamp: number) => unknown, v: unknown, t: number): number {
  const said = settled(fn(v, t))
  if (said === undefined || said === null) return Number.NEGATIVE_INFINITY
  try {
    return toEventTime(said)
  } catch (error) {
    throw new StepFailure('watermark', `What the watermark function gave is no time: ${messageOf(error)}`)
  }
}
