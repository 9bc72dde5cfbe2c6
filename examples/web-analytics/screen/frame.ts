import type {
  Journey,
  NotFound,
  Ranked,
  RisingPages,
  SectionViews,
  Suspect,
  TopList,
  Traffic,
} from '../topics.ts'
import { bar, chart } from './bars.ts'
import { botsSoFar, latestVisits, risingNow, sectionsToday } from './insights.ts'
import { clockTime, dateAndTime, fit, number, type Paint, percent, size } from './text.ts'

/** What there is to show. */
export interface View {
  /** By time. */
  readonly hours: readonly Traffic[]
  readonly topPages: TopList | undefined
  readonly topReferrers: TopList | undefined
  /** Of the latest day. */
  readonly sections: readonly SectionViews[]
  readonly rising: RisingPages | undefined
  readonly suspects: readonly Suspect[]
  /** The newest last. */
  readonly journeys: readonly Journey[]
  readonly notFound: readonly NotFound[]
  readonly brokenLines: number
  readonly linesTotal: number
  readonly linesPerSecond: number
  /** Lines that were sent and are not analysed yet. */
  readonly lag: number
  readonly watermark: number
}

export interface Size {
  readonly columns: number
  readonly rows: number
}

/** How many lines each part has, on a screen of 24 lines and on a taller one. */
const SMALL = { chart: 3, tops: 3, visits: 1, alerts: 2 }
const TALL = { chart: 4, tops: 5, visits: 5, alerts: 3 }
const TALL_ROWS_MIN = 36

/** The screen as lines, for a terminal of that size. */
export function frame(view: View, { columns, rows }: Size, paint: Paint): string[] {
  const heights = rows < TALL_ROWS_MIN ? SMALL : TALL
  const width = Math.max(60, Math.min(columns - 1, 120))
  const line = (left: string, right: string) => fit(left, width - right.length) + right
  const latest = view.hours.at(-1)
  return [
    paint('bold', line('millrace · web-analytics', timeOfData(view))),
    ...progress(view, width, paint),
    '',
    ...hours(view.hours, heights.chart, width, paint),
    '',
    ...(latest === undefined ? ['waiting for the first lines …'] : figures(latest, width, paint)),
    '',
    ...tops(view, heights.tops, width, paint),
    '',
    ...sectionsToday(view.sections, width, paint),
    ...risingNow(view.rising, width, paint),
    ...botsSoFar(view.suspects, width, paint),
    ...latestVisits(view.journeys, heights.visits, width, paint),
    ...alerts(view.notFound.slice(-heights.alerts), width, paint),
  ]
}

/** One line about an hour that is over, for output that is no terminal. */
export function hourLine(hour: Traffic): string {
  const { requests, visitors, bytes, peopleRequests, botRequests, notFound } = hour
  return [
    dateAndTime(hour.start),
    `${number(requests)} requests`,
    `${number(visitors)} visitors`,
    size(bytes),
    `people ${percent(peopleRequests, requests)}`,
    `bots ${percent(botRequests, requests)}`,
    `${notFound} not found`,
  ].join('  ')
}

/** How many lines of the log the hours are made of. */
export function linesSeen({ hours, brokenLines }: Pick<View, 'hours' | 'brokenLines'>): number {
  return hours.reduce((sum, hour) => sum + hour.requests, brokenLines)
}

function timeOfData({ watermark }: View): string {
  if (watermark === Number.POSITIVE_INFINITY) return 'end of the log'
  return Number.isFinite(watermark) ? `watermark ${dateAndTime(watermark)} UTC` : ''
}

function progress(view: View, width: number, paint: Paint): string[] {
  const seen = linesSeen(view)
  const figures = [
    `${number(seen)} of ${number(view.linesTotal)} lines`,
    `${number(Math.round(view.linesPerSecond))}/s`,
    `lag ${number(view.lag)}`,
    ...(view.brokenLines > 0 ? [`${number(view.brokenLines)} broken`] : []),
  ].join(' · ')
  const barWidth = width - figures.length - 1
  return [`${paint('good', bar(seen / Math.max(1, view.linesTotal), barWidth))} ${figures}`]
}

function hours(all: readonly Traffic[], height: number, width: number, paint: Paint): string[] {
  const shown = lastHours(all, width)
  const stacks = shown.map(({ row }) => ({ lower: row?.peopleRequests ?? 0, upper: row?.botRequests ?? 0 }))
  const peak = Math.max(0, ...stacks.map(({ lower, upper }) => lower + upper))
  const legend = `■ people  ■ bots  peak ${number(peak)}`
  const colors = `${paint('people', '■')} people  ${paint('bots', '■')} bots  peak ${number(peak)}`
  return [
    fit('requests per hour', width - legend.length) + colors,
    ...chart(stacks, peak, height, paint),
    paint(
      'dim',
      dayMarks(
        shown.map(({ start }) => start),
        width,
      ),
    ),
  ]
}

/** The newest hours without a gap: an hour in which nobody came is a column, too. */
function lastHours(all: readonly Traffic[], count: number): { start: number; row: Traffic | undefined }[] {
  const last = all.at(-1)
  if (last === undefined) return []
  const byStart = new Map(all.map(row => [row.start, row]))
  const hourMs = last.end - last.start
  const first = Math.max(all[0]!.start, last.start - (count - 1) * hourMs)
  const length = (last.start - first) / hourMs + 1
  return Array.from({ length }, (_, i) => first + i * hourMs).map(start => ({
    start,
    row: byStart.get(start),
  }))
}

function dayMarks(starts: readonly number[], width: number): string {
  let marks = ''
  for (const [column, start] of starts.entries()) {
    const isDayStart = clockTime(start) === '00:00' || column === 0
    const mark = `╵${dateAndTime(start).slice(0, 6)}`
    if (isDayStart && marks.length <= column) marks = marks.padEnd(column) + mark
  }
  return fit(marks, width)
}

function figures(hour: Traffic, width: number, paint: Paint): string[] {
  const { requests, bytes, visitors, p95Bytes } = hour
  const classes = (['2xx', '3xx', '4xx', '5xx'] as const).map(name =>
    share(name, hour[name], requests, width, paint),
  )
  return [
    fit(
      `${clockTime(hour.start)}–${clockTime(hour.end)}  ${number(requests)} requests  ${number(visitors)} visitors  ` +
        `${size(bytes)}  95 % of answers up to ${size(p95Bytes)}`,
      width,
    ),
    classes.join(' '),
  ]
}

const CLASS_COLORS = { '2xx': 'good', '3xx': 'neutral', '4xx': 'warning', '5xx': 'bad' } as const

function share(
  name: keyof typeof CLASS_COLORS,
  part: number,
  whole: number,
  width: number,
  paint: Paint,
): string {
  const label = percent(part, whole).padStart(5)
  const barWidth = Math.floor((width - 3) / 4) - name.length - label.length - 2
  return `${name} ${paint(CLASS_COLORS[name], bar(part / Math.max(1, whole), barWidth))} ${label}`
}

function tops({ topPages, topReferrers }: View, height: number, width: number, paint: Paint): string[] {
  const pagesWidth = Math.floor(width * 0.6)
  const referrersWidth = width - pagesWidth - 2
  const period = topPages === undefined ? '' : ` ${clockTime(topPages.start)}–${clockTime(topPages.end)}`
  const head = `${entry(`top pages${period}`, 'views', pagesWidth)}  ${entry('top referrers', 'views', referrersWidth)}`
  const rows = Array.from({ length: height }, (_, i) => {
    const page = ranked(topPages?.top[i], pagesWidth)
    return `${page}  ${ranked(topReferrers?.top[i], referrersWidth)}`
  })
  return [paint('dim', head), ...rows]
}

function ranked(row: Ranked | undefined, width: number): string {
  return row === undefined ? ' '.repeat(width) : entry(row.name, number(row.views), width)
}

function entry(name: string, figure: string, width: number): string {
  return `${fit(name, width - 8)} ${figure.padStart(7)}`
}

function alerts(notFound: readonly NotFound[], width: number, paint: Paint): string[] {
  return notFound.map(({ at, page, ip, bot }) => {
    const who = `${ip}${bot ? ' (bot)' : ''}`
    const what = `404  ${clockTime(at)}  ${page ?? '–'}`
    return paint('warning', `${fit(what, width - who.length - 1)} ${who}`)
  })
}
