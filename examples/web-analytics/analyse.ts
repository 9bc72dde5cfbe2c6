import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type App, type StartOptions, start } from 'millrace'
import type { LogFile } from './log-file.ts'
import { alerts } from './pipelines/alerts.ts'
import { pages } from './pipelines/pages.ts'
import { traffic } from './pipelines/traffic.ts'
import { type ReplayOptions, replay } from './replay.ts'
import { type Report, reportOf } from './report.ts'
import { collect, Results } from './results.ts'

const APP = 'web-analytics'
/** A live log has no measure of its disorder; 2 minutes is what one would choose. */
const OUT_OF_ORDER_MS_MIN = 120_000

const analysis = ({ survey }: LogFile) => {
  const input = {
    outOfOrder: Math.max(survey.disorderMs, OUT_OF_ORDER_MS_MIN),
    // The replay pauses and resumes; only its end-of-input record ends the last hour.
    idle: 'never',
  } as const
  return [traffic(input), pages(input), alerts(input)]
}

/** Analyses a finished log as a bounded batch, in an empty directory. */
export async function analyseOnce(log: LogFile, data: string, signal?: AbortSignal): Promise<Report> {
  {
    await using sender = await start([], { app: APP, data })
    await replay(sender, log.lines(), { speed: Number.POSITIVE_INFINITY, signal })
  }
  await analyseRest(log, data, signal)
  return readReport(data)
}

/** A bounded run: ends when all lines that are there are analysed, and all of that is committed. */
async function analyseRest(log: LogFile, data: string, signal?: AbortSignal): Promise<void> {
  await using batch = await start(analysis(log), { app: APP, data, once: true, signal })
  await Promise.race([batch.finished, batch.failed])
  signal?.throwIfAborted()
}

export interface LiveOptions extends ReplayOptions {
  readonly data: string
  readonly clock?: StartOptions['clock']
  /** Called when everything runs; what it returns is called at the end. */
  readonly watch?: (results: Results, app: App) => () => void
}

/** Analyses a log while it is replayed; goes on where the last call over the same directory was interrupted. */
export async function analyseLive(
  log: LogFile,
  { data, clock, watch, ...options }: LiveOptions,
): Promise<Report> {
  {
    await using app = await start(analysis(log), { app: APP, data, clock })
    const results = new Results()
    await using reader = await start([collect(results)], { ...newReader(), log: app.log, clock })
    const stopWatching = watch?.(results, app)
    try {
      const done = replay(app, log.lines(), options).then(() => allProcessed(app, options.signal))
      await Promise.race([done, app.failed, reader.failed])
    } finally {
      stopWatching?.()
    }
  }
  // What was seen on the screen may not all have been committed; where it was, this ends at once.
  await analyseRest(log, data, options.signal)
  return readReport(data)
}

async function allProcessed(app: App, signal: AbortSignal | undefined): Promise<void> {
  const isDone = () =>
    app
      .health()
      .pipelines.flatMap(({ tasks }) => tasks)
      .every(({ watermark, lag }) => watermark === Number.POSITIVE_INFINITY && lag === 0)
  while (!isDone()) await sleep(20, undefined, { signal })
}

async function readReport(data: string): Promise<Report> {
  const results = new Results()
  await using reader = await start([collect(results)], { ...newReader(), data, once: true })
  await Promise.race([reader.finished, reader.failed])
  return reportOf(results)
}

/** Under a name of its own a reader has no position yet, and begins at the beginning. */
function newReader(): StartOptions {
  return { app: `reader-${randomUUID()}` }
}
