import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type App, type StartOptions, start } from 'millrace'
import type { LogFile } from './log-file.ts'
import { alerts } from './pipelines/alerts.ts'
import { bots } from './pipelines/bots.ts'
import { journeys } from './pipelines/journeys.ts'
import { pages } from './pipelines/pages.ts'
import { sections } from './pipelines/sections.ts'
import { traffic } from './pipelines/traffic.ts'
import { trending } from './pipelines/trending.ts'
import { type ReplayOptions, replay } from './replay.ts'
import { type Report, reportOf } from './report.ts'
import { collect, Results } from './results.ts'
import { loadPages } from './site-pages.ts'
import type { Where } from './where.ts'

/** A live log has no measure of its disorder; 2 minutes is what one would choose. */
const OUT_OF_ORDER_MS_MIN = 120_000

const analysis = ({ survey }: LogFile) => {
  const input = {
    outOfOrder: Math.max(survey.disorderMs, OUT_OF_ORDER_MS_MIN),
    // The replay pauses and resumes; only its end-of-input record ends the last hour.
    idle: 'never',
  } as const
  return [traffic, pages, journeys, trending, sections, bots, alerts].map(each => each(input))
}

/** Analyses a finished log as a bounded batch, where there is nothing yet. */
export async function analyseOnce(log: LogFile, where: Where, signal?: AbortSignal): Promise<Report> {
  await loadPages(where)
  {
    await using sender = await start([], where)
    await replay(sender, log.lines(), { speed: Number.POSITIVE_INFINITY, signal })
  }
  await analyseRest(log, where, signal)
  return readReport(where)
}

/** A bounded run: ends when all lines that are there are analysed, and all of that is committed. */
async function analyseRest(log: LogFile, where: Where, signal?: AbortSignal): Promise<void> {
  await using batch = await start(analysis(log), { ...where, once: true, signal })
  await Promise.race([batch.finished, batch.failed])
  signal?.throwIfAborted()
}

export interface LiveOptions extends ReplayOptions {
  readonly where: Where
  readonly clock?: StartOptions['clock']
  /** Called when everything runs; what it returns is called at the end. */
  readonly watch?: (results: Results, app: App) => () => void
}

/** Analyses a log while it is replayed; goes on where the last call in the same place was interrupted. */
export async function analyseLive(
  log: LogFile,
  { where, clock, watch, ...options }: LiveOptions,
): Promise<Report> {
  await loadPages(where)
  {
    await using app = await start(analysis(log), { ...where, clock })
    const results = new Results()
    await using reader = await start([collect(results)], { app: newReader(where), log: app.log, clock })
    const stopWatching = watch?.(results, app)
    try {
      const done = replay(app, log.lines(), options).then(() => allProcessed(app, options.signal))
      await Promise.race([done, app.failed, reader.failed])
    } finally {
      stopWatching?.()
    }
  }
  // What was seen on the screen may not all have been committed; where it was, this ends at once.
  await analyseRest(log, where, options.signal)
  return readReport(where)
}

async function allProcessed(app: App, signal: AbortSignal | undefined): Promise<void> {
  const isDone = () =>
    app
      .health()
      .pipelines.flatMap(({ tasks }) => tasks)
      .every(({ watermark, lag }) => watermark === Number.POSITIVE_INFINITY && lag === 0)
  while (!isDone()) await sleep(20, undefined, { signal })
}

async function readReport(where: Where): Promise<Report> {
  const results = new Results()
  await using reader = await start([collect(results)], { ...where, app: newReader(where), once: true })
  await Promise.race([reader.finished, reader.failed])
  return reportOf(results)
}

/** Under a name of its own a reader has no position yet, and begins at the beginning. */
function newReader({ app }: Where): string {
  return `${app}-reader-${randomUUID()}`
}
