import type { AsyncCall } from '../plan/async-call.ts'
import { checkCallback } from '../plan/callbacks.ts'
import type { AsyncMapNode, CallRetry, Edge } from '../plan/graph.ts'
import type { GraphBuilder } from '../plan/graph-builder.ts'
import type { DeepReadonly } from '../plan/readonly.ts'
import { type Duration, toMs } from '../std/duration.ts'
import type { RetryOptions } from './callback-types.ts'
import { retryPolicy } from './retry-policy.ts'

/** A callback that may take its time: the value, read-only, and what belongs to its call. */
export type AsyncCallback<V, K, R> = (value: DeepReadonly<V>, call: AsyncCall<K>) => R | PromiseLike<R>

/** How often and when a call that failed is made again. */
export interface AsyncRetryOptions extends RetryOptions {
  /** Makes each back-off twice the one before, up to this one; they are all equal by default. */
  readonly maxBackoff?: Duration
  /** Whether an error is worth another call; `attempt` is 0 after the first one. All are by default. */
  readonly when?: (error: unknown, attempt: number) => boolean
}

export interface AsyncMapOptions {
  /** Calls at once in one task (one partition); 16 by default. Four times as many records at most wait for their results. */
  readonly concurrency?: number
  /** How long one call may take; 30 s by default. */
  readonly timeout?: Duration
  /** None by default: the record of a call that fails goes to `.failed`. */
  readonly retry?: AsyncRetryOptions
  /**
   * `key` (the default): results of one key leave in the order of their records, while other keys overtake; calls are made at once all
   * the same. `none`: each result leaves as soon as it is there. Records without a key have no order.
   */
  readonly order?: 'key' | 'none'
}

/** The node of an `asyncMap` that follows `input`. Throws `PlanError`. */
export function asyncMapNode(
  builder: GraphBuilder,
  input: Edge,
  name: unknown,
  fn: unknown,
  options: AsyncMapOptions = {},
): Omit<AsyncMapNode, 'id'> {
  const step = typeof name === 'string' ? name : 'asyncMap'
  if (typeof name !== 'string')
    builder.fail(step, 'it has no name', "name it: asyncMap('enrich', async v => …); its store has that name")
  const { concurrency = 16, timeout = '30s', retry, order = 'key' } = options
  checkCallback(fn, 'the callback', { pipeline: builder.pipeline, step }, { async: true })
  if (!(Number.isSafeInteger(concurrency) && concurrency > 0))
    builder.fail(step, `concurrency is ${concurrency}`, 'give a whole number from 1')
  if (order !== 'key' && order !== 'none')
    builder.fail(step, `order is ${JSON.stringify(order)}`, "give 'key' or 'none'")
  const timeoutMs = toMs(timeout, `${step}, timeout`)
  if (timeoutMs === 0) builder.fail(step, 'its calls have no time', 'give a longer timeout')
  return {
    kind: 'asyncMap',
    name,
    fn: fn as AsyncMapNode['fn'],
    concurrency,
    timeoutMs,
    order,
    retry: callRetry(builder, step, retry),
    inputs: [input],
  }
}

function callRetry(
  builder: GraphBuilder,
  step: string,
  retry: AsyncRetryOptions | undefined,
): CallRetry | undefined {
  const policy = retryPolicy(builder, step, retry)
  if (policy === undefined || retry === undefined) return undefined
  const { maxBackoff, when } = retry
  if (when !== undefined) checkCallback(when, 'retry.when', { pipeline: builder.pipeline, step })
  const maxBackoffMs = maxBackoff === undefined ? undefined : toMs(maxBackoff, `${step}, retry.maxBackoff`)
  if (maxBackoffMs !== undefined && maxBackoffMs < policy.backoffMs)
    builder.fail(step, 'retry.maxBackoff is shorter than retry.backoff', 'give a longer one')
  return { ...policy, maxBackoffMs, when }
}
