import type { WriteStream } from 'node:tty'
import type { App } from 'millrace'
import type { Results } from '../results.ts'
import type { SectionViews } from '../topics.ts'
import { frame, hourLine, linesSeen, type View } from './frame.ts'
import { colored, plain } from './text.ts'

type Output = Pick<WriteStream, 'write' | 'isTTY' | 'columns' | 'rows'>

const FRAME_EVERY_MS = 100
const HIDE_CURSOR = '\x1b[?25l'
const SHOW_CURSOR = '\x1b[?25h'

/** Colours are for terminals, and for those who have not said no. */
export function hasColor({ isTTY }: Pick<Output, 'isTTY'>): boolean {
  return isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
}

/**
 * Gives a function that begins to show results and returns how to end it. A terminal is drawn anew several times a second;
 * any other output gets a line for each hour that is over.
 */
export function openScreen(output: Output, linesTotal: number): (results: Results, app: App) => () => void {
  return (results, app) => {
    const rate = rateMeter()
    const view = () => viewOf(results, app, linesTotal, rate)
    const isTerminal = output.isTTY === true && process.env.TERM !== 'dumb'
    return every(FRAME_EVERY_MS, isTerminal ? drawer(output, view) : lister(output, results))
  }
}

/** Draws over what it drew before. */
function drawer(output: Output, view: () => View): () => void {
  const paint = hasColor(output) ? colored : plain
  let height = 0
  process.once('exit', () => output.write(SHOW_CURSOR))
  return () => {
    const { columns = 80, rows = 24 } = output
    const lines = frame(view(), { columns, rows }, paint).slice(0, rows - 1)
    const up = height > 0 ? `\x1b[${height}A` : ''
    output.write(`${HIDE_CURSOR}${up}\r\x1b[0J${lines.join('\n')}\n`)
    height = lines.length
  }
}

/** Lists each hour once. */
function lister(output: Output, results: Results): () => void {
  let listed = 0
  return () => {
    const over = results.hourly.traffic.all()
    for (const hour of over.slice(listed)) output.write(`${hourLine(hour)}\n`)
    listed = over.length
  }
}

function viewOf(results: Results, app: App, linesTotal: number, rate: (count: number) => number): View {
  const hours = [
    ...new Map(
      [...results.hoursNow.all(), ...results.hourly.traffic.all()].map(row => [row.start, row]),
    ).values(),
  ]
  const brokenLines = results.broken.size
  // The first task of the first pipeline is the one that reads the log.
  const reader = app.health().pipelines[0]?.tasks[0]
  return {
    hours: hours.sort((a, b) => a.start - b.start),
    topPages: results.hourly.topPages.all().at(-1),
    topReferrers: results.hourly.topReferrers.all().at(-1),
    sections: sectionsOfLatestDay(results),
    rising: results.rising.all().at(-1),
    suspects: [...results.suspects.values()],
    journeys: [...results.journeys.values()],
    notFound: [...results.notFound.values()],
    brokenLines,
    linesTotal,
    linesPerSecond: rate(linesSeen({ hours, brokenLines })),
    lag: reader?.lag ?? 0,
    watermark: reader?.watermark ?? Number.NEGATIVE_INFINITY,
  }
}

/** As they were a moment ago, or at the end of the day where that is over. */
function sectionsOfLatestDay({ sectionsNow, sections }: Results): SectionViews[] {
  const latest = sectionsNow.starts().at(-1)
  if (latest === undefined) return []
  const rows = [...sectionsNow.get(latest), ...sections.get(latest)]
  return [...new Map(rows.map(row => [row.key, row])).values()]
}

/** How fast a count grows, over the last seconds. */
function rateMeter(spanMs = 3000): (count: number) => number {
  const samples: { at: number; count: number }[] = []
  return count => {
    const at = performance.now()
    samples.push({ at, count })
    while (at - samples[0]!.at > spanMs) samples.shift()
    const { at: since, count: before } = samples[0]!
    return at === since ? 0 : ((count - before) * 1000) / (at - since)
  }
}

function every(ms: number, draw: () => void): () => void {
  const timer = setInterval(draw, ms)
  return () => {
    clearInterval(timer)
    draw()
  }
}
