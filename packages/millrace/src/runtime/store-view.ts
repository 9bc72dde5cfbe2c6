import { type EmittingStep, isEmitting } from '../engine/emitting-step.ts'
import { ProcessStep } from '../engine/process/process-step.ts'
import { rowResult } from '../engine/row-result.ts'
import { GlobalTableStep } from '../engine/tables/global-step.ts'
import { TableStep } from '../engine/tables/table-step.ts'
import type { Task } from '../engine/task.ts'
import type { GroupMember } from '../log/log.ts'
import { encodeKey, type KeySerde } from '../serde/key.ts'
import { KeyKind } from '../serde/serde.ts'
import { KeyBuffer } from '../serde/sink.ts'
import type { KeyTable } from '../state/key-table.ts'
import { TableStore } from '../state/table-store.ts'
import { isBroken } from '../std/broken-rules.ts'
import { partitionOf } from '../std/murmur2.ts'
import type { KeyResult, RangeQuery, StoreQuery, StoreView, WindowQuery, WindowResult } from './app.ts'
import type { PipelineRun } from './pipeline-run.ts'
import { firstRows, isWithin, type KeyBounds, type StoredRow, withoutBytes } from './store-rows.ts'

/** How often a table is looked at that is being read. */
const lookAgainMs = 5
const neverWaits = isBroken('2.7')

/** A step's state was asked for that this process does not have. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

/** The key's task does not run in this process. */
class ElsewhereError extends StoreUnavailable {
  readonly partition: number
  constructor(step: string, partition: number) {
    super(elsewhereText(step, partition, undefined))
    this.partition = partition
  }
}

function elsewhereText(step: string, partition: number, owner: GroupMember | undefined): string {
  const task = `The task of partition ${partition} of step "${step}" does not run in this process`
  if (owner === undefined)
    return `${task}, nor in another one at the moment; ask again later (see: millrace groups)`
  const { instanceId, memberId, host, pid } = owner
  const process = pid > 0 ? `process ${pid} on ${host}` : host
  return `${task}; ask ${instanceId ?? memberId} (${process}), which runs it`
}

function noTaskText(step: string): string {
  return `No task of the pipeline runs in this process at the moment, so it has no rows of the global table "${step}"; ask again later, or another process`
}

interface Found {
  readonly task: Task
  readonly step: EmittingStep | TableStep | ProcessStep
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
      await this.#whole()
      const { task, step, bytes } = await this.#reach(key)
      const value = this.#read(step, bytes, query.start)
      if (query.consistency !== 'committed' || neverWaits) return value
      // A value whose commit failed is none; the restored task has another.
      if (await this.#run.committed(task)) return value
    }
  }

  async windows(key: unknown, query: WindowQuery = {}): Promise<readonly WindowResult[]> {
    const { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY } = query
    const { step, bytes } = await this.#reach(key)
    if (!isEmitting(step) || step.plan.node.window === undefined)
      throw new StoreUnavailable(`Step "${this.#step}" has no windows; use get(key)`)
    return step.windowsOf(bytes.buffer, 0, bytes.position).flatMap(({ start, end }) => {
      if (start < from || start >= to) return []
      const value = this.#read(step, bytes, start)
      return value === undefined ? [] : [{ start, end, value }]
    })
  }

  async range(query: RangeQuery = {}): Promise<readonly KeyResult[]> {
    return (await this.rows(query)).map(withoutBytes)
  }

  /** The rows of a range in this thread, with the bytes of their keys. */
  async rows(query: RangeQuery): Promise<readonly StoredRow[]> {
    await this.#prepared()
    const tasks = await this.#whole()
    const bounds = { from: this.#boundOf(query.from, tasks), to: this.#boundOf(query.to, tasks) }
    return firstRows(
      tasks.flatMap(task => this.#rowsOf(task, bounds)),
      query,
    )
  }

  #boundOf(key: unknown, tasks: readonly Task[]): Uint8Array | undefined {
    if (key === undefined) return undefined
    const { buffer, position } = this.#bytesOf(key, tasks)
    return buffer.subarray(0, position)
  }

  #rowsOf(task: Task, bounds: KeyBounds): StoredRow[] {
    const step = this.#stepOf(task)
    const table = tableOf(step)
    if (table === undefined)
      throw new StoreUnavailable(`Step "${this.#step}" has windows; ask for those of a key: windows(key)`)
    const rows: StoredRow[] = []
    for (let row = table.firstRow(); row !== 0; row = table.nextRow(row)) {
      const bytes = table.keyBytes.subarray(table.keyStart(row), table.keyEnd(row))
      if (!isWithin(bytes, bounds)) continue
      const keyBytes = Buffer.from(bytes)
      const key =
        step instanceof GlobalTableStep
          ? step.keySerde.deserialize(keyBytes, 0, keyBytes.length)
          : task.readKey(step.kind, keyBytes, 0, keyBytes.length)
      const value = this.#valueOf(step, keyBytes, undefined)
      // Under a key of a process step nothing may be left until the next cut.
      if (value !== undefined) rows.push({ key, keyBytes, value })
    }
    return rows
  }

  /** Resolves when keys can be written. */
  async #prepared(): Promise<void> {
    const serde = this.#keySerde(this.#tasks())
    if (serde?.preparation !== undefined) await serde.preparation.forWriting()
  }

  #tasks(): Task[] {
    return this.#run.tasks.filter(task => task.steps.some(step => step?.name === this.#step))
  }

  /** The tasks that have rows to give. Of a global table each has all of them, once it has read them. */
  async #whole(): Promise<readonly Task[]> {
    for (;;) {
      const tasks = this.#tasks()
      const [task] = tasks
      if (task === undefined || !this.#isGlobal) return tasks
      if (!this.#run.runners.get(task.name)?.isLoading) return [task]
      await new Promise<void>(resolve => task.clock.after(lookAgainMs, resolve))
    }
  }

  get #isGlobal(): boolean {
    return this.#run.isGlobalTable(this.#step)
  }

  /** The serde of keys that are those of a source; undefined where they are of any kind. */
  #keySerde([task]: readonly Task[]): KeySerde<unknown> | undefined {
    const step = task && this.#stepOf(task)
    if (step instanceof GlobalTableStep)
      return step.keySerde.kind === KeyKind.serde ? step.keySerde : undefined
    const origin = task?.inputs[0]?.origin
    if (origin?.kind !== 'source') return undefined
    const { keySerde } = origin.node.topic
    return keySerde.kind === KeyKind.serde ? keySerde : undefined
  }

  #read(step: Found['step'], bytes: KeyBuffer, start: number | undefined): unknown {
    const hasWindows = isEmitting(step) && step.plan.node.window !== undefined
    if (hasWindows !== (start !== undefined)) {
      throw new StoreUnavailable(
        !hasWindows
          ? `Step "${this.#step}" has no windows; leave out start`
          : `Step "${this.#step}" has windows; say which: get(key, { start }), or use windows(key)`,
      )
    }
    return this.#valueOf(step, bytes.buffer.subarray(0, bytes.position), start)
  }

  #valueOf(step: Found['step'], key: Buffer, start: number | undefined): unknown {
    if (step instanceof ProcessStep) return structuredClone(step.read(key, 0, key.length))
    if (step instanceof TableStep) return structuredClone(step.valueOf(key, 0, key.length))
    const found = step.find(start, key, 0, key.length)
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
      return this.#findOrName(key)
    }
  }

  async #findOrName(key: unknown): Promise<Found> {
    try {
      return this.#find(key)
    } catch (error) {
      if (!(error instanceof ElsewhereError)) throw error
      const owner = await this.#run.ownerOf(this.#step, error.partition)
      throw new StoreUnavailable(elsewhereText(this.#step, error.partition, owner))
    }
  }

  #bytesOf(key: unknown, tasks: readonly Task[]): KeyBuffer {
    const bytes = new KeyBuffer(64)
    const serde = this.#keySerde(tasks)
    if (serde !== undefined) {
      const encoded = serde.serialize(key)
      bytes.ensure(encoded.length)
      bytes.buffer.set(encoded, 0)
      bytes.position = encoded.length
    } else encodeKey(key, bytes)
    return bytes
  }

  #find(key: unknown): Found {
    const tasks = this.#tasks()
    const bytes = this.#bytesOf(key, tasks)
    if (this.#isGlobal) {
      const [task] = tasks
      if (task === undefined) throw new StoreUnavailable(noTaskText(this.#step))
      return { task, step: this.#stepOf(task), bytes }
    }
    const count = this.#run.partitionsOfStep(this.#step)
    const partition = partitionOf(bytes.buffer, 0, bytes.position, count)
    const task = tasks.find(each => each.partition === partition)
    if (task === undefined) throw new ElsewhereError(this.#step, partition)
    return { task, step: this.#stepOf(task), bytes }
  }

  #stepOf(task: Task): Found['step'] {
    const step = task.steps.find(step => step?.name === this.#step)
    if (!(isEmitting(step) || step instanceof TableStep || step instanceof ProcessStep))
      throw new StoreUnavailable(`Step "${this.#step}" has no state that can be asked for`)
    return step
  }
}

/** The rows of a step without windows. */
function tableOf(step: Found['step']): KeyTable | undefined {
  if (step instanceof TableStep) return step.table
  if (step instanceof ProcessStep) return step.store.table
  return step.store instanceof TableStore && step.plan.node.window === undefined
    ? step.store.table
    : undefined
}

/** A window's row without its frame: key, start and end are what was asked by. */
function columnsOnly(result: object, step: EmittingStep): object {
  if (step.plan.node.window === undefined) return result
  const { key: _key, start: _start, end: _end, ...columns } = result as Record<string, unknown>
  return columns
}
