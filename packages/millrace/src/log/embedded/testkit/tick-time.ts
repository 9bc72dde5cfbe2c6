import { type Machine, systemMachine } from '../machine.ts'

/** Milliseconds of a tick. */
const tickMs = 5

/**
 * A machine's monotonic time, for several threads, that goes by what the main thread has done and not by the wall: where everything is slow
 * because the machine is busy, this is slow too, so that a lease lasts as many turns of its holder as ever.
 */
export class TickTime {
  /** What threads are given. */
  readonly memory = new SharedArrayBuffer(8)
  readonly #timer: NodeJS.Timeout

  constructor() {
    const ticks = new Float64Array(this.memory)
    ticks[0] = systemMachine().monotonicMs()
    this.#timer = setInterval(() => {
      ticks[0]! += tickMs
    }, tickMs)
  }

  /** This machine, as it sees the time in that memory. */
  static machine(memory: SharedArrayBuffer): Machine {
    const ticks = new Float64Array(memory)
    return { ...systemMachine(), monotonicMs: () => ticks[0]! }
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
