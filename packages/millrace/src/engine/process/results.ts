import { deepFreeze } from '../../serde/freeze.ts'
import { toEventTime } from '../../serde/timestamp.ts'
import { StepFailure } from '../failures.ts'
import { headerSection } from '../outputs.ts'
import { isOut, isThenable, resultFailure, thenableFailure } from '../results.ts'

/** A result on its way out; what `out()` did not set is the call's. */
export interface Result {
  readonly value: unknown
  readonly key: unknown
  readonly time: number
  /** Undefined: those of the call. */
  readonly headers: Uint8Array | undefined
}

/** The results of a process callback; throws where one of them cannot go on, so that none does. */
export function resultsOf(returned: unknown, time: number, freeze: boolean): Result[] {
  if (returned === undefined) return []
  if (isThenable(returned)) throw thenableFailure(returned)
  if (returned === null || typeof (returned as Iterable<unknown>)[Symbol.iterator] !== 'function')
    throw new StepFailure(
      'not-iterable',
      'The callback of process must return an array or another iterable of results, or undefined for none',
    )
  const results: Result[] = []
  for (const each of returned as Iterable<unknown>) results.push(resultOf(each, time, freeze))
  return results
}

/** A value, or what `out()` gives, as a result. */
export function resultOf(result: unknown, time: number, freeze: boolean): Result {
  if (!isOut(result)) return { value: checked(result, freeze), key: undefined, time, headers: undefined }
  const { key, headers, timestamp } = result.options
  return {
    value: checked(result.value, freeze),
    key,
    time: timestamp === undefined ? time : toEventTime(timestamp),
    headers: headers === undefined ? undefined : headerSection(headers),
  }
}

function checked(value: unknown, freeze: boolean): unknown {
  const failure = resultFailure(value)
  if (failure !== undefined) throw failure
  return freeze ? deepFreeze(value) : value
}
