import { Worker } from 'node:worker_threads'
import type { Clock } from '../std/clock.ts'
import { BeatWatch } from './beat-watch.ts'
import type { HostEvents } from './host.ts'
import type { ThreadFigures } from './metrics/figures.ts'
import { type TaskInWork, ThreadProgress } from './thread-progress.ts'
import {
  type FromThread,
  fromThreadError,
  type ThreadPipeline,
  type ThreadStart,
  type ToThread,
} from './thread-protocol.ts'

const threadUrl = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url)
/** A thread that has not loaded its pipelines after this will not; more where more is allowed anyway. */
const loadMsMax = 60_000

type Request = Extract<ToThread, { id: number }>
type WithoutId<R> = R extends Request ? Omit<R, 'id'> : never

export interface WorkerThreadOptions {
  readonly index: number
  readonly clock: Clock
  readonly maxPollMs: number
  readonly start: Omit<ThreadStart, 'progress' | 'index'>
  readonly events: HostEvents
  /** Called once when the thread has ended by itself, or was ended because it made no progress. It runs no more then. */
  readonly onEnded: (end: ThreadEnd) => void
}

/** Why a thread ended that nobody closed. */
export interface ThreadEnd {
  readonly thread: number
  readonly reason: string
  readonly inWork: TaskInWork | undefined
}

/** The thread that was asked has ended. */
export class ThreadGone extends Error {
  override readonly name = 'ThreadGone'
}

/** One worker thread as the control thread sees it. */
export class WorkerThread {
  readonly index: number
  state: readonly ThreadPipeline[] = []
  /** Resolves when the thread has loaded the pipelines; rejects when it ends before that. */
  readonly ready: Promise<void>
  readonly #options: WorkerThreadOptions
  readonly #worker: Worker
  readonly #progress = new ThreadProgress()
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>()
  #nextId = 0
  #figures: ThreadFigures | undefined
  #isReady = false
  #isClosed = false
  #stopWatching: () => void
  /** Why it had to be ended, or what it died of. */
  #reason: string | undefined
  #error: Error | undefined

  constructor(options: WorkerThreadOptions) {
    const { index, start, clock, maxPollMs } = options
    this.#options = options
    this.index = index
    this.#worker = new Worker(threadUrl, {
      name: `millrace-${index}`,
      workerData: { ...start, index, progress: this.#progress.memory } satisfies ThreadStart,
      transferList: [start.log.port],
    })
    const loadMs = Math.max(maxPollMs, loadMsMax)
    this.#stopWatching = clock.after(loadMs, () =>
      this.#end(`had not loaded its pipelines after ${seconds(loadMs)}`),
    )
    this.ready = new Promise((resolve, reject) => {
      this.#worker.on('message', (message: FromThread) => {
        if (message.kind !== 'ready') return this.#take(message)
        this.#watch()
        resolve()
      })
      this.#worker.on('error', (error: unknown) => {
        this.#error = error instanceof Error ? error : new Error(String(error))
      })
      this.#worker.on('exit', code => {
        reject(
          this.#error ?? new Error(`Worker thread ${index} ${this.#reason ?? `exited with code ${code}`}`),
        )
        this.#exited(code)
      })
    })
    // Whoever waits for it hears it; a thread that is closed while it loads has nobody.
    this.ready.catch(() => {})
  }

  get isRunning(): boolean {
    return this.#isReady && !this.#isClosed
  }

  send(message: Exclude<ToThread, Request>): void {
    if (!this.#isClosed) this.#worker.postMessage(message)
  }

  /** Rejects with what the thread threw, and with `ThreadGone` when it ends without an answer. */
  ask(request: WithoutId<Request>): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(this.#gone())
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage({ ...request, id })
    })
  }

  /** What the thread has measured; when it does not answer in time, what it said last. */
  async figures(waitMs: number): Promise<ThreadFigures | undefined> {
    let cancel = () => {}
    const timeout = new Promise<void>(resolve => {
      cancel = this.#options.clock.after(waitMs, resolve)
    })
    const asked = this.ask({ kind: 'figures' }).then(
      figures => {
        this.#figures = figures as ThreadFigures
      },
      () => {},
    )
    await Promise.race([asked, timeout]).finally(() => cancel())
    return this.#figures
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#stopWatching()
    await this.#worker.terminate()
  }

  #watch(): void {
    const { clock, maxPollMs } = this.#options
    this.#isReady = true
    this.#stopWatching()
    if (this.#isClosed) return
    const watch = new BeatWatch({
      clock,
      beats: () => this.#progress.beats,
      silenceMsMax: maxPollMs,
      onSilent: () => this.#end(`made no progress for ${seconds(maxPollMs)} (maxPollMs)`),
    })
    this.#stopWatching = () => watch.stop()
  }

  #end(reason: string): void {
    this.#reason = reason
    void this.#worker.terminate()
  }

  #take(message: Exclude<FromThread, { kind: 'ready' }>): void {
    const { events } = this.#options
    switch (message.kind) {
      case 'done': {
        const waiting = this.#waiting.get(message.id)
        this.#waiting.delete(message.id)
        if (message.error === undefined) waiting?.resolve(message.result)
        else waiting?.reject(fromThreadError(message.error))
        return
      }
      case 'state':
        this.state = message.pipelines
        return events.changed()
      case 'print':
        return events.print(message.line)
      case 'warn':
        return events.warn(message.message)
      case 'failed':
        return events.failed(message.pipeline, fromThreadError(message.error))
    }
  }

  #exited(code: number): void {
    const wasClosed = this.#isClosed
    this.#isClosed = true
    this.#stopWatching()
    this.state = []
    for (const { reject } of this.#waiting.values()) reject(this.#gone())
    this.#waiting.clear()
    if (wasClosed || !this.#isReady) return
    const died = this.#error ? `died of an error (${this.#error.message})` : `exited with code ${code}`
    this.#options.onEnded({ thread: this.index, reason: this.#reason ?? died, inWork: this.#progress.inWork })
  }

  #gone(): ThreadGone {
    return new ThreadGone(`Worker thread ${this.index} has ended; its tasks start again elsewhere`)
  }
}

function seconds(ms: number): string {
  return `${ms / 1000} s`
}
