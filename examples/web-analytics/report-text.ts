import { botsText, risingText } from './insights-text.ts'
import type { Report } from './report.ts'
import { colored, fit, number, percent, plain, size } from './screen/text.ts'
import { sectionsText } from './sections-text.ts'
import type { Ranked } from './topics.ts'
import { visitsText } from './visits-text.ts'

const WIDTH = 79
const TOP_COUNT = 5
const BROKEN_COUNT = 5

/** The report per day, 79 columns wide. */
export function reportText(report: Report, hasColor: boolean): string {
  const paint = hasColor ? colored : plain
  const heading = (text: string) => paint('bold', text)
  return [
    '',
    heading('Report per day (UTC)'),
    '',
    paint(
      'dim',
      row(['requests', 'visitors', 'bytes', 'p95 size', 'people', 'bots', '2xx', '3xx', '4xx', '5xx'], 'day'),
    ),
    ...report.days.map(day =>
      row(
        [
          number(day.requests),
          number(day.visitors),
          size(day.bytes),
          size(day.p95Bytes),
          percent(day.peopleRequests, day.requests),
          percent(day.botRequests, day.requests),
          number(day['2xx']),
          number(day['3xx']),
          number(day['4xx']),
          number(day['5xx']),
        ],
        day.day,
      ),
    ),
    ...report.days.flatMap(day => [
      '',
      heading(day.day),
      ...sideBySide(list('top pages', day.topPages, 46), list('top referrers', day.topReferrers, 31), 46),
    ]),
    ...sectionsText(report, paint),
    ...risingText(report, paint),
    ...visitsText(report, paint),
    ...botsText(report, paint),
    '',
    `${number(report.notFound.length)} requests for what is not there (404).`,
    ...brokenLines(report),
    '',
  ].join('\n')
}

const COLUMN_WIDTHS = [9, 9, 8, 9, 7, 6, 6, 5, 5, 5]

function row(cells: readonly string[], day: string): string {
  return fit(day, 10) + cells.map((cell, i) => cell.padStart(COLUMN_WIDTHS[i]!)).join('')
}

function list(title: string, top: readonly Ranked[], width: number): string[] {
  const line = (name: string, views: string, visitors: string) =>
    `${fit(name, width - 15)}${views.padStart(6)}${visitors.padStart(9)}`
  const shown = top.slice(0, TOP_COUNT)
  return [
    line(title, 'views', 'visitors'),
    ...shown.map(each => line(each.name, number(each.views), number(each.visitors))),
  ]
}

function sideBySide(left: readonly string[], right: readonly string[], leftWidth: number): string[] {
  const height = Math.max(left.length, right.length)
  return Array.from({ length: height }, (_, i) =>
    `${(left[i] ?? '').padEnd(leftWidth)}  ${right[i] ?? ''}`.trimEnd(),
  )
}

function brokenLines({ brokenLines }: Report): string[] {
  if (brokenLines.length === 0) return ['No broken lines.']
  const shown = brokenLines
    .slice(0, BROKEN_COUNT)
    .flatMap(({ line, reason }) => [`  ${fit(reason, WIDTH - 2)}`, `    ${fit(line, WIDTH - 4)}`])
  const rest = brokenLines.length - BROKEN_COUNT
  return [
    `${number(brokenLines.length)} broken ${brokenLines.length === 1 ? 'line' : 'lines'}, in none of these figures:`,
    ...shown.map(line => line.trimEnd()),
    ...(rest > 0 ? [`  and ${number(rest)} more in the topic "broken-lines"`] : []),
  ]
}
