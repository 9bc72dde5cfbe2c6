import type { RetryPolicy } from '../plan/graph.ts'
import type { GraphBuilder } from '../plan/graph-builder.ts'
import { toMs } from '../std/duration.ts'
import type { RetryOptions } from './callback-types.ts'

/** The policy as the plan has it. Throws `PlanError`. */
export function retryPolicy(
  builder: GraphBuilder,
  step: string,
  retry?: RetryOptions,
): RetryPolicy | undefined {
  if (retry === undefined) return undefined
  if (!(Number.isSafeInteger(retry.retries) && retry.retries >= 0))
    builder.fail(step, `retry.retries is ${retry.retries}`, 'give a whole number from 0')
  return { retries: retry.retries, backoffMs: toMs(retry.backoff ?? '100ms', `${step}, retry.backoff`) }
}
