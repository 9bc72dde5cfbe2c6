import type { Log } from '../log/log.ts'
import type { Graph } from '../plan/graph.ts'

/** What a crash may do to results (SEMANTICS 2.8). */
export type Guarantee = 'exactly-once' | 'at-least-once'

export const guarantees: readonly Guarantee[] = ['exactly-once', 'at-least-once']

/** When a commit is due, in ms since the one before; Infinity for never. */
export interface CommitPace {
  readonly intervalMs: number
  /** Once every task has drained its inputs (SEMANTICS 2.5). */
  readonly drainedMs: number
  /** The longest time that outputs wait to be sent ahead of their commit (SEMANTICS 2.8); without it they go with the commit. */
  readonly outputsMs?: number
}

const intervalMsOf: Readonly<Record<Guarantee, number>> = { 'exactly-once': 100, 'at-least-once': 1000 }
/** A commit on Kafka takes several requests to several brokers. */
const drainedMsOf: Readonly<Record<Log['kind'], number>> = { memory: 5, embedded: 5, kafka: 20 }

/** Where a commit is one write anyway, nothing is gained by sending part of it before. */
const outputsMs = 10

/** Throws where a run asks for what there is not. */
export function checkCommits(guarantee: Guarantee, commitIntervalMs: number | undefined): void {
  if (!guarantees.includes(guarantee))
    throw new Error(`guarantee is ${JSON.stringify(guarantee)}; give ${guarantees.join(' or ')}`)
  if (commitIntervalMs !== undefined && !(commitIntervalMs >= 1))
    throw new Error(`commitIntervalMs is ${commitIntervalMs}; give 1 ms or more`)
}

/** What the run asks for, else the pipeline, else what the guarantee costs. */
export function commitPace(
  graph: Graph,
  log: Log['kind'],
  { guarantee, commitIntervalMs }: { readonly guarantee: Guarantee; readonly commitIntervalMs?: number },
): CommitPace {
  return {
    intervalMs: commitIntervalMs ?? graph.options.commitIntervalMs ?? intervalMsOf[guarantee],
    drainedMs: drainedMsOf[log],
    ...(log === 'kafka' && guarantee === 'at-least-once' && { outputsMs }),
  }
}
