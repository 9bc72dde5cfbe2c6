import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { analyseOnce } from './analyse.ts'
import { openLogFile } from './log-file.ts'
import type { Report } from './report.ts'
import { mostFrequent, type PlainLine, plainLines, type Visit, visitsIn } from './testkit/plain.ts'
import { inDirectory } from './where.ts'

const sample = join(import.meta.dirname, 'data', 'apache_access.log')

describe('the report agrees with plain counts over the lines of the log', () => {
  let directory: string
  let report: Report
  let lines: PlainLine[]
  let visits: Visit[]
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'figures-'))
    lines = plainLines(await readFile(sample, 'utf8'))
    visits = visitsIn(lines.filter(({ isBot, isPart, isRobots }) => !isBot && !isPart && !isRobots))
    report = await analyseOnce(await openLogFile(sample), inDirectory(directory))
  })
  after(() => rm(directory, { recursive: true }))

  it('in the way of each visit', () => {
    const expected = visits
      .map(visit => ({
        ip: visit[0]!.ip,
        start: new Date(visit[0]!.ms).toISOString().replace('.000', ''),
        durationMs: visit.at(-1)!.ms - visit[0]!.ms,
        pages: visit.length,
        path: visit.slice(0, 20).map(({ page }) => page),
        exit: visit.at(-1)!.page,
        steps: stepsIn(visit),
      }))
      .sort((a, b) => (a.start === b.start ? (a.ip < b.ip ? -1 : 1) : a.start < b.start ? -1 : 1))
    assert.ok(expected.length > 1000)
    assert.deepEqual(report.journeys, expected)
  })

  it('in the visits of each day, how far they went, and where they began and ended', () => {
    const days = [...Map.groupBy(visits, visit => visit.at(-1)!.day)].sort(([a], [b]) => (a < b ? -1 : 1))
    const expected = days.map(([day, all]) => ({
      day,
      visits: all.length,
      visitors: new Set(all.map(visit => visit[0]!.ip)).size,
      onePage: all.filter(visit => visit.length === 1).length,
      meanMs: all.reduce((ms, visit) => ms + visit.at(-1)!.ms - visit[0]!.ms, 0) / all.length,
      read: all.filter(visit => stepsIn(visit) >= 1).length,
      readOn: all.filter(visit => stepsIn(visit) >= 2).length,
      downloaded: all.filter(visit => stepsIn(visit) === 3).length,
      topEntries: mostFrequent(all.map(visit => ({ name: visit[0]!.page, ip: visit[0]!.ip }))),
      topExits: mostFrequent(all.map(visit => ({ name: visit.at(-1)!.page, ip: visit[0]!.ip }))),
    }))
    assert.deepEqual(report.visits, expected)
    assert.equal(expected.length, 4)
    assert.ok(expected.every(({ read, readOn, downloaded }) => read > readOn && readOn > downloaded))
  })

  it('in the views and visitors of each section and day', async () => {
    const pages = (await readFile(join(import.meta.dirname, 'data', 'pages.tsv'), 'utf8')).split('\n')
    const sectionOf = (page: string) =>
      pages.find(row => row.startsWith(`${page}\t`))?.slice(page.length + 1) ?? 'not listed'
    const days = [...Map.groupBy(visits.flat(), ({ day }) => day)].sort(([a], [b]) => (a < b ? -1 : 1))
    const expected = days.map(([day, all]) => ({
      day,
      top: mostFrequent(
        all.map(({ page, ip }) => ({ name: sectionOf(page), ip })),
        Number.POSITIVE_INFINITY,
      ),
    }))
    assert.deepEqual(report.sections, expected)
    assert.equal(expected.length, 4)
    assert.ok(
      expected.every(({ top }) => ['blog', 'not listed'].every(name => top.some(each => each.name === name))),
    )
  })

  it('in the pages that rise', () => {
    const views = visits.flat()
    const begins = new Set(
      views.flatMap(({ ms }) => [0, 1, 2, 3, 4, 5].map(i => (Math.floor(ms / 600_000) - i) * 600_000)),
    )
    const between = (from: number, to: number) =>
      Map.groupBy(
        views.filter(({ ms }) => ms >= from && ms < to),
        ({ page }) => page,
      )
    const expected = [...begins]
      .sort((a, b) => a - b)
      .map(begin => {
        const before = between(begin - 3_600_000, begin)
        const top = [...between(begin, begin + 3_600_000)]
          .map(([name, all]) => ({ name, views: all.length, before: before.get(name)?.length ?? 0 }))
          .filter(page => page.views > page.before)
          .sort(
            (a, b) =>
              b.views - b.before - a.views + a.before || b.views - a.views || (a.name < b.name ? -1 : 1),
          )
        return { hour: new Date(begin).toISOString().replace('.000', ''), top: top.slice(0, 10) }
      })
      .filter(({ top }) => top.length > 0)
    assert.ok(expected.length > 400)
    assert.deepEqual(report.rising, expected)
  })

  it('in who behaves like a bot', () => {
    const found = visitsIn(lines.filter(({ page }) => page !== '-')).flatMap(visit => {
      const pages = visit.filter(({ isPart, isRobots }) => !isPart && !isRobots).length
      const spanMs = visit.at(-1)!.ms - visit[0]!.ms
      const isFast = pages >= 5 && visit.every(({ isPart }) => !isPart) && spanMs <= pages * 12_000
      const why = visit.some(({ isRobots }) => isRobots) ? 'robots.txt' : isFast ? 'pages alone' : null
      const [start, end] = [visit[0]!, visit.at(-1)!].map(({ ms }) =>
        new Date(ms).toISOString().replace('.000', ''),
      )
      const saysSo = visit.some(({ isBot }) => isBot)
      return why === null ? [] : [{ ip: visit[0]!.ip, start: start!, end: end!, pages, why, saysSo }]
    })
    found.sort((a, b) => (a.start === b.start ? (a.ip < b.ip ? -1 : 1) : a.start < b.start ? -1 : 1))
    assert.deepEqual(report.suspects, found)

    const days = [...Map.groupBy(found, ({ end }) => end.slice(0, 10))].sort(([a], [b]) => (a < b ? -1 : 1))
    const expected = days.map(([day, all]) => {
      const addresses = (some: typeof found) => new Set(some.map(({ ip }) => ip)).size
      return {
        day,
        addresses: addresses(all),
        askForRobots: addresses(all.filter(({ why }) => why === 'robots.txt')),
        takePagesAlone: addresses(all.filter(({ why }) => why === 'pages alone')),
        saySo: addresses(all.filter(({ saysSo }) => saysSo)),
        doNotSaySo: addresses(all.filter(({ saysSo }) => !saysSo)),
      }
    })
    assert.deepEqual(report.bots, expected)
    assert.ok(expected.every(({ takePagesAlone, doNotSaySo }) => takePagesAlone > 0 && doNotSaySo > 0))
  })
})

/** The funnel by places in the path: the first page to read, the next other one, a download behind both. */
function stepsIn(visit: Visit): number {
  const path = visit.slice(0, 20).map(({ page }) => page)
  const isDownload = (page: string) =>
    (page.startsWith('/files/') && !page.endsWith('/')) ||
    ['deb', 'exe', 'gem', 'gz', 'jar', 'pdf', 'rpm', 'tgz', 'zip'].some(end =>
      page.toLowerCase().endsWith(`.${end}`),
    )
  const isReading = (page: string) =>
    ['articles', 'blog', 'presentations', 'projects'].includes(page.split('/')[1]!) && !isDownload(page)
  const first = path.findIndex(isReading)
  if (first < 0) return 0
  const second = path.findIndex((page, i) => i > first && isReading(page) && page !== path[first])
  if (second < 0) return 1
  return path.slice(second).some(isDownload) ? 3 : 2
}
