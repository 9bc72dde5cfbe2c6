import type { Log } from '../../log/log.ts'
import type { Clock } from '../../std/clock.ts'
import { systemClock } from '../../std/clock.ts'
import { seededRandom } from '../../std/random.ts'
import { commitPace } from '../guarantee.ts'
import { PipelineRun, type PipelineRunOptions } from '../pipeline-run.ts'
import type { PipelineLike } from '../pipeline-source.ts'
import { preparePipelineTopics } from '../topics.ts'
import { Worker } from '../worker.ts'

export interface RunningPipeline extends AsyncDisposable {
  readonly run: PipelineRun
  readonly errors: Error[]
  /** Commits what is done and leaves the group. */
  stop(): Promise<void>
}

/** Runs one pipeline of the app `test` in a worker of its own, with parts of it exchanged. */
export async function runPipeline(
  { graph }: PipelineLike,
  log: Log,
  parts: Partial<PipelineRunOptions> & { readonly clock?: Clock; readonly stallMs?: number } = {},
): Promise<RunningPipeline> {
  const clock = parts.clock ?? systemClock
  const errors: Error[] = []
  const run = new PipelineRun({
    app: 'test',
    graph,
    log,
    clock,
    counts: await preparePipelineTopics(log, 'test', graph),
    mode: 'compiled',
    freeze: false,
    guarantee: 'exactly-once',
    commitPace: commitPace(graph, log.kind, { guarantee: 'exactly-once' }),
    random: seededRandom(1),
    print: () => {},
    files: { write: () => {}, flush: async () => {} },
    snapshotOf: async () => undefined,
    onIncident: () => {},
    warn: () => {},
    onError: error => errors.push(error),
    wake: () => worker.wake(),
    ...parts,
  })
  const worker = new Worker(log, clock, [run], parts.stallMs)
  worker.start()
  const membership = await log.join({
    group: run.group,
    topicSets: run.topicSets,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    onAssigned: (partitions, identity) => run.assign(partitions, identity),
    onRevoked: partitions => run.revoke(partitions),
    onIdentity: identity => run.setIdentity(identity),
    onLost: () => run.lost(),
  })
  let stopped: Promise<void> | undefined
  const stop = () => {
    stopped ??= worker.stop().then(() => membership.leave())
    return stopped
  }
  return { run, errors, stop, [Symbol.asyncDispose]: stop }
}

/** Lets the loop go on until the condition holds; throws what stopped the pipeline. */
export async function until(
  { errors }: Pick<RunningPipeline, 'errors'>,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  while (!(await condition())) {
    if (errors.length > 0) throw errors[0]
    await new Promise(resolve => setImmediate(resolve))
  }
}
