import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { openEmbeddedLog } from '../log/embedded/open.ts'
import type { Log } from '../log/log.ts'
import { systemClock } from '../std/clock.ts'
import { systemRandom } from '../std/random.ts'
import type { App, Logger, StartOptions } from './app.ts'
import { appName } from './app-name.ts'
import type { PipelineSource } from './pipeline-source.ts'
import { loadPipelines } from './pipeline-source.ts'
import { RunningApp } from './running-app.ts'

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
export async function start(pipelines: readonly PipelineSource[], options: StartOptions = {}): Promise<App> {
  const clock = options.clock ?? systemClock
  const logger = options.logger ?? silent
  const loaded = await loadPipelines(pipelines)
  const home = await nearestPackage(process.cwd())
  const isEmbedded = options.log === undefined && options.brokers === undefined && options.kafka === undefined
  const data = isEmbedded ? resolve(options.data ?? join(home.directory, '.millrace')) : undefined
  const log =
    options.log ?? (data === undefined ? await openKafka(options) : await openEmbedded(data, logger))
  const app = new RunningApp({
    name: options.app ?? home.name,
    log,
    ownsLog: options.log === undefined,
    data,
    clock,
    logger,
    random: systemRandom,
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

function openEmbedded(directory: string, logger: Logger): Promise<Log> {
  return openEmbeddedLog({ directory, onWarning: message => logger.warn(message) })
}

/** What speaks to Kafka takes a third of a second to load, so it is loaded where it is used. */
async function openKafka({ brokers, kafka, clock }: StartOptions): Promise<Log> {
  const { openKafkaLog } = await import('../log/kafka/open.ts')
  return openKafkaLog({ brokers, kafka, clock })
}

/** The package the process was started in: its name is the app's, its directory holds the data. */
async function nearestPackage(from: string): Promise<{ name: string; directory: string }> {
  for (let directory = from; ; directory = dirname(directory)) {
    try {
      const { name } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as {
        name?: string
      }
      return { name: appName(name ?? 'app'), directory }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      if (directory === dirname(directory)) return { name: 'app', directory: from }
    }
  }
}
