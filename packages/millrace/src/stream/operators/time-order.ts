import type { ProcessContext, TimerContext } from '../../plan/process.ts'
import { state } from '../process.ts'

/** The states that records wait in until their time has come. */
export const waitingStates = { waiting: state.map<number, readonly any[]>() }

const tag = (time: number) => `in order ${time}`

interface Waiting {
  readonly state: {
    readonly waiting: {
      get(time: number): readonly any[] | undefined
      set(time: number, values: readonly any[]): void
      delete(time: number): void
    }
  }
}

/**
 * Lets a record wait until no earlier one of its key can come; of those of one time, the first to come goes first.
 * False for one that is too late for that: others behind it have gone already.
 */
export function wait(
  value: unknown,
  context: Waiting & Pick<ProcessContext<any>, 'timestamp' | 'watermark' | 'timers'>,
): boolean {
  const { timestamp, watermark, timers } = context
  if (timestamp < watermark) return false
  const { waiting } = context.state
  waiting.set(timestamp, [...(waiting.get(timestamp) ?? []), value])
  timers.at(timestamp, tag(timestamp))
  return true
}

/** The records whose time has come, when it is a timer of theirs that fired. */
export function arrived(context: Waiting & Pick<TimerContext<any>, 'timer'>): readonly any[] {
  const { time } = context.timer
  if (context.timer.tag !== tag(time)) return []
  const { waiting } = context.state
  const values = waiting.get(time) ?? []
  waiting.delete(time)
  return values
}
