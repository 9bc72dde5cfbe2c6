import { isTimed } from '../engine/bounded-run.ts'
import type { Task } from '../engine/task.ts'
import type { SlowPartition, TaskInput } from '../engine/task-input.ts'
import { watermarkOf } from '../engine/time.ts'
import type { TopicPartition } from '../log/log.ts'
import type { Graph, SourceNode } from '../plan/graph.ts'
import { isBroken } from '../std/broken-rules.ts'

const neverPauses = isBroken('3.8')

/** Whether an input is one of those that are kept near one another. */
export function isAligned(input: TaskInput): input is TaskInput & { origin: { kind: 'source' } } {
  return isTimed(input) && Number.isFinite(input.origin.node.maxDriftMs)
}

export interface AlignmentOptions {
  readonly graph: Graph
  readonly partitionsOf: (topic: string) => number
}

/** Pauses the partitions of a pipeline that are too far ahead of the slowest one in event time (SEMANTICS 3.8). */
export class Alignment {
  readonly sources: readonly SourceNode[]
  readonly #partitionsOf: AlignmentOptions['partitionsOf']
  /** The slowest of the partitions that are read elsewhere, if any is waited for, and how many were read here then. */
  #elsewhere: { readonly slowest: SlowPartition | undefined; readonly here: number } | undefined

  /** Undefined where no source has a `maxDrift`. */
  static of({ graph, partitionsOf }: AlignmentOptions): Alignment | undefined {
    const sources = graph.nodes
      .filter(node => node.kind === 'source')
      .filter(({ maxDriftMs }) => Number.isFinite(maxDriftMs))
    return sources.length === 0 ? undefined : new Alignment(sources, partitionsOf)
  }

  private constructor(sources: readonly SourceNode[], partitionsOf: AlignmentOptions['partitionsOf']) {
    this.sources = sources
    this.#partitionsOf = partitionsOf
  }

  /** The partitions that no task here reads, or not yet; none where there is nothing that would wait for them. */
  elsewhere(tasks: readonly Task[]): TopicPartition[] {
    if (alignedInputs(tasks) === 0) return []
    const here = new Set(
      tasks.flatMap(({ inputs }) => inputs.map(({ topic, partition }) => `${partition} ${topic}`)),
    )
    return this.sources
      .flatMap(({ topic: { name: topic } }) =>
        Array.from({ length: this.#partitionsOf(topic) }, (_, partition) => ({ topic, partition })),
      )
      .filter(({ topic, partition }) => !here.has(`${partition} ${topic}`))
  }

  /**
   * Takes note of the slowest partition elsewhere, as these tasks run here; undefined when none is waited for. True when it has gone on
   * since, and something here is paused.
   */
  learn(slowest: SlowPartition | undefined, tasks: readonly Task[]): boolean {
    const before = this.#elsewhere?.slowest
    this.#elsewhere = { slowest, here: alignedInputs(tasks) }
    const hasPaused = tasks.some(({ inputs }) => inputs.some(({ pausedFor }) => pausedFor !== undefined))
    return hasPaused && slowest?.watermark !== before?.watermark
  }

  /** Looks how far all partitions are. True when one that was paused may go on. */
  look(tasks: readonly Task[]): boolean {
    if (neverPauses) return false
    const slowest = this.#slowest(tasks)
    let goesOn = false
    for (const task of tasks)
      for (const input of task.inputs) {
        if (!isAligned(input)) continue
        const isPaused = slowest !== undefined && isTooFar(task, input, slowest)
        goesOn ||= input.pausedFor !== undefined && !isPaused
        input.pausedFor = isPaused ? slowest : undefined
      }
    return goesOn
  }

  #slowest(tasks: readonly Task[]): SlowPartition | undefined {
    let slowest = this.#slowestElsewhere(tasks)
    for (const { inputs, time } of tasks)
      for (const input of inputs) {
        if (!isAligned(input) || !time.counts(input.channel)) continue
        const watermark = time.registers[watermarkOf(input.channel)]!
        if (slowest !== undefined && slowest.watermark <= watermark) continue
        slowest = { topic: input.topic, partition: input.partition, watermark }
      }
    return slowest
  }

  /** Of what has not been looked at since tasks came or went, nothing is known yet, and all wait for it. */
  #slowestElsewhere(tasks: readonly Task[]): SlowPartition | undefined {
    const here = alignedInputs(tasks)
    if (here >= this.#partitions) return undefined
    if (this.#elsewhere?.here === here) return this.#elsewhere.slowest
    const [first] = this.elsewhere(tasks)
    return first && { ...first, watermark: Number.NEGATIVE_INFINITY }
  }

  get #partitions(): number {
    let partitions = 0
    for (const { topic } of this.sources) partitions += this.#partitionsOf(topic.name)
    return partitions
  }
}

function alignedInputs(tasks: readonly Task[]): number {
  let count = 0
  for (const { inputs } of tasks) for (const input of inputs) if (isAligned(input)) count++
  return count
}

function isTooFar(
  { time }: Task,
  { channel, origin }: TaskInput & { origin: { kind: 'source' } },
  { watermark }: SlowPartition,
): boolean {
  return time.counts(channel) && time.registers[watermarkOf(channel)]! > watermark + origin.node.maxDriftMs
}
