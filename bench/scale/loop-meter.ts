import { monitorEventLoopDelay } from 'node:perf_hooks'

/** What the loop of a process went through, in ms and bytes. */
export interface LoopFigures {
  /** Longest time between two turns of the loop beyond what was asked for, and the 99th percentile. */
  readonly pauseMaxMs: number
  readonly pauseP99Ms: number
  /** The most CPU time the loop's thread took between two turns: what the pause would have been on a machine of its own. */
  readonly cpuMaxMs: number
  readonly rssMaxBytes: number
  readonly seconds: number
  readonly cpuSeconds: number
}

const resolutionMs = 5

/** Watches the loop of this process. */
export class LoopMeter {
  readonly #delays = monitorEventLoopDelay({ resolution: resolutionMs })
  readonly #timer: NodeJS.Timeout
  readonly #startMs = performance.now()
  readonly #cpu = process.cpuUsage()
  #threadMs = threadMs()
  #cpuMaxMs = 0
  #rssMaxBytes = 0

  constructor() {
    this.#delays.enable()
    let ticks = 0
    this.#timer = setInterval(() => {
      const now = threadMs()
      this.#cpuMaxMs = Math.max(this.#cpuMaxMs, now - this.#threadMs)
      this.#threadMs = now
      if (ticks++ % 20 === 0) this.#rssMaxBytes = Math.max(this.#rssMaxBytes, process.memoryUsage.rss())
    }, resolutionMs)
  }

  finish(): LoopFigures {
    clearInterval(this.#timer)
    this.#delays.disable()
    const { user, system } = process.cpuUsage(this.#cpu)
    const beyond = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolutionMs)
    return {
      pauseMaxMs: beyond(this.#delays.max),
      pauseP99Ms: beyond(this.#delays.percentile(99)),
      cpuMaxMs: this.#cpuMaxMs,
      rssMaxBytes: this.#rssMaxBytes,
      seconds: (performance.now() - this.#startMs) / 1e3,
      cpuSeconds: (user + system) / 1e6,
    }
  }
}

function threadMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1e3
}
