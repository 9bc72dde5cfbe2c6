import { type ChangelogCut, cutTask, type TaskCut } from '../engine/cut.ts'
import type { Task } from '../engine/task.ts'
import type { OutgoingBatch, PositionUpdate } from '../log/log.ts'
import { batchInfo } from '../record/batch.ts'

/** What a commit brought into the log of one task. */
export interface CommittedTask {
  readonly task: Task
  readonly cut: TaskCut
  readonly changes: readonly CommittedChanges[]
}

export interface CommittedChanges {
  readonly step: ChangelogCut['step']
  readonly topic: string
  readonly bytes: number
  /** Where they begin in the changelog. */
  readonly offset: number
  /** Where the changelog goes on behind them. */
  readonly endOffset: number
}

/** What one commit holds: the cuts of its tasks, as batches and positions. */
export class CommitContent {
  readonly outputs: readonly OutgoingBatch[]
  readonly changelog: readonly OutgoingBatch[]
  readonly positions: readonly PositionUpdate[]
  readonly #cuts: readonly MeasuredCut[]

  /** Cuts the tasks: what they do from now on belongs to the next commit. */
  constructor(tasks: readonly Task[], wallTimeMs: number) {
    // Measured at once: the batches are the log's once it has them.
    this.#cuts = tasks.map(task => measure(task, cutTask(task, wallTimeMs)))
    this.outputs = this.#cuts.flatMap(({ cut }) => cut.outputs)
    this.changelog = this.#cuts.flatMap(({ cut }) => cut.changelog.flatMap(({ batches }) => batches))
    this.positions = this.#cuts.flatMap(({ cut }) => cut.positions)
  }

  /** Tells the stores where their changes lie; `baseOffsets` are those of the changelog batches, in order. */
  acknowledge(baseOffsets: readonly number[]): CommittedTask[] {
    let at = 0
    return this.#cuts.map(({ task, cut, sizes, output }) => {
      task.counters.outputRecords += output.records
      task.counters.outputBytes += output.bytes
      const changes = cut.changelog.map(({ step, topic }, i) => {
        const { batches, lastRecords, bytes } = sizes[i]!
        const offset = baseOffsets[at]!
        step.store.acknowledge?.(offset)
        task.counters.changelogBytes += bytes
        at += batches
        return { step, topic, bytes, offset, endOffset: baseOffsets[at - 1]! + lastRecords }
      })
      return { task, cut, changes }
    })
  }
}

interface MeasuredCut {
  readonly task: Task
  readonly cut: TaskCut
  readonly output: { readonly records: number; readonly bytes: number }
  /** Of each part of the changelog. */
  readonly sizes: readonly {
    readonly batches: number
    readonly lastRecords: number
    readonly bytes: number
  }[]
}

function measure(task: Task, cut: TaskCut): MeasuredCut {
  const sizes = cut.changelog.map(({ batches }) => ({
    batches: batches.length,
    lastRecords: batchInfo(batches.at(-1)!.bytes).lastOffset + 1,
    bytes: batches.reduce((sum, { bytes }) => sum + bytes.length, 0),
  }))
  const output = {
    records: cut.outputs.reduce((sum, { bytes }) => sum + batchInfo(bytes).recordCount, 0),
    bytes: cut.outputs.reduce((sum, { bytes }) => sum + bytes.length, 0),
  }
  return { task, cut, sizes, output }
}
