import type { App, Logger } from '../../runtime/app.ts'
import type { LoadedPipeline } from '../load/load-pipeline.ts'
import type { Terminal } from '../terminal.ts'
import type { MetricsAddress } from './metrics-server.ts'
import type { RunOptions } from './prepare.ts'

export interface AppOptions extends RunOptions {
  readonly once: boolean
  /** Where topics begin that were never read; a number is a time. */
  readonly start?: 'earliest' | 'latest' | number
  /** Where a bounded run ends. */
  readonly until?: number
  /** Serves metrics and health there. */
  readonly metrics?: MetricsAddress
  /** Values are frozen, so that a callback that changes one fails. */
  readonly freeze: boolean
  /** Told why a pipeline stopped, which the app's `failed` says too. */
  onError?(message: string): void
}

/** Starts pipelines as an app that speaks to standard error, and prints to standard output. */
export async function startApp(
  terminal: Terminal,
  pipelines: readonly LoadedPipeline[],
  options: AppOptions,
): Promise<App> {
  const {
    app,
    data,
    brokers,
    kafka,
    instance,
    standbys,
    threads,
    guarantee,
    commitIntervalMs,
    once,
    freeze,
    createTopics,
    rollback,
    onError = () => {},
  } = options
  // Commands that run nothing do without the engine, which is half of what there is to load.
  const { start } = await import('../../runtime/start.ts')
  // Workers import the modules again; one thread takes the objects that are here.
  const sources = pipelines.map(({ pipeline, url }) =>
    threads !== undefined && threads > 1 ? url : pipeline,
  )
  return start(sources, {
    app,
    data,
    brokers,
    kafka: brokers === undefined ? undefined : kafka,
    instance,
    standbys,
    createTopics,
    rollback,
    start: options.start,
    until: options.until,
    threads,
    guarantee,
    commitIntervalMs,
    once,
    freeze,
    logger: loggerOf(terminal, onError),
    print: line => void terminal.result(`${line}\n`),
  })
}

function loggerOf(terminal: Terminal, onError: (message: string) => void): Logger {
  return {
    info: message => terminal.say(terminal.paint('dim', message)),
    warn: message => terminal.warn(message),
    error: onError,
  }
}
