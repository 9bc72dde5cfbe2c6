import type { Log } from '../log/log.ts'
import type { MemoryBroker } from '../log/memory/broker.ts'
import { MemoryLog } from '../log/memory/memory-log.ts'
import type { Graph } from '../plan/graph.ts'
import { ChangelogUpkeep } from '../runtime/changelog-upkeep.ts'
import { commitPace } from '../runtime/guarantee.ts'
import { PipelineRun, type PipelineRunOptions } from '../runtime/pipeline-run.ts'
import { prepareWriting } from '../runtime/preparation.ts'
import { Sender } from '../runtime/sender.ts'
import { recordStart } from '../runtime/start-offsets.ts'
import { preparePipelineTopics } from '../runtime/topics.ts'
import { Worker } from '../runtime/worker.ts'
import type { VirtualClock } from '../std/clock.ts'

/** Nobody but the driver can throw the member out. */
const sessionMs = Number.MAX_SAFE_INTEGER
/** A restarted process takes its old place at once. */
const instanceId = 'driver'
/** Turns of the event loop without progress after which everybody counts as waiting for the clock. */
const patience = { usual: 2, calls: 100, restoring: 10_000 }

/** Tasks that wait for a channel which does not move would be told the time again and again. */
const carryMsMin = 1_000

export interface LockstepOptions {
  readonly app: string
  readonly graphs: readonly Graph[]
  readonly broker: MemoryBroker
  readonly clock: VirtualClock
  readonly random: () => number
  readonly mode: 'compiled' | 'interpreted'
  readonly freeze: boolean
  /** Commits are made by `commit` alone. */
  readonly manualCommits: boolean
  readonly print: (line: string) => void
  readonly files: PipelineRunOptions['files']
}

/**
 * One process of an app, moved by hand: it works until nothing is left to do, and then stands still until
 * records come or the clock is moved.
 */
export class Lockstep {
  readonly sender: Sender
  readonly runs: readonly PipelineRun[]
  readonly #log: MemoryLog
  readonly #clock: VirtualClock
  readonly #worker: Worker
  #error: Error | undefined

  static async start(options: LockstepOptions): Promise<Lockstep> {
    const log = new MemoryLog(options.broker, { closed: false })
    const runs: PipelineRun[] = []
    const lockstep = new Lockstep(options, log, runs)
    for (const graph of options.graphs) runs.push(await lockstep.#run(options, graph))
    for (const run of runs) await join(log, run)
    return lockstep
  }

  private constructor({ clock }: LockstepOptions, log: MemoryLog, runs: readonly PipelineRun[]) {
    this.#log = log
    this.runs = runs
    this.sender = new Sender(log, clock)
    this.#clock = clock
    this.#worker = new Worker(log, clock, runs)
  }

  get log(): Log {
    return this.#log
  }

  async #run(options: LockstepOptions, graph: Graph): Promise<PipelineRun> {
    const { app, clock, mode, freeze, random, print, files, manualCommits } = options
    const upkeep = new ChangelogUpkeep({
      log: this.log,
      clock,
      warn: () => {},
      fail: () => {},
      trimEveryMs: 0,
    })
    const counts = await preparePipelineTopics(this.log, app, graph)
    await prepareWriting(graph)
    await recordStart(this.log, app, graph)
    const pace = commitPace(graph, this.log.kind, { guarantee: 'exactly-once' })
    const interval = manualCommits ? Number.POSITIVE_INFINITY : pace.intervalMs
    return new PipelineRun({
      app,
      graph,
      log: this.log,
      clock,
      counts,
      mode,
      freeze,
      random,
      print,
      files,
      guarantee: 'exactly-once',
      // The clock stands still while work goes on, so that a drained pipeline commits without any delay.
      commitPace: { intervalMs: interval, drainedMs: manualCommits ? interval : 0 },
      snapshotOf: async () => undefined,
      onCommitted: tasks => upkeep.committed(tasks),
      onIncident: () => {},
      warn: () => {},
      onError: error => {
        this.#error ??= error
      },
      wake: () => {},
    })
  }

  /** Works until nothing is left to do at this time. Throws the error that stopped a pipeline. */
  async settle(): Promise<void> {
    let restoring = 0
    for (let quiet = 0; quiet <= this.#patience() && restoring <= patience.restoring; ) {
      let worked = await this.#worker.step()
      for (const run of this.runs) {
        worked = (await run.acknowledged()) || worked
        worked = (await run.fetched()) || worked
      }
      if (this.#error !== undefined) throw this.#error
      const isRestoring = this.runs.some(run => run.isRestoring)
      restoring = isRestoring ? restoring + 1 : 0
      // What is being restored has its first turn still to come.
      quiet = worked || isRestoring ? 0 : quiet + 1
      await nextTurn()
    }
  }

  /** Asynchronous calls take some turns of the event loop. */
  #patience(): number {
    return this.runs.every(run => run.tasks.every(task => task.isSettled)) ? patience.usual : patience.calls
  }

  /** Moves the clock on, stopping wherever something falls due. */
  async advance(ms: number): Promise<void> {
    await this.settle()
    const untilMs = this.#clock.monotonic() + ms
    for (let leftMs = ms; leftMs > 0; leftMs = untilMs - this.#clock.monotonic()) {
      const timerMs = this.#clock.nextInMs ?? Number.POSITIVE_INFINITY
      const dueMs = Math.min(this.#worker.nextWakeMs(this.#carryMs()), timerMs)
      this.#clock.advance(Math.min(leftMs, Math.max(1, dueMs)))
      await this.settle()
    }
  }

  /** Released tasks tell the time to those behind them no sooner than one of these has something due. */
  #carryMs(): number {
    const dueMs = this.runs.flatMap(run => run.tasks.map(task => task.nextDueInMs))
    return Math.max(carryMsMin, Math.min(...dueMs))
  }

  async commit(): Promise<void> {
    for (const run of this.runs) await run.commitNow()
    await this.settle()
  }

  /** Hears nothing more of its groups, as a process that was stopped by a signal. */
  freeze(): void {
    this.#log.freeze()
  }

  /** Ends without a commit and without leaving the groups, as a process that was killed. */
  async abandon(): Promise<void> {
    await this.log.close()
    for (const run of this.runs) run.lost()
  }
}

async function join(log: Log, run: PipelineRun): Promise<void> {
  await log.join({
    group: run.group,
    instanceId,
    topicSets: run.topicSets,
    sessionTimeoutMs: sessionMs,
    rebalanceTimeoutMs: sessionMs,
    onAssigned: (partitions, identity) => run.assign(partitions, identity),
    onRevoked: partitions => run.revoke(partitions),
    onIdentity: identity => {
      run.identity = identity
    },
    onLost: () => run.lost(),
  })
}

function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
