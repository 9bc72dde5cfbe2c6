import type { KafkaProperties } from '../log/kafka/settings.ts'
import type { Log } from '../log/log.ts'
import type { Start } from '../plan/start.ts'
import type { Topic } from '../plan/topic.ts'
import type { Clock } from '../std/clock.ts'
import type { Guarantee } from './guarantee.ts'

/** Takes what Millrace has to say. */
export interface Logger {
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

/** Where an app runs and under which name; see `start`. */
export interface StartOptions {
  /** Prefix of every name outside the process; default: the name in the nearest package.json. */
  readonly app?: string
  /**
   * Directory of the embedded log; on Kafka, of the local snapshots of state and the name of this machine's processes.
   * Default `.millrace` beside the nearest package.json.
   */
  readonly data?: string
  /** An open log to use instead; `stop` leaves it open. */
  readonly log?: Log
  /** Runs on Apache Kafka (3.1 or newer) instead of the embedded log: `host:port`, one or several. */
  readonly brokers?: string | readonly string[]
  /** Settings of the connection to Kafka, under Kafka's own names: `{ 'security.protocol': 'SSL' }`. */
  readonly kafka?: KafkaProperties
  /**
   * What this process is called in its groups: restarted under the same name it takes its old place at once. No two
   * processes may have one name. Default on Kafka: the name in the data directory and the lowest number no process has there.
   */
  readonly instance?: string
  /**
   * On Kafka: how many other processes keep a copy of each task's state on their disks, so that one of them goes on with it within a
   * second or so when its own process is given up. The largest number that a process of the group asks for counts. Default 0.
   */
  readonly standbys?: number
  /** Creates sources and sinks that do not exist. Default: everywhere but on Kafka, where topics are others' too. */
  readonly createTopics?: boolean
  /**
   * Where pipelines begin to read topics that they have never read, in place of what their sources say: `earliest`, `latest`,
   * or a time. Decided once, for all partitions; from then on the committed positions count.
   */
  readonly start?: Start
  /**
   * Goes back to a layout of the state that was there before the stored one: what only the newer code keeps is dropped. Without it code
   * that is older than what was written is refused, or, where newer code runs in the group, has no part in its state (SEMANTICS 8.2).
   * For one start: left in place, it turns the next older start into a rollback as well.
   */
  readonly rollback?: boolean
  /** Default: nothing is said. */
  readonly logger?: Logger
  /** Stops the app when it aborts. */
  readonly signal?: AbortSignal
  /** Worker threads that share the tasks; more than one needs pipelines given as module URLs. Default: none, all runs in this thread. */
  readonly threads?: number
  /**
   * With `threads`: how long a worker thread may be busy in one turn of a task, say in a callback that loops, before it
   * is ended and another one takes its tasks over from their last commit. Default 300,000 ms, at least 1000. Without
   * `threads` nothing can watch the loop: a callback that never returns blocks the process.
   */
  readonly maxPollMs?: number
  /** Takes the lines of `print` sinks; default: `logger.info`. */
  readonly print?: (line: string) => void
  /**
   * Reads every source to its end as of the start, closes all windows, and then resolves `finished` (SEMANTICS 3.5). The next run, bounded
   * or not, goes on from there: what comes later for a window that was closed is late.
   */
  readonly once?: boolean
  /**
   * With `once`: each partition is read up to its first record of this time or later, that one left out. With `start` it makes a run over a
   * span of time, for example to see what a new version of a pipeline gives: under an `app` of its own, since its end closes windows early.
   */
  readonly until?: Date | number
  /** `interpreted` runs the reference interpreter. Default `compiled`. */
  readonly mode?: 'compiled' | 'interpreted'
  /** Freezes values, so that a callback that changes one fails; for development. */
  readonly freeze?: boolean
  /**
   * `exactly-once`, the default: output, state and positions are one commit. `at-least-once` commits without transactions on Kafka:
   * what comes out is written at once, and after a crash records may be processed again, with what they led to written twice. The
   * embedded log is exactly-once either way.
   */
  readonly guarantee?: Guarantee
  /** Longest time between commits, for all pipelines. Default: each pipeline's own, 100 ms exactly-once and 1 s at-least-once. */
  readonly commitIntervalMs?: number
  readonly clock?: Clock
  /** How long a member may be silent before its tasks move. Default 10 s. */
  readonly sessionTimeoutMs?: number
}

/** What `send` may set beside the value; by default the topic's own `key` and `timestamp` say it. */
export interface SendOptions<K = unknown> {
  readonly key?: K | null
  readonly timestamp?: number | Date
  readonly headers?: Readonly<Record<string, string | Uint8Array>>
  readonly partition?: number
}

/** Where a sent record lies. */
export interface SentRecord {
  readonly partition: number
  readonly offset: number
}

export interface StoreQuery {
  /** Start of the window asked for; leave out for a table without windows. */
  readonly start?: number
  /** `committed` answers when the commit that holds the value is acknowledged (SEMANTICS 2.7). Default `live`. */
  readonly consistency?: 'live' | 'committed'
}

/** An open window of a key. */
export interface WindowResult {
  readonly start: number
  readonly end: number
  readonly value: unknown
}

/** Which windows of a key. */
export interface WindowQuery {
  /** Those that begin at this time or later, in ms since the epoch. */
  readonly from?: number
  /** Those that begin before this time. */
  readonly to?: number
}

/** Which rows of a table. */
export interface RangeQuery {
  /** The smallest key, itself included. Keys are in the order of their bytes: texts by their UTF-8, numbers by their decimal text. */
  readonly from?: unknown
  /** The first key that is left out. */
  readonly to?: unknown
  /** Most rows to give. Default 1000. */
  readonly limit?: number
}

/** A row of a table. */
export interface KeyResult {
  readonly key: unknown
  readonly value: unknown
}

/** A step's state as it is in this process; a key whose task runs elsewhere is an error that names the process it runs in. */
export interface StoreView {
  /** The result of a key, or undefined when it has none. */
  get(key: unknown, query?: StoreQuery): Promise<unknown>
  /** The open windows of a key, by start. */
  windows(key: unknown, query?: WindowQuery): Promise<readonly WindowResult[]>
  /** The rows that this process has of a table, by key; those of tasks that run elsewhere are not among them. */
  range(query?: RangeQuery): Promise<readonly KeyResult[]>
}

/** What an app is doing. */
export interface Health {
  readonly status: 'running' | 'stopping' | 'stopped' | 'failed'
  readonly error?: string
  /** Every pipeline has joined its group and restored what it was given, and none has failed. */
  readonly isReady: boolean
  readonly pipelines: readonly PipelineHealth[]
}

export interface PipelineHealth {
  readonly name: string
  /** Without a place in the group, filling its state, at work, or ended by an error. */
  readonly phase: 'joining' | 'restoring' | 'running' | 'stopped'
  /** How many partitions this process has of its inputs. */
  readonly partitions: number
  readonly tasks: readonly TaskHealth[]
  /** Tasks that came here and are still being restored; the others go on meanwhile. */
  readonly restoring: readonly RestoreHealth[]
}

export interface RestoreHealth {
  readonly task: string
  /** Records read, of snapshot and changelog. */
  readonly done: number
  /** 0 while it is not known, or waits for its turn. */
  readonly total: number
}

export interface TaskHealth {
  readonly task: string
  readonly watermark: number
  /** Records between the task and the end of the log, over its inputs. */
  readonly lag: number
  readonly late: number
  /** Those of the late ones that an idle channel's release made late (SEMANTICS 3.4). */
  readonly lateByRelease: number
  readonly rejected: number
  readonly failed: number
  /** Waits for the next attempt of a failed call. */
  readonly parked: boolean
  /** Inputs that are not read further, for they are more than `maxDrift` ahead of the slowest one, and which that is (SEMANTICS 3.8). */
  readonly paused: readonly PausedInput[]
}

export interface PausedInput {
  readonly topic: string
  readonly partition: number
  readonly waitsFor: { readonly topic: string; readonly partition: number; readonly watermark: number }
}

export interface StopOptions {
  /** After so many ms what is uncommitted is given up. Default 30 s. */
  readonly timeout?: number
  /**
   * On Kafka: gives its partitions to other processes at once. By default they wait for this one to come back, for the
   * session timeout, so that a restart moves nothing.
   */
  readonly leave?: boolean
}

/** A running app; made by `start`. `await using` stops it. */
export interface App extends AsyncDisposable {
  /** Writes one record and resolves when it is durable. Throws what the topic's serde or schema throws. */
  send<V, K, I>(topic: Topic<V, K, I>, value: I | null, options?: SendOptions<K>): Promise<SentRecord>
  /** Says that this app, the topic's only producer, sends nothing more (SEMANTICS 3.5). */
  endInput(topic: Topic): Promise<void>
  store(step: string): StoreView
  health(): Health
  /** Everything that is measured, in Prometheus' text format; docs/KAFKA.md lists the names. */
  metrics(): Promise<string>
  /** Finishes what is under way and commits it. */
  stop(options?: StopOptions): Promise<void>
  /** Rejects with `PipelineStopped` when a pipeline stops with an error; never resolves. */
  readonly failed: Promise<never>
  /** Resolves when a `once` run has processed everything, or the app was stopped. */
  readonly finished: Promise<void>
  readonly log: Log
  /** The data directory. */
  readonly data: string | undefined
}
