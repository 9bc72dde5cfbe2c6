import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { openEmbeddedLog } from '../log/embedded/open.ts'
import { systemClock } from '../std/clock.ts'
import { type Random, systemRandom } from '../std/random.ts'
import type { App, Logger, StartOptions } from './app.ts'
import { appName } from './app-name.ts'
import { checkUntil } from './end-offsets.ts'
import type { PipelineSource } from './pipeline-source.ts'
import { loadPipelines } from './pipeline-source.ts'
import { Places } from './places.ts'
import { RunningApp, type RunningAppParts } from './running-app.ts'

const silent: Logger = { info() {}, warn() {}, error() {} }

/**
 * Runs pipelines in this process: objects, or URLs of modules that export one as default. Resolves when the
 * app has joined its groups; `await using` stops it.
 *
 * Never exits the process, handles no signals and writes nothing to standard output. Throws `PlanError`,
 * `LogError` and what loading a module throws.
 *
 * @example
 * await using app = await start([engagement], { app: 'shop' })
 * await app.send(pageViews, { visitor: 'v1', url: '/', ms: 12, at: Date.now() })
 */
export function start(pipelines: readonly PipelineSource[], options: StartOptions = {}): Promise<App> {
  return startIn({}, pipelines, options)
}

/** The package a process was started in. */
interface Home {
  readonly name: string
  readonly version?: string | undefined
  readonly directory: string
}

/** What tests replace, so that a run can be repeated: what is read from a disk takes now longer, now less. */
export interface StartSurroundings {
  readonly random?: Random
  readonly home?: Home
}

/** `start` in surroundings of a test's choice. */
export async function startIn(
  surroundings: StartSurroundings,
  pipelines: readonly PipelineSource[],
  options: StartOptions = {},
): Promise<App> {
  const clock = options.clock ?? systemClock
  const logger = options.logger ?? silent
  const loaded = await loadPipelines(pipelines)
  checkUntil(options)
  const home = surroundings.home ?? (await nearestPackage(process.cwd()))
  const directory = resolve(options.data ?? join(home.directory, '.millrace'))
  const app = new RunningApp({
    name: options.app ?? home.name,
    codeVersion: home.version,
    ...(await openLog(options, directory, logger)),
    clock,
    logger,
    random: surroundings.random ?? systemRandom,
    options,
  })
  try {
    await app.start(loaded)
  } catch (error) {
    await app.stop({ timeout: 0 })
    throw error
  }
  return app
}

/** The log to run on, with what the data directory is for there; a log that is given keeps its data itself. */
async function openLog(
  options: StartOptions,
  directory: string,
  logger: Logger,
): Promise<Pick<RunningAppParts, 'log' | 'ownsLog' | 'data' | 'places'>> {
  const { log, brokers, kafka, clock, instance } = options
  if (log !== undefined) return { log, ownsLog: false, data: undefined }
  if (brokers === undefined && kafka === undefined) {
    const onWarning = (message: string) => logger.warn(message)
    return { log: await openEmbeddedLog({ directory, onWarning }), ownsLog: true, data: directory }
  }
  // What speaks to Kafka takes a third of a second to load, so it is loaded where it is used.
  const { openKafkaLog } = await import('../log/kafka/open.ts')
  const onKafka = await openKafkaLog({ brokers, kafka, clock })
  const places = new Places({ directory, cluster: onKafka.clusterId, instance })
  return { log: onKafka, ownsLog: true, data: directory, places }
}

/** The package the process was started in: its name is the app's, its directory holds the data. */
async function nearestPackage(from: string): Promise<Home> {
  for (let directory = from; ; directory = dirname(directory)) {
    try {
      const manifest = await readFile(join(directory, 'package.json'), 'utf8')
      const { name, version } = JSON.parse(manifest) as { name?: string; version?: string }
      return { name: appName(name ?? 'app'), version, directory }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      if (directory === dirname(directory)) return { name: 'app', directory: from }
    }
  }
}
