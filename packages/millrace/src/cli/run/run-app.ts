import type { App } from '../../runtime/app.ts'
import type { Cli } from '../cli.ts'
import { CliError } from '../cli-error.ts'
import { ExitCode } from '../exit-codes.ts'
import { explainError } from '../explain.ts'
import { count, span } from '../format.ts'
import type { LoadedPipeline } from '../load/load-pipeline.ts'
import { Progress } from '../progress.ts'
import { serveMetrics } from './metrics-server.ts'
import { type AppOptions, startApp } from './start-app.ts'
import { watchPipelines } from './watch-pipelines.ts'
import { watchRestores } from './watch-restores.ts'

const LOOK_MS = 200

/** Runs pipelines until they are done (`once`), one fails, or a stop is asked for; then drains and commits. */
export async function runApp(
  cli: Cli,
  pipelines: readonly LoadedPipeline[],
  options: AppOptions,
): Promise<void> {
  const { terminal, clock, interrupt } = cli
  sayWhat(cli, pipelines, options)
  const startMs = clock.monotonic()
  let told: string | undefined
  const onError = (message: string) => {
    told ??= message
  }
  const app = await startApp(terminal, pipelines, { ...options, onError })
  const server =
    options.metrics && (await serveMetrics(app, options.metrics).catch(error => abandon(app, error)))
  if (server !== undefined) terminal.note('metrics', `${server.url}/metrics`)
  const stopWatching = options.once ? watchLag(cli, app) : watchStart(cli, app)
  try {
    if (!options.once) terminal.say(terminal.paint('dim', 'Running; Ctrl-C drains and stops'))
    await Promise.race([app.failed, options.once ? app.finished : interrupt.wait(), interrupt.wait()])
    stopWatching()
    if (!interrupt.isRequested)
      terminal.say(`${terminal.paint('green', 'Done')} in ${span(clock.monotonic() - startMs)}`)
  } catch (cause) {
    const { message, wayOut } = explainError(cause)
    throw new CliError(told ?? message, {
      wayOut: wayOut ?? 'mend the cause and run again; everything up to the last commit is kept',
      cause,
    })
  } finally {
    stopWatching()
    await stopApp(cli, app, options.stopTimeoutMs)
    await server?.close()
  }
}

async function abandon(app: App, error: unknown): Promise<never> {
  await app.stop({ timeout: 0 })
  throw error
}

function sayWhat(
  { terminal }: Cli,
  pipelines: readonly LoadedPipeline[],
  { app, data, brokers, threads, guarantee }: AppOptions,
): void {
  terminal.note('app', app)
  if (brokers === undefined) terminal.note('data', data)
  else terminal.note('brokers', [brokers].flat().join(', '))
  terminal.note('pipelines', pipelines.map(({ pipeline }) => pipeline.name).join(', '))
  if (threads !== undefined) terminal.note('threads', count(threads))
  if (guarantee !== undefined) terminal.note('guarantee', guarantee)
}

/** Stops within the stated time, and a little for closing files. */
async function stopApp(cli: Cli, app: App, timeoutMs: number): Promise<void> {
  const { clock, terminal, interrupt } = cli
  const startMs = clock.monotonic()
  const processed = totals(app)
  // Who is told to end by a supervisor is started again, or replaced under the same name.
  await app.stop({ timeout: timeoutMs, leave: interrupt.exitCode !== ExitCode.terminated })
  const { late, rejected, failed } = processed
  const odd = [
    late > 0 ? `${count(late)} late` : '',
    rejected > 0 ? `${count(rejected)} rejected` : '',
    failed > 0 ? `${count(failed)} failed` : '',
  ].filter(text => text !== '')
  if (odd.length > 0) terminal.warn(`records went to side streams: ${odd.join(', ')}`)
  terminal.say(terminal.paint('dim', `Stopped after ${span(clock.monotonic() - startMs)}`))
}

function totals(app: App): { lag: number; late: number; rejected: number; failed: number } {
  const sum = { lag: 0, late: 0, rejected: 0, failed: 0 }
  for (const { tasks } of app.health().pipelines) {
    for (const task of tasks) {
      sum.lag += task.lag
      sum.late += task.late
      sum.rejected += task.rejected
      sum.failed += task.failed
    }
  }
  return sum
}

function watchStart(cli: Cli, app: App): () => void {
  const stops = [watchPipelines(cli.terminal, cli.clock, app), watchRestores(cli, app)]
  return () => {
    for (const stop of stops) stop()
  }
}

/** Shows how much of the input is read; gives a function that ends it. */
function watchLag({ terminal, clock }: Cli, app: App): () => void {
  let mostLag = 0
  const progress = new Progress(terminal, clock, 'records')
  let cancel = () => {}
  const look = () => {
    const { lag } = totals(app)
    mostLag = Math.max(mostLag, lag)
    // What is re-keyed is read once more, so both figures grow on the way; done never falls.
    progress.update(Math.max(progress.done, mostLag - lag), mostLag)
    cancel = clock.after(LOOK_MS, look)
  }
  look()
  return () => {
    cancel()
    progress.end()
  }
}
