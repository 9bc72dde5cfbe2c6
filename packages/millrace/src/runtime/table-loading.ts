import type { TaskInput } from '../engine/task-input.ts'
import { isTableInput } from '../plan/sub-topology.ts'

/**
 * Which tables a task has still to read: up to their ends as of its start they come before any record of a stream (SEMANTICS 6.2).
 */
export class TableLoading {
  readonly #ends = new Map<TaskInput, number>()
  #loading: readonly TaskInput[]

  constructor(inputs: readonly TaskInput[]) {
    const tables = inputs.filter(({ origin }) => isTableInput(origin))
    this.#loading = tables.length === inputs.length ? [] : tables
  }

  /** The tables not read so far. */
  get inputs(): readonly TaskInput[] {
    if (this.#loading.length > 0) this.#loading = this.#loading.filter(input => !this.#isRead(input))
    return this.#loading
  }

  #isRead(input: TaskInput): boolean {
    if (input.highWatermark < 0) return false
    const end = this.#ends.get(input) ?? input.highWatermark
    this.#ends.set(input, end)
    return input.position >= end || input.isDrained
  }
}
