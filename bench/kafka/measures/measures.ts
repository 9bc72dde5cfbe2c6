import type { Guarantee } from '../harness/cases.ts'

/** What is measured once for a pipeline, beside how many records it takes per CPU-second. */
export interface Measure {
  readonly kind: 'latency' | 'restore'
  readonly guarantee: Guarantee
  readonly commitMs: number
}

export interface LatencyRun {
  /** What came in each second: half of what the pipeline reads when it does not wait for its input, or what was asked for. */
  readonly perSecond: number
  /** From the time a record was due to be sent until a reader of committed records had its result. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly results: number
}

export interface RestoreRun {
  /** Of the changelog, read by a process that has just begun, into state that was not there. */
  readonly records: number
  /** From `start` to the first look into a changelog: code is loaded, and the group joined. */
  readonly fixedMs: number
  /** From `start` to running tasks. */
  readonly readyMs: number
  readonly cpuSeconds: number
}

export type Measurement = { readonly measure: Measure } & (
  | { readonly kind: 'latency'; readonly runs: readonly LatencyRun[] }
  | { readonly kind: 'restore'; readonly runs: readonly RestoreRun[] }
)

export const measures: readonly Measure[] = [
  { kind: 'latency', guarantee: 'exactly-once', commitMs: 100 },
  { kind: 'latency', guarantee: 'at-least-once', commitMs: 1_000 },
  { kind: 'restore', guarantee: 'exactly-once', commitMs: 100 },
]

export function measureName({ kind, guarantee, commitMs }: Measure): string {
  return `${kind} millrace callbacks ${guarantee} ${commitMs}ms`
}
