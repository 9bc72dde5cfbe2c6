import { explainStep, type StepExplanation } from '../engine/explain.ts'
import { MemoryBroker } from '../log/memory/broker.ts'
import { describeGraph } from '../plan/describe.ts'
import { descriptionText } from '../plan/describe-text.ts'
import type { Graph } from '../plan/graph.ts'
import { type SideTopic, sideTopic } from '../plan/names.ts'
import type { Topic } from '../plan/topic.ts'
import type { PipelineHealth, StoreView } from '../runtime/app.ts'
import type { PipelineRun } from '../runtime/pipeline-run.ts'
import type { PipelineLike } from '../runtime/pipeline-source.ts'
import { LocalStore } from '../runtime/store-view.ts'
import { taskHealth } from '../runtime/task-health.ts'
import { VirtualClock } from '../std/clock.ts'
import { type Duration, toMs } from '../std/duration.ts'
import { seededRandom } from '../std/random.ts'
import type { DriverSnapshot, TestDriverOptions } from './driver-options.ts'
import {
  type DriverInput,
  type DriverOutput,
  type DriverSideStream,
  sendAll,
  sendBytes,
} from './driver-topics.ts'
import { inputsInOrder } from './input-order.ts'
import { Lockstep, type LockstepOptions } from './lockstep.ts'
import { MemoryFiles } from './memory-files.ts'
import { outputRecord, prepareDecoding, updatedWindows } from './output-record.ts'
import type { StoredRecord } from './read-partition.ts'
import { sideRecord } from './side-stream.ts'
import { TopicReader } from './topic-reader.ts'

const defaultStartTime = Date.UTC(2026, 0, 1)

/**
 * Runs pipelines in memory under a clock that only `advance` moves: the engine and runtime of `start`, without
 * timers, files or network, and the same every time.
 *
 * Each call resolves when nothing is left to do: input processed, re-keyed records through, commits acknowledged.
 * An asynchronous `forEach` is waited for as long as it needs no timer of its own. An error that stops a pipeline
 * rejects the call that met it and every later `send` and `advance`. Throws `PlanError`.
 *
 * @example
 * await using driver = await testDriver([engagement])
 * await driver.input(pageViews).send({ visitor: 'v1', url: '/', ms: 12, at: driver.now })
 * await driver.finish()
 * assert.deepEqual(await driver.output(perPage).values(), [{ url: '/', views: 1 }])
 */
export async function testDriver(
  pipelines: readonly PipelineLike[],
  options: TestDriverOptions = {},
): Promise<TestDriver> {
  const driver = new TestDriver(
    pipelines.map(({ graph }) => graph),
    options,
  )
  await driver.start()
  return driver
}

/** Made by `testDriver`. */
export class TestDriver implements AsyncDisposable {
  readonly #graphs: readonly Graph[]
  readonly #app: string
  readonly #clock: VirtualClock
  readonly #broker: MemoryBroker
  readonly #lockstepOptions: LockstepOptions
  readonly #files = new MemoryFiles()
  readonly #printed: string[] = []
  readonly #readers = new Map<string, TopicReader>()
  #lockstep: Lockstep | undefined
  /** Calls take their turns. */
  #last: Promise<unknown> = Promise.resolve()

  /** Use `testDriver`. */
  constructor(graphs: readonly Graph[], options: TestDriverOptions) {
    const { from, mode = 'compiled', freeze = true, faults, seed = 1, commits = 'settled' } = options
    this.#graphs = graphs
    this.#app = options.app ?? from?.app ?? 'test'
    this.#clock = new VirtualClock(from?.time ?? Number(options.startTime ?? defaultStartTime))
    this.#broker = new MemoryBroker({ clock: this.#clock, faults, contents: from?.log })
    for (const [topic, positions] of Object.entries(from?.read ?? {})) {
      this.#readers.set(topic, new TopicReader(topic, positions))
    }
    this.#lockstepOptions = {
      app: this.#app,
      graphs,
      broker: this.#broker,
      clock: this.#clock,
      random: seededRandom(seed),
      mode,
      freeze,
      manualCommits: commits === 'manual',
      print: line => this.#printed.push(line),
      files: this.#files,
    }
  }

  /** Called by `testDriver`. */
  start(): Promise<void> {
    return this.#inTurn(async () => {
      this.#lockstep = await Lockstep.start(this.#lockstepOptions)
      await this.#lockstep.settle()
    })
  }

  /** The wall time in ms since the epoch. */
  get now(): number {
    return this.#clock.now()
  }

  input<V, K, I>(topic: Topic<V, K, I>): DriverInput<I, K> {
    const sent = <T>(send: (lockstep: Lockstep) => Promise<T>) =>
      this.#run(async lockstep => {
        const result = await send(lockstep)
        await lockstep.settle()
        return result
      })
    return {
      send: (value, options = {}) => sent(({ sender }) => sender.send(topic, value, options)),
      sendAll: (values, options = {}) => sent(({ sender }) => sendAll(sender, topic, values, options)),
      sendBytes: (value, options = {}) => sent(({ sender }) => sendBytes(sender, topic, value, options)),
    }
  }

  output<V, K>(topic: Topic<V, K, any>): DriverOutput<V, K> {
    const windows = updatedWindows(this.#graphs, topic.name)
    const reader = this.#reader(topic.name)
    const decode = async (records: readonly StoredRecord[]) => {
      await prepareDecoding(topic, records, windows)
      return records.map(record => outputRecord<V, K>(topic, record, windows))
    }
    const read = () => this.#run(async ({ log }) => decode(await reader.read(log)))
    return {
      read,
      readAll: () => this.#run(async ({ log }) => decode(await reader.readAll(log))),
      values: async () => (await read()).flatMap(({ value }) => (value === null ? [] : [value])),
    }
  }

  /** What a pipeline could not use and does not wire itself; empty as long as there is none. */
  sideStream(side: SideTopic, pipeline?: PipelineLike | string): DriverSideStream {
    const name = sideTopic(this.#app, this.#pipelineName(pipeline), side)
    const reader = this.#reader(name)
    const read = (how: 'read' | 'readAll') =>
      this.#run(async ({ log }) => {
        if ((await log.describeTopics([name])).length === 0) return []
        return (await reader[how](log)).map(sideRecord)
      })
    return { read: () => read('read'), readAll: () => read('readAll') }
  }

  /** The state of a step by its name, as `app.store` gives it; of the first pipeline that has one, or the named. */
  table(step: string, pipeline?: PipelineLike | string): StoreView {
    const store = (lockstep: Lockstep) => new LocalStore(this.#runWithStep(lockstep, step, pipeline), step)
    return {
      get: async (key, query) => {
        // A committed read of a task that waits for a retry waits with it, for later calls that move the clock.
        const lockstep = await this.#run(async each => each)
        const value = await store(lockstep).get(key, query)
        await this.#run(each => each.settle())
        return value
      },
      windows: (key, query) => this.#run(lockstep => store(lockstep).windows(key, query)),
      range: query => this.#run(lockstep => store(lockstep).range(query)),
    }
  }

  /**
   * Why a step with a store has not given its next results yet, one explanation per task: which window is next, which
   * input holds event time back, what it takes; and what more grace would have kept of the late records.
   *
   * @example
   * const [{ text }] = await driver.explain('per-page')
   */
  explain(step: string, pipeline?: PipelineLike | string): Promise<StepExplanation[]> {
    return this.#run(async lockstep => {
      const { tasks } = this.#runWithStep(lockstep, step, pipeline)
      return tasks.flatMap(task => {
        const found = task.steps.find(each => each?.name === step)
        return found === undefined ? [] : [explainStep(task, found, tasks)]
      })
    })
  }

  /** Moves the clock on and does everything that falls due on the way, each at its own time. */
  advance(duration: Duration): Promise<void> {
    const ms = toMs(duration, 'advance')
    return this.#run(lockstep => lockstep.advance(ms))
  }

  /** Commits what is done so far; with `commits: 'manual'` nothing else does. What was re-keyed goes on after it. */
  commit(): Promise<void> {
    return this.#run(lockstep => lockstep.commit())
  }

  /** Says that nothing more comes in this topic: its watermark goes to the end of time (SEMANTICS 3.5). */
  endInput(topic: Topic): Promise<void> {
    return this.#run(lockstep => this.#end(lockstep, topic))
  }

  /** Ends all inputs, those that a pipeline writes after that pipeline's own: every window closes. */
  finish(): Promise<void> {
    return this.#run(async lockstep => {
      for (const topics of inputsInOrder(this.#graphs)) {
        for (const topic of topics) await this.#end(lockstep, topic)
      }
    })
  }

  async #end(lockstep: Lockstep, topic: Topic): Promise<void> {
    await lockstep.sender.endInput(topic)
    await lockstep.settle()
  }

  /** Applies the topics' retention and compaction, as logs do by themselves from time to time. */
  clean(): Promise<void> {
    return this.#run(({ log }) => log.clean())
  }

  /** Loses everything uncommitted, as `kill -9` does, and starts again from the log. */
  crash(): Promise<void> {
    return this.#run(async lockstep => {
      await lockstep.abandon()
      this.#files.drop()
      this.#lockstep = await Lockstep.start(this.#lockstepOptions)
      await this.#lockstep.settle()
    })
  }

  /** Everything committed so far, for `testDriver(…, { from })`. This driver goes on as it is. */
  snapshot(): Promise<DriverSnapshot> {
    return this.#run(async () => ({
      app: this.#app,
      time: this.#clock.now(),
      log: this.#broker.contents,
      read: Object.fromEntries([...this.#readers].map(([topic, { positions }]) => [topic, positions])),
    }))
  }

  /** The lines of `print` sinks so far. */
  get printed(): readonly string[] {
    return [...this.#printed]
  }

  /** The lines a `toFile` sink wrote; no file is made. */
  fileLines(path: string): readonly string[] {
    return this.#files.lines(path)
  }

  /** Watermarks and counts of every task. */
  health(): PipelineHealth[] {
    return (this.#lockstep?.runs ?? []).map(({ name, phase, tasks, restores }) => ({
      name,
      phase,
      partitions: tasks.reduce((sum, { inputs }) => sum + inputs.length, 0),
      tasks: tasks.map(taskHealth),
      restoring: restores,
    }))
  }

  /** The pipelines as text. */
  describe(): string {
    return this.#graphs.map(graph => descriptionText(describeGraph(graph))).join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inTurn(async () => {
      await this.#lockstep?.abandon()
      this.#lockstep = undefined
    })
  }

  #run<T>(work: (lockstep: Lockstep) => Promise<T>): Promise<T> {
    return this.#inTurn(() => {
      if (this.#lockstep === undefined) throw new Error('The test driver is closed; make another one')
      return work(this.#lockstep)
    })
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => {})
    return result
  }

  #reader(topic: string): TopicReader {
    let reader = this.#readers.get(topic)
    if (reader === undefined) {
      reader = new TopicReader(topic)
      this.#readers.set(topic, reader)
    }
    return reader
  }

  #pipelineName(pipeline: PipelineLike | string | undefined): string {
    if (pipeline !== undefined) return typeof pipeline === 'string' ? pipeline : pipeline.name
    if (this.#graphs.length === 1) return this.#graphs[0]!.name
    throw new Error(`Say which of the ${this.#graphs.length} pipelines is meant: sideStream(side, pipeline)`)
  }

  #runWithStep({ runs }: Lockstep, step: string, pipeline: PipelineLike | string | undefined): PipelineRun {
    const wanted = pipeline === undefined ? undefined : this.#pipelineName(pipeline)
    const run = runs.find(each => each.hasStep(step) && (wanted === undefined || each.name === wanted))
    if (run === undefined) throw new Error(`No pipeline has a step "${step}" with a store`)
    return run
  }
}
