import { type EmittingStep, isEmitting } from '../engine/emitting-step.ts'
import { rowResult } from '../engine/interpret-aggregate.ts'
import { TableStep } from '../engine/tables/table-step.ts'
import type { Task } from '../engine/task.ts'
import { encodeKey, type KeySerde } from '../serde/key.ts'
import { KeyKind } from '../serde/serde.ts'
import { KeyBuffer } from '../serde/sink.ts'
import { isBroken } from '../std/broken-rules.ts'
import { partitionOf } from '../std/murmur2.ts'
import type { StoreQuery, StoreView, WindowResult } from './app.ts'
import type { PipelineRun } from './pipeline-run.ts'

const neverWaits = isBroken('2.7')

/** A step's state was asked for that this process does not have. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

interface Found {
  readonly task: Task
  readonly step: EmittingStep | TableStep
  readonly bytes: KeyBuffer
}

/** Reads the state of one step in the tasks of this process. */
export class LocalStore implements StoreView {
  readonly #run: PipelineRun
  readonly #step: string

  constructor(run: PipelineRun, step: string) {
    this.#run = run
    this.#step = step
  }

  async get(key: unknown, query: StoreQuery = {}): Promise<unknown> {
    for (;;) {
      const { task, step, bytes } = await this.#reach(key)
      const value = this.#read(step, bytes, query.start)
      if (query.consistency !== 'committed' || neverWaits) return value
      // A value whose commit failed is none; the restored task has another.
      if (await this.#run.committed(task)) return value
    }
  }

  async windows(key: unknown): Promise<readonly WindowResult[]> {
    const { step, bytes } = await this.#reach(key)
    if (step instanceof TableStep || step.plan.node.window === undefined)
      throw new StoreUnavailable(`Step "${this.#step}" has no windows; use get(key)`)
    return step.windowsOf(bytes.buffer, 0, bytes.position).flatMap(({ start, end }) => {
      const value = this.#read(step, bytes, start)
      return value === undefined ? [] : [{ start, end, value }]
    })
  }

  /** Resolves when keys can be written. */
  async #prepared(): Promise<void> {
    const serde = this.#keySerde(this.#tasks())
    if (serde?.preparation !== undefined) await serde.preparation.forWriting()
  }

  #tasks(): Task[] {
    return this.#run.tasks.filter(task => task.steps.some(step => step?.name === this.#step))
  }

  /** The serde of keys that are those of a source; undefined where they are of any kind. */
  #keySerde([task]: readonly Task[]): KeySerde<unknown> | undefined {
    const origin = task?.inputs[0]?.origin
    if (origin?.kind !== 'source') return undefined
    const { keySerde } = origin.node.topic
    return keySerde.kind === KeyKind.serde ? keySerde : undefined
  }

  #read(step: EmittingStep | TableStep, bytes: KeyBuffer, start: number | undefined): unknown {
    const hasWindows = !(step instanceof TableStep) && step.plan.node.window !== undefined
    if (hasWindows !== (start !== undefined)) {
      throw new StoreUnavailable(
        !hasWindows
          ? `Step "${this.#step}" has no windows; leave out start`
          : `Step "${this.#step}" has windows; say which: get(key, { start }), or use windows(key)`,
      )
    }
    if (step instanceof TableStep) return structuredClone(step.valueOf(bytes.buffer, 0, bytes.position))
    const found = step.find(start, bytes.buffer, 0, bytes.position)
    if (found === undefined) return undefined
    const result = rowResult(step.plan, found.table, found.row, start ?? 0, undefined)
    return typeof result === 'object' && result !== null ? structuredClone(columnsOnly(result, step)) : result
  }

  /** The task may be on its way here. */
  async #reach(key: unknown): Promise<Found> {
    try {
      await this.#prepared()
      return this.#find(key)
    } catch (error) {
      if (!(error instanceof StoreUnavailable)) throw error
      await this.#run.settled()
      await this.#prepared()
      return this.#find(key)
    }
  }

  #find(key: unknown): Found {
    const bytes = new KeyBuffer(64)
    const tasks = this.#tasks()
    const serde = this.#keySerde(tasks)
    if (serde !== undefined) {
      const encoded = serde.serialize(key)
      bytes.ensure(encoded.length)
      bytes.buffer.set(encoded, 0)
      bytes.position = encoded.length
    } else encodeKey(key, bytes)
    const count = this.#run.partitionsOfStep(this.#step)
    const partition = partitionOf(bytes.buffer, 0, bytes.position, count)
    const task = tasks.find(each => each.partition === partition)
    if (task === undefined) {
      throw new StoreUnavailable(
        `The task of partition ${partition} of step "${this.#step}" does not run in this process; ask the process that owns it (see: millrace groups)`,
      )
    }
    const step = task.steps.find(step => step?.name === this.#step)
    if (!(isEmitting(step) || step instanceof TableStep))
      throw new StoreUnavailable(
        `Step "${this.#step}" is neither an aggregate nor a table; its state cannot be asked for`,
      )
    return { task, step, bytes }
  }
}

/** A window's row without its frame: key, start and end are what was asked by. */
function columnsOnly(result: object, step: EmittingStep): object {
  if (step.plan.node.window === undefined) return result
  const { key: _key, start: _start, end: _end, ...columns } = result as Record<string, unknown>
  return columns
}
