import { Out } from '../plan/out.ts'
import { StepFailure } from './failures.ts'

/** What a callback gave that it must not give; shared by the interpreter and the generated code. */

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    value !== null &&
    (typeof value === 'object' || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}

/** The failure of a step whose callback gave a promise (SEMANTICS 7.5). */
export function thenableFailure(promise: unknown): StepFailure {
  // Nobody waits for it, so its rejection must not become an unhandled one.
  Promise.resolve(promise).catch(() => {})
  return new StepFailure(
    'thenable',
    'The callback returned a promise, but a step runs to its end at once; call other services from asyncMap, or from forEach where nothing goes on',
  )
}

/** Why a result of `map` or `flatMap` cannot go on, or undefined when it can. */
export function resultFailure(result: unknown): StepFailure | undefined {
  if (result === undefined) {
    return new StepFailure(
      'undefined',
      'The callback returned undefined; return a value, null for a tombstone, or use flatMap to leave records out',
    )
  }
  return isThenable(result) ? thenableFailure(result) : undefined
}

export function isOut(value: unknown): value is Out<unknown, unknown> {
  return value instanceof Out
}

/** The results of a `flatMap` callback as an array; throws where they are not iterable. */
export function allOf(results: unknown): readonly unknown[] {
  if (Array.isArray(results)) return results
  if (isThenable(results)) throw thenableFailure(results)
  if (
    results === null ||
    results === undefined ||
    typeof (results as Iterable<unknown>)[Symbol.iterator] !== 'function'
  ) {
    throw new StepFailure('not-iterable', 'The callback of flatMap must return an array or another iterable')
  }
  return [...(results as Iterable<unknown>)]
}

/** An argument of `sum`, `min`, `max`, `avg` or `quantile` that is no finite number, null or absent. */
export function notANumber(step: string, column: string, value: unknown): StepFailure {
  const shown = typeof value === 'number' ? String(value) : value === null ? 'null' : `a ${typeof value}`
  return new StepFailure('not-a-number', `Column "${column}" of "${step}" needs a number and got ${shown}`)
}

export function keyKindFailure(step: string): StepFailure {
  return new StepFailure(
    'key-kind',
    `The key is of another type than the keys before it at "${step}"; keys of one step are of one type`,
  )
}

export function keyChangedFailure(step: string): StepFailure {
  return new StepFailure(
    'key-changed',
    `The key was set by out() in front of "${step}", but its records lie in the partition of their old key; group with keyBy instead`,
  )
}

export function noKeyFailure(step: string): StepFailure {
  return new StepFailure(
    'no-key',
    `The record has no key, and "${step}" works by key; filter such records out, or use keyBy`,
  )
}

/** A predicate's answer; throws for a promise, which would always be true. */
export function isTrue(answer: unknown): boolean {
  if (answer === true) return true
  if (isThenable(answer)) throw thenableFailure(answer)
  return Boolean(answer)
}

/** Passes a result on; throws for a promise. */
export function settled<T>(result: T): T {
  if (isThenable(result)) throw thenableFailure(result)
  return result
}

/** Equal for results that are equal as JSON; taken before an update, since a state may change in place. */
export function fingerprint(result: unknown): unknown {
  return typeof result === 'object' && result !== null ? JSON.stringify(result) : result
}

/** A window's result with its key, start and end; one that is no plain object becomes the column `value`. */
export function windowValue(result: unknown, frame: object): object {
  const isColumns =
    typeof result === 'object' &&
    result !== null &&
    !Array.isArray(result) &&
    !(result instanceof Uint8Array) &&
    !(result instanceof Date)
  return isColumns ? { ...result, ...frame } : { value: result, ...frame }
}
