import { byRise } from './pipelines/trending.ts'
import type { BotsReport, Report } from './report.ts'
import { cells, number, type Paint } from './screen/text.ts'
import type { Rise } from './topics.ts'

const RISES_COUNT = 3

const RISING = [12, 8, 42, -7, -9]

/** The pages that rose most from one hour to the next, each once a day. */
export function risingText({ rising }: Report, paint: Paint): string[] {
  if (rising.length === 0) return []
  const perDay = Map.groupBy(rising, ({ hour }) => hour.slice(0, 10))
  return [
    '',
    paint('bold', 'Rising pages: views of people within an hour, and in the hour before'),
    '',
    paint('dim', cells(['day', 'from', 'page', 'views', 'before'], RISING)),
    ...[...perDay].flatMap(([day, hours]) =>
      steepest(hours).map(({ from, name, views, before }, i) =>
        cells([i === 0 ? day : '', from, name, number(views), number(before)], RISING),
      ),
    ),
  ]
}

function steepest(hours: Report['rising']): (Rise & { from: string })[] {
  const rises = hours.flatMap(({ hour, top }) => top.map(rise => ({ ...rise, from: hour.slice(11, 16) })))
  const first = new Map<string, Rise & { from: string }>()
  // A sort keeps the order of equal ones, so that the earliest hour of several stands for them.
  for (const rise of rises.sort(byRise)) if (!first.has(rise.name)) first.set(rise.name, rise)
  return [...first.values()].slice(0, RISES_COUNT)
}

const BOTS = [10, -12, -13, -14, -20, -10]

/** Who behaved like a program, and how many of them say that they are one. */
export function botsText({ bots }: Report, paint: Paint): string[] {
  if (bots.length === 0) return []
  const row = ({ day, addresses, askForRobots, takePagesAlone, saySo, doNotSaySo }: BotsReport) =>
    cells([day, ...[addresses, askForRobots, takePagesAlone, saySo, doNotSaySo].map(number)], BOTS)
  return [
    '',
    paint('bold', 'Bots by what they do'),
    paint('dim', 'Addresses that ask for robots.txt, or take pages alone: 5 and more, at least 5 a'),
    paint('dim', 'minute, and no style or image with them.'),
    '',
    paint(
      'dim',
      cells(['day', 'addresses', 'robots.txt', 'pages alone', 'agent says "bot"', 'does not'], BOTS),
    ),
    ...bots.map(row),
  ]
}
