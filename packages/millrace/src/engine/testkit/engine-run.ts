import type { Graph, KeyByNode } from '../../plan/graph.ts'
import { changelogTopic, repartitionTopic, sideTopic } from '../../plan/names.ts'
import { repartitionCounts } from '../../plan/partitions.ts'
import type { SubTopologyInput } from '../../plan/sub-topology.ts'
import { batchInfo } from '../../record/batch.ts'
import { encodeHeaders } from '../../record/headers.ts'
import { BatchWriter } from '../../record/writer.ts'
import { invariant } from '../../std/assert.ts'
import { BufferPool } from '../../std/buffer-pool.ts'
import { type Clock, VirtualClock } from '../../std/clock.ts'
import { endSources } from '../bounded-run.ts'
import type { Slice } from '../closing.ts'
import { buildPrograms, type SubProgram } from '../compile-sub.ts'
import { createTask, type TaskWorld, taskName } from '../create-task.ts'
import { cutTask } from '../cut.ts'
import type { Incident } from '../failures.ts'
import { RunStop } from '../program.ts'
import type { SubPlan } from '../sub-plan.ts'
import { liveRun, type Task } from '../task.ts'
import type { TaskInput } from '../task-input.ts'
import { LentMemory } from './lent-memory.ts'
import { Topics } from './topics.ts'

export interface EngineRunOptions {
  readonly mode?: 'compiled' | 'interpreted'
  readonly freeze?: boolean
  readonly closedLog?: boolean
  /** Partition counts of topics that are not sources of the graph; their declared count by default. */
  readonly partitions?: ReadonlyMap<string, number>
  readonly clock?: Clock
  readonly recordBytesMax?: number
  readonly slice?: Slice
  readonly onLine?: (line: string) => void
}

/** A record to put into a source. */
export interface InputRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly timestamp: number
  readonly headers?: readonly { readonly name: string; readonly value: Uint8Array }[]
}

/** Far behind every event, so that no record lies in the future. */
const lateInTime = 8e15

/**
 * Runs the tasks of one graph over topics in memory, step by step and synchronously: whoever holds it decides
 * which task goes on, when a commit is cut and when tasks are lost.
 */
export class EngineRun {
  readonly app = 'app'
  readonly graph: Graph
  readonly topics = new Topics()
  readonly tasks = new Map<string, Task>()
  readonly incidents: Incident[] = []
  readonly memory = new LentMemory()
  readonly clock: Clock
  /** Times a callback with asynchronous calls told that it goes on. */
  wakes = 0
  readonly #subs: readonly SubProgram[]
  readonly #options: EngineRunOptions
  readonly #repartitions: ReadonlyMap<string, number>
  readonly #places = new Map<string, { sub: SubProgram; partition: number }>()
  #seed = 1
  readonly #memory = new BufferPool()
  #no = liveRun

  constructor(graph: Graph, options: EngineRunOptions = {}) {
    this.graph = graph
    this.#options = options
    this.clock = options.clock ?? new VirtualClock(lateInTime)
    this.#repartitions = repartitionCounts(graph, topic => this.#countOf(topic))
    const { mode = 'compiled', freeze = false, closedLog = false } = options
    this.#subs = buildPrograms(graph, { app: this.app, mode, freeze, closedLog })
    for (const sub of this.#subs) {
      for (let partition = 0; partition < this.#partitionsOf(sub.plan); partition++) {
        this.#places.set(taskName(sub.plan, partition), { sub, partition })
      }
    }
  }

  /** Puts records into a source partition, one batch of them. */
  append(topic: string, partition: number, records: readonly InputRecord[]): void {
    const writer = new BatchWriter()
    for (const { key, value, timestamp, headers } of records) {
      const section = headers && encodeHeaders(headers.map(({ name, value }) => ({ key: name, value })))
      writer.append(
        timestamp,
        key,
        0,
        key?.length ?? 0,
        value,
        0,
        value?.length ?? 0,
        section ?? null,
        0,
        section?.length ?? 0,
      )
    }
    this.topics.append({ topic, partition, bytes: writer.finish() })
  }

  /** Makes every task that does not run, from what is committed. */
  start(): this {
    for (const [name, { sub, partition }] of this.#places) {
      if (!this.tasks.has(name)) this.tasks.set(name, this.#restored(sub, partition))
    }
    return this
  }

  /** Loses tasks with everything that they have not committed, and makes them anew. */
  crash(lost: Iterable<Task>): void {
    for (const task of lost) {
      task.effects.close()
      task.calls.close()
      this.tasks.delete(task.name)
    }
    this.start()
  }

  task(name: string): Task {
    const task = this.tasks.get(name)
    invariant(task !== undefined, `there is no task ${name}, only ${[...this.tasks.keys()].join(', ')}`)
    return task
  }

  /** Fetches for an input; true when something new came. What the task gives back is overwritten at once, as a log may do. */
  poll(input: TaskInput, batchesMax?: number): boolean {
    const { topic, partition, fetchOffset } = input
    const fetched = this.memory.lend(this.topics.fetch(topic, partition, fetchOffset, batchesMax))
    input.offer(fetched, batch => batchInfo(batch).lastOffset + 1, this.clock.monotonic())
    return fetched.batches.length > 0
  }

  /**
   * Lets a task go on with one batch at most, or one slice of what it stopped at; false when there was nothing
   * to do. Of several inputs the one with the earliest head goes on (SEMANTICS 6.1).
   */
  step(task: Task): boolean {
    if (!task.isParked && task.calls.giveOn()) return true
    if (task.isParked || task.isClosing) return this.#resume(task)
    task.comeBack()
    if (task.isFull) return false
    return task.inputs.length === 1 ? this.#stepSingle(task) : this.#stepMerged(task)
  }

  #resume(task: Task): boolean {
    if (task.parkedUntilMs > this.clock.now() && task.isParked) return false
    task.resume()
    return true
  }

  #stepSingle(task: Task): boolean {
    const input = task.inputs[0]!
    if (!input.openBatch()) return false
    task.program.run(task, input, Number.POSITIVE_INFINITY)
    return true
  }

  #stepMerged(task: Task): boolean {
    for (const input of task.inputs) {
      while (!input.held && input.openBatch()) {
        // A bound before every record shows the head without taking it.
        const stop = task.program.run(task, input, Number.NEGATIVE_INFINITY)
        if (stop === RunStop.closing) return true
      }
    }
    const [first, second] = task.inputs.filter(input => input.held).sort(byHead)
    if (first === undefined) return false
    task.program.run(
      task,
      first,
      second === undefined ? Number.POSITIVE_INFINITY : boundBefore(first, second),
    )
    return true
  }

  /** Cuts tasks and makes everything of them visible at once. Parked tasks and those with open calls stay out. */
  commit(tasks: Iterable<Task> = this.tasks.values()): number {
    let batches = 0
    for (const task of tasks) {
      if (task.isParked || !task.effects.isIdle) continue
      const cut = cutTask(task, this.clock.now())
      for (const batch of cut.outputs) this.topics.append(batch)
      for (const { step, batches } of cut.changelog) {
        const offsets = batches.map(batch => this.topics.append(batch))
        step.store.acknowledge?.(offsets[0]!)
      }
      for (const position of cut.positions) this.topics.commitPosition(position)
      batches += cut.outputs.length + cut.changelog.length
    }
    return batches
  }

  /** Begins a bounded run: its sources have no more records than they hold now (SEMANTICS 3.5). Later runs have larger numbers. */
  endInputs(no = 1): void {
    this.#begin(no)
  }

  /** Begins a run that goes on. */
  goLive(): void {
    this.#begin(liveRun)
  }

  #begin(no: number): void {
    this.#no = no
    for (const task of this.tasks.values()) task.beginRun(no)
  }

  /** Ends the sources of a task that it has read to their end; true when its time went on. */
  endSources(task: Task): boolean {
    if (this.#no === liveRun || task.isParked || task.isClosing) return false
    return endSources(
      task,
      this.#no,
      ({ position, topic, partition }) => position >= this.topics.end(topic, partition),
    )
  }

  /** Everything until nothing is left to do, a commit after each round. */
  drain(): void {
    for (let round = 0; ; round++) {
      let busy = false
      for (const task of this.tasks.values()) {
        for (const input of task.inputs) busy = this.poll(input) || busy
        while (this.step(task)) busy = true
        busy = this.endSources(task) || busy
        while (this.step(task)) busy = true
      }
      const written = this.commit()
      if (!busy && written === 0) return
      invariant(round < 10_000, 'the run does not come to an end')
    }
  }

  sideRecords(side: 'failed' | 'rejected' | 'late') {
    return this.topics.records(sideTopic(this.app, this.graph.name, side))
  }

  changelogOf(step: string): string {
    return changelogTopic(this.app, this.graph.name, step)
  }

  repartitionOf(keyBy: string): string {
    return repartitionTopic(this.app, this.graph.name, keyBy)
  }

  partitionsOf(topic: string): number {
    const known = this.#countOf(topic)
    if (known !== undefined) return known
    for (const [keyBy, count] of this.#repartitions) if (this.repartitionOf(keyBy) === topic) return count
    throw new Error(`topic ${topic} is not known`)
  }

  #countOf(topic: string): number | undefined {
    const given = this.#options.partitions?.get(topic)
    if (given !== undefined) return given
    for (const node of this.graph.nodes) {
      if ((node.kind === 'source' || node.kind === 'to') && node.topic.name === topic)
        return node.topic.partitions
    }
    return undefined
  }

  #topicOf(input: SubTopologyInput): string {
    return input.kind === 'source' ? input.node.topic.name : this.repartitionOf(input.keyBy.name)
  }

  #partitionsOf(plan: SubPlan): number {
    return this.partitionsOf(this.#topicOf(plan.sub.inputs[0]!))
  }

  #restored({ plan, program }: SubProgram, partition: number): Task {
    const positions = plan.sub.inputs.map(input => {
      const topic = this.#topicOf(input)
      const known = this.topics.committed(topic, partition)
      if (known !== undefined) return { ...known, committedOffset: known.offset }
      return { topic, partition, offset: 0, metadata: new Uint8Array(0), committedOffset: -1 }
    })
    const globals = plan.sub.globals.flatMap(({ node }) =>
      Array.from({ length: this.partitionsOf(node.topic.name) }, (_, partition) => ({
        topic: node.topic.name,
        partition,
        offset: 0,
      })),
    )
    const task = createTask(plan, program, partition, positions, this.#world(), globals)
    for (const { node } of plan.stateful) {
      const step = task.steps[node.id]!
      for (const record of this.topics.walk(this.changelogOf(step.name), partition)) {
        step.store.apply(record, this.clock.now())
      }
    }
    task.restored()
    task.beginRun(this.#no)
    return task
  }

  #world(): TaskWorld {
    return {
      clock: this.clock,
      nextSeed: () => this.#seed++,
      partitionsOf: topic => this.partitionsOf(topic),
      upstreamsOf: keyBy => this.#upstreamsOf(this.graph.nodes[keyBy] as KeyByNode),
      recordBytesMaxOf: () => this.#options.recordBytesMax ?? 1_000_000,
      memory: this.#memory,
      slice: this.#options.slice,
      lines: {
        writeLine: (path, line) => this.#options.onLine?.(`${path}: ${line}`),
        print: line => this.#options.onLine?.(line),
      },
      wake: () => this.wakes++,
      onFirstIncident: incident => this.incidents.push(incident),
    }
  }

  #upstreamsOf(keyBy: KeyByNode): string[] {
    return this.#subs
      .filter(({ plan }) => plan.sub.nodeIds.includes(keyBy.id))
      .flatMap(({ plan }) => Array.from({ length: this.#partitionsOf(plan) }, (_, p) => taskName(plan, p)))
  }
}

/** SEMANTICS 6.1: timestamp, input index; offsets are in order within an input. */
function byHead(a: TaskInput, b: TaskInput): number {
  return a.heldTime - b.heldTime || a.rank - b.rank
}

/** The largest time at which `first` still goes before `second`; times are whole ms. */
function boundBefore(first: TaskInput, second: TaskInput): number {
  return first.rank < second.rank ? second.heldTime : second.heldTime - 1
}
