import type { TaskInput } from '../engine/task-input.ts'
import type { Clock } from '../std/clock.ts'
import { Backoff, isRetriable } from './backoff.ts'
import { fetchFor, type RecordPreparation } from './preparation.ts'

export interface InputPreparationOptions {
  readonly input: TaskInput
  readonly preparation: RecordPreparation
  readonly clock: Clock
  readonly warn: (message: string) => void
  /** Called when something that was waited for is there. */
  readonly wake: () => void
}

/**
 * Holds an input back until everything is there that the records of its open batch need to be read, such as their schemas.
 * What cannot be fetched now is tried again until it can: no record is lost for it, and none goes before another.
 */
export class InputPreparation {
  readonly #options: InputPreparationOptions
  readonly #backoff: Backoff
  /** Base offset of the batch that was found to lack nothing. */
  #ready = -1
  #fetching: Promise<void> | undefined
  /** A failed fetch waits for its next attempt. */
  #isWaiting = false
  #error: unknown

  constructor(options: InputPreparationOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.clock)
  }

  /** The fetch under way; it never rejects. */
  get fetching(): Promise<void> | undefined {
    return this.#fetching
  }

  /** Whether the open batch can be read now. Throws what makes it certain that it never will. */
  get isReady(): boolean {
    if (this.#error !== undefined) throw this.#error
    const { input, preparation } = this.#options
    const { cursor } = input
    if (cursor.baseOffset === this.#ready) return true
    if (this.#fetching !== undefined || this.#isWaiting) return false
    const fetches = fetchFor(cursor, preparation)
    if (fetches.length > 0) {
      this.#fetching = this.#settle(fetches).finally(() => {
        this.#fetching = undefined
        this.#options.wake()
      })
      return false
    }
    this.#ready = cursor.baseOffset
    return true
  }

  async #settle(fetches: readonly Promise<void>[]): Promise<void> {
    const { input, clock, warn, wake } = this.#options
    const batch = input.cursor.baseOffset
    try {
      await Promise.all(fetches)
      this.#backoff.reset()
      this.#ready = batch
    } catch (error) {
      if (!isRetriable(error)) {
        this.#error = error
        return
      }
      if (this.#backoff.failures === 0)
        warn(`${input.topic}/${input.partition} waits: ${(error as Error).message}. It is tried again`)
      this.#isWaiting = true
      clock.after(this.#backoff.nextMs(), () => {
        this.#isWaiting = false
        wake()
      })
    }
  }
}
