import type { FieldOrFn } from '../../plan/graph.ts'
import type { StreamRecord } from '../../plan/record.ts'
import type { FlowRecord, SideReason } from './types.ts'

/** A record that a step cannot take; it goes to the step's `.failed`. */
export class StepFailure extends Error {
  override readonly name = 'StepFailure'
  readonly reason: SideReason
  constructor(reason: SideReason, message: string, cause?: unknown) {
    super(message, { cause })
    this.reason = reason
  }
}

/** Calls a user's function. Whatever it throws, and a thenable it returns (SEMANTICS 7.5), is a failure. */
export function call<R>(fn: (...args: any[]) => R, ...args: unknown[]): R {
  let result: R
  try {
    result = fn(...args)
  } catch (cause) {
    throw new StepFailure('error', `a callback threw: ${cause}`, cause)
  }
  if (isThenable(result)) {
    result.then(undefined, () => {})
    throw new StepFailure('error', 'a callback returned a promise')
  }
  return result
}

/** A field by its name or by a callback; both are the same (SEMANTICS 5.3). */
export function fieldOf(field: FieldOrFn, value: unknown, record: StreamRecord): unknown {
  return call(typeof field === 'string' ? v => v[field] : field, value, record)
}

/** What callbacks see of a record. */
export function recordView(record: FlowRecord): StreamRecord {
  const { topic, partition, offset } = record.origin ?? { topic: '', partition: -1, offset: -1 }
  const { key, timestamp, headers } = record
  return { key, timestamp, headers, topic, partition, offset, copy: () => recordView(record) }
}

/** Values are read-only for callbacks (SEMANTICS 5.4). */
export function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value))
    return value
  for (const member of Object.values(value)) frozen(member)
  return Object.freeze(value)
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
