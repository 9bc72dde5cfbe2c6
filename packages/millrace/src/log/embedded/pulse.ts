import type { Clock } from '../../std/clock.ts'

/**
 * Lets readers sleep until the log changes.
 *
 * The commit thread counts changes in shared memory; handles in any thread of the process wait on the
 * count, so a commit costs nothing where nobody waits.
 */
export class Pulse {
  readonly memory: SharedArrayBuffer
  readonly #count: Int32Array
  readonly #sleepers = new Set<() => void>()
  #listening = false

  constructor(memory = new SharedArrayBuffer(4)) {
    this.memory = memory
    this.#count = new Int32Array(memory)
  }

  /** The count of changes, to be taken before looking at the log. */
  now(): number {
    return Atomics.load(this.#count, 0)
  }

  /** Resolves when the count is no longer `seen`, after `maxWaitMs`, or at the abort. */
  change(seen: number, maxWaitMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
    if (this.now() !== seen || signal.aborted) return Promise.resolve()
    return new Promise(resolve => {
      const wake = () => {
        cancel()
        this.#sleepers.delete(wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      const cancel = clock.after(maxWaitMs, wake)
      this.#sleepers.add(wake)
      signal.addEventListener('abort', wake)
      this.#listen(seen)
    })
  }

  #listen(seen: number): void {
    if (this.#listening) return
    const waiting = Atomics.waitAsync(this.#count, 0, seen)
    this.#listening = true
    const woken = () => {
      this.#listening = false
      for (const wake of [...this.#sleepers]) wake()
    }
    if (waiting.async) void waiting.value.then(woken)
    else queueMicrotask(woken)
  }
}
