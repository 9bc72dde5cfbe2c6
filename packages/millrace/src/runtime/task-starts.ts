import type { RestoreHealth } from './app.ts'
import type { StepRestored } from './restore.ts'

/** How many tasks are restored at once: the others wait for their turn, and those that run have half of the loop. */
const startsMax = 2

/** Makes a task, or throws when it is no longer wanted. */
export type Start<T> = (signal: AbortSignal, onBegun: (steps: readonly StepRestored[]) => void) => Promise<T>

interface Entry<T> {
  readonly task: string
  readonly start: Start<T>
  readonly abort: AbortController
  isUnderWay: boolean
  /** How far the stores are; none while it is not known what there is to read. */
  steps: readonly StepRestored[]
}

export interface TaskStartsOptions<T> {
  readonly onStarted: (task: string, made: T, steps: readonly StepRestored[]) => void
  /** None is left to start, and at least one was. */
  readonly onAllStarted: () => void
  readonly onError: (error: Error) => void
}

/** Tasks on their way: made and restored beside the tasks that run, each for itself. */
export class TaskStarts<T> {
  readonly #options: TaskStartsOptions<T>
  readonly #entries = new Map<string, Entry<T>>()
  #settled = Promise.withResolvers<void>()

  constructor(options: TaskStartsOptions<T>) {
    this.#options = options
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0
  }

  get health(): RestoreHealth[] {
    return [...this.#entries.values()].map(({ task, steps }) => ({
      task,
      done: steps.reduce((sum, { done }) => sum + done, 0),
      total: steps.reduce((sum, { total }) => sum + total, 0),
    }))
  }

  /** How far each store is, by task. */
  get steps(): (readonly [task: string, steps: readonly StepRestored[]])[] {
    return [...this.#entries.values()].map(({ task, steps }) => [task, steps])
  }

  has(task: string): boolean {
    return this.#entries.has(task)
  }

  /** Resolves when nothing is on its way. */
  async settled(): Promise<void> {
    while (!this.isEmpty) await this.#settled.promise
  }

  begin(task: string, start: Start<T>): void {
    this.#entries.set(task, { task, start, abort: new AbortController(), isUnderWay: false, steps: [] })
    this.#next()
  }

  /** What is made of it from now on is of no interest. */
  cancel(task: string): void {
    const entry = this.#entries.get(task)
    if (entry === undefined) return
    this.#remove(entry)
    entry.abort.abort(new StartCancelled())
    this.#next()
  }

  cancelAll(): void {
    for (const task of [...this.#entries.keys()]) this.cancel(task)
  }

  #next(): void {
    const entries = [...this.#entries.values()]
    const underWay = entries.filter(entry => entry.isUnderWay).length
    const waiting = entries.filter(entry => !entry.isUnderWay)
    for (const entry of waiting.slice(0, Math.max(0, startsMax - underWay))) {
      entry.isUnderWay = true
      void this.#run(entry)
    }
  }

  async #run(entry: Entry<T>): Promise<void> {
    const { signal } = entry.abort
    try {
      const made = await entry.start(signal, steps => {
        entry.steps = steps
      })
      if (signal.aborted) return
      this.#remove(entry)
      this.#options.onStarted(entry.task, made, entry.steps)
      if (this.isEmpty) this.#options.onAllStarted()
    } catch (error) {
      if (signal.aborted) return
      this.#remove(entry)
      this.#options.onError(error as Error)
    } finally {
      this.#next()
    }
  }

  #remove(entry: Entry<T>): void {
    this.#entries.delete(entry.task)
    this.#settled.resolve()
    this.#settled = Promise.withResolvers()
  }
}

/** The task went elsewhere while it was restored. */
class StartCancelled extends Error {}
