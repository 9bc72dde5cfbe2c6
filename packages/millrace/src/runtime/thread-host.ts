import type { Log } from '../log/log.ts'
import type { Clock } from '../std/clock.ts'
import type { Host, HostEvents, RunSettings } from './host.ts'
import { isShared, type SharedLog } from './log-port.ts'
import type { ThreadFigures } from './metrics/figures.ts'
import { Offences, type Sentence } from './offences.ts'
import type { LoadedPipeline } from './pipeline-source.ts'
import type { TaskInWork } from './thread-progress.ts'
import { ThreadedPipeline } from './threaded-pipeline.ts'
import { type ThreadEnd, WorkerThread } from './worker-thread.ts'

/** A task that has behaved for so many times `maxPollMs`, and for ten minutes, has a clean slate. */
const quietPolls = 10
const quietMsMin = 600_000
/** A thread that is busy for longer shows what it said last. */
const figuresMsMax = 1_000

export interface ThreadHostParts {
  readonly log: Log
  readonly clock: Clock
  readonly threads: number
  /** How long a thread may stand still before it is replaced. */
  readonly maxPollMs: number
  readonly settings: RunSettings
  readonly pipelines: readonly LoadedPipeline[]
  readonly events: HostEvents
  /** Leaves a pipeline's group and joins it again: what was sent under the old membership is refused from then on. */
  readonly rejoin: (pipeline: string) => void
}

/** Spreads the tasks of pipelines over worker threads, and replaces threads that end or stand still; this thread keeps the membership. */
export class ThreadHost implements Host {
  readonly pipelines: readonly ThreadedPipeline[]
  readonly #parts: ThreadHostParts
  readonly #threads: WorkerThread[] = []
  readonly #offences: Offences
  readonly #replacing = new Set<Promise<void>>()
  readonly #closing = new AbortController()

  constructor(parts: ThreadHostParts) {
    this.#parts = parts
    const { pipelines, settings, clock, maxPollMs } = parts
    this.#offences = new Offences(clock, Math.max(quietMsMin, quietPolls * maxPollMs))
    this.pipelines = pipelines.map(
      ({ pipeline }) => new ThreadedPipeline(settings.app, pipeline.graph, () => this.#threads),
    )
  }

  async start(): Promise<void> {
    const { threads } = this.#parts
    this.#requireLog()
    this.#urls()
    for (let i = 0; i < threads; i++) this.#threads.push(await this.#open(i))
    await Promise.all(this.#threads.map(thread => thread.ready))
  }

  #requireLog(): SharedLog {
    const { log } = this.#parts
    if (isShared(log)) return log
    throw new Error(
      'threads: worker threads need a log that they can open, the embedded one or Kafka; leave out `log`, or `threads`',
    )
  }

  #urls(): string[] {
    return this.#parts.pipelines.map(({ pipeline, url }) => {
      if (url !== undefined) return url
      throw new Error(
        `threads: pipeline "${pipeline.name}" was given as an object, which other threads can't see; give the URL of its module, for example import.meta.resolve('./pipelines/${pipeline.name}.ts')`,
      )
    })
  }

  async #open(index: number): Promise<WorkerThread> {
    const { settings, clock, maxPollMs, events } = this.#parts
    const log = await this.#requireLog().port(index)
    return new WorkerThread({
      index,
      clock,
      maxPollMs,
      events,
      start: { settings, urls: this.#urls(), log },
      onEnded: end => this.#ended(end),
    })
  }

  async figures(): Promise<ThreadFigures[]> {
    const all = await Promise.all(this.#threads.map(thread => thread.figures(figuresMsMax)))
    return all.filter(figures => figures !== undefined)
  }

  /** A thread that does not stop within the time is left to `close`. */
  async stop(timeoutMs: number): Promise<void> {
    // What ends from now on is not replaced.
    this.#closing.abort()
    const { clock } = this.#parts
    let cancel = () => {}
    const timeout = new Promise<void>(resolve => {
      cancel = clock.after(timeoutMs, resolve)
    })
    // A thread that is gone has stopped.
    const stopped = this.#threads.map(thread => thread.ask({ kind: 'stop' }).catch(() => {}))
    await Promise.race([Promise.all(stopped), timeout]).finally(() => cancel())
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all(this.#threads.map(thread => thread.close()))
    await Promise.all(this.#replacing)
  }

  // Threads that end

  /** Its uncommitted work is gone; the tasks start again from their last commit, unless that has been tried too often. */
  #ended({ thread: index, reason, inWork }: ThreadEnd): void {
    if (this.#closing.signal.aborted) return
    const what = `Worker thread ${index} ${reason}${inWork ? ` in ${nameOf(inWork)}` : ''}`
    const sentence = this.#offences.note(index, inWork)
    if (sentence.kind === 'stop') this.#stopPipelines(index, inWork, what, sentence.times)
    if (this.pipelines.every(({ isStopped }) => isStopped)) return
    const afterMs = sentence.kind === 'again' ? sentence.afterMs : 0
    if (sentence.kind === 'again')
      this.#parts.events.warn(`${what}. It is replaced, and its tasks start again from their last commit.`)
    const replacing = this.#replace(index, afterMs).finally(() => this.#replacing.delete(replacing))
    this.#replacing.add(replacing)
  }

  #stopPipelines(index: number, inWork: TaskInWork | undefined, what: string, times: number): void {
    const guilty = this.pipelines.filter(pipeline =>
      inWork ? pipeline.name === inWork.pipeline : pipeline.isOn(index),
    )
    // Something that a module does by itself ends threads without any task.
    for (const pipeline of guilty.length > 0 ? guilty : this.pipelines) {
      if (pipeline.isStopped) continue
      pipeline.stop()
      this.#parts.events.failed(
        pipeline.name,
        new Error(
          `${what}; the same ${times} times in a row. Look there for a callback that loops for ever, ends its thread or takes all memory; raise maxPollMs if it only needs more time.`,
        ),
      )
    }
  }

  /** Opens another thread in the place of one that ended, and hands the tasks of the place out anew. */
  async #replace(index: number, afterMs: number): Promise<void> {
    const { events, rejoin } = this.#parts
    for (let waitMs = afterMs; ; ) {
      await this.#pause(waitMs)
      if (this.#closing.signal.aborted) return
      try {
        const thread = await this.#open(index)
        this.#threads[index] = thread
        if (this.#closing.signal.aborted) return await thread.close()
        await thread.ready
        break
      } catch (error) {
        if (this.#closing.signal.aborted) return
        const what = `Worker thread ${index} could not be replaced (${(error as Error).message})`
        const sentence: Sentence = this.#offences.note(index, undefined)
        if (sentence.kind === 'stop') return this.#stopPipelines(index, undefined, what, sentence.times)
        events.warn(`${what}; trying again`)
        waitMs = sentence.afterMs
      }
    }
    for (const pipeline of this.pipelines) {
      if (pipeline.isOn(index)) rejoin(pipeline.name)
    }
  }

  /** Cut short when the host closes. */
  #pause(ms: number): Promise<void> {
    const { signal } = this.#closing
    return new Promise(resolve => {
      const done = () => {
        cancel()
        signal.removeEventListener('abort', done)
        resolve()
      }
      const cancel = this.#parts.clock.after(ms, done)
      signal.addEventListener('abort', done)
    })
  }
}

function nameOf({ pipeline, task, place, offset }: TaskInWork): string {
  return `pipeline "${pipeline}", task "${task}", at ${place} from offset ${offset}`
}
