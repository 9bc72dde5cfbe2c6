import type { Clock } from '../std/clock.ts'
import { delayMs } from './backoff.ts'
import type { TaskInWork } from './thread-progress.ts'

/** Threads in a row that may end in the turns of one task before it is not tried again. */
const offencesMax = 3
/** The same where it is not known what a thread was doing. */
const unexplainedMax = 10

/** What follows when a thread has ended. */
export type Sentence =
  | { readonly kind: 'again'; readonly afterMs: number }
  /** Without a task, all that the thread ran. */
  | { readonly kind: 'stop'; readonly times: number }

/** Counts the threads that ended in a row, by what they were doing then: a quiet time between two of them ends the row. */
export class Offences {
  readonly #clock: Clock
  readonly #quietMs: number
  readonly #rows = new Map<string, { count: number; lastMs: number }>()

  constructor(clock: Clock, quietMs: number) {
    this.#clock = clock
    this.#quietMs = quietMs
  }

  /** The thread at a place has ended. */
  note(thread: number, inWork: TaskInWork | undefined): Sentence {
    const key = inWork ? `${inWork.pipeline} ${inWork.task}` : `thread ${thread}`
    const nowMs = this.#clock.monotonic()
    const row = this.#rows.get(key)
    const count = row !== undefined && nowMs - row.lastMs < this.#quietMs ? row.count + 1 : 1
    this.#rows.set(key, { count, lastMs: nowMs })
    if (count >= (inWork ? offencesMax : unexplainedMax)) return { kind: 'stop', times: count }
    return { kind: 'again', afterMs: delayMs(count) }
  }
}
