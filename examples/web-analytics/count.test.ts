import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { analyseOnce } from './analyse.ts'
import { openLogFile } from './log-file.ts'
import type { Report } from './report.ts'
import { inDirectory } from './where.ts'

const run = promisify(execFile)
const here = import.meta.dirname
const sample = join(here, 'data', 'apache_access.log')
const maxBuffer = 64 * 1024 * 1024

/** Figures by day and name, and all sizes of a day, as awk counts them. */
async function countWithAwk(log: string) {
  const { stdout } = await run('awk', ['-f', join(here, 'testkit', 'count.awk'), log], { maxBuffer })
  const figures = new Map<string, number>()
  const sizes = new Map<string, number[]>()
  for (const line of stdout.trimEnd().split('\n')) {
    const [day, what, figure] = line.split('\t') as [string, string, string]
    if (what === 'size') sizes.set(day, [...(sizes.get(day) ?? []), Number(figure)])
    else figures.set(`${day} ${what}`, Number(figure))
  }
  return { figures, sizes }
}

/** What the program prints. */
async function printedReportOn(log: string): Promise<Report> {
  const { stdout } = await run(process.execPath, [join(here, 'main.ts'), '--once', '--json', '--log', log], {
    maxBuffer,
  })
  return JSON.parse(stdout)
}

/** The same without a process of its own, which takes most of the time of a small log. */
async function reportInPlaceOn(log: string): Promise<Report> {
  return JSON.parse(JSON.stringify(await analyseOnce(await openLogFile(log), inDirectory(`${log}-data`))))
}

/** The report's figures under the names that awk gives them; zeros left out, as awk has none. */
function figuresOf({ days, brokenLines }: Report): Map<string, number> {
  const all = days.flatMap(({ day: iso, topPages, topReferrers, pages, referrers, p95Bytes, ...figures }) => {
    const day = awkDay(iso)
    return [
      ...Object.entries(figures).map(
        ([name, figure]) => [`${day} ${name.replace(/^bots?/, 'bot')}`, figure] as const,
      ),
      ...pages.flatMap(page => [
        [`${day} page ${page.name} views`, page.views] as const,
        [`${day} page ${page.name} visitors`, page.visitors] as const,
        [`${day} page ${page.name} bytes`, page.bytes] as const,
      ]),
      ...referrers.flatMap(referrer => [
        [`${day} referrer ${referrer.name} views`, referrer.views] as const,
        [`${day} referrer ${referrer.name} visitors`, referrer.visitors] as const,
      ]),
    ]
  })
  return new Map([...all, ['all broken', brokenLines.length] as const])
}

function awkDay(iso: string): string {
  const [, month, day, year] = /^\w+, (\d+) (\w+) (\d+)/
    .exec(new Date(iso).toUTCString())!
    .map(String) as string[]
  return `${month}/${day}/${year}`
}

function nonZero(figures: ReadonlyMap<string, number>) {
  return Object.fromEntries(
    [...figures].filter(([, figure]) => figure !== 0).sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

async function agrees(log: string, reportOn = reportInPlaceOn): Promise<Report> {
  const [awk, report] = await Promise.all([countWithAwk(log), reportOn(log)])
  assert.deepEqual(nonZero(figuresOf(report)), nonZero(awk.figures))
  for (const { day, p95Bytes, pages, topPages, requests, people, hours } of withHours(report)) {
    const sizes = (awk.sizes.get(awkDay(day)) ?? []).sort((a, b) => a - b)
    const exact = sizes[Math.floor(0.95 * (sizes.length - 1))] ?? null
    assert.ok(
      exact === null ? p95Bytes === null : Math.abs(p95Bytes! - exact) <= 0.01 * exact,
      `${day}: ${p95Bytes}, ${exact}`,
    )
    assert.equal(
      hours.reduce((sum, hour) => sum + hour.requests, 0),
      requests,
    )
    assert.equal(
      hours.reduce((sum, hour) => sum + hour.peopleRequests, 0),
      people,
    )
    const withoutAssets = pages.filter(
      ({ name }) => !/\.(css|js|map|png|jpe?g|gif|svg|ico|webp|woff2?|ttf|eot)$|^\/robots\.txt$/i.test(name),
    )
    assert.deepEqual(
      topPages,
      withoutAssets.slice(0, 10).map(({ name, views, visitors }) => ({ name, views, visitors })),
    )
  }
  assert.equal(
    report.notFound.length,
    report.days.reduce((sum, day) => sum + day.notFound, 0),
  )
  return report
}

function withHours({ days, hours }: Report) {
  return days.map(day => ({
    ...day,
    people: day.peopleRequests,
    hours: hours.filter(({ hour }) => hour.startsWith(day.day)),
  }))
}

describe('a bounded run', { concurrency: 2 }, () => {
  let directory: string
  let lines: string[]
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'count-'))
    // Every fourth line: four days as in the whole file, in a quarter of the time.
    lines = (await readFile(sample, 'utf8'))
      .trimEnd()
      .split('\n')
      .filter((line, i) => i % 4 === 0 || line.endsWith(')'))
  })
  after(() => rm(directory, { recursive: true }))

  const altered = async (name: string, change: (line: string, i: number) => readonly string[]) => {
    const path = join(directory, name)
    await writeFile(path, `${lines.flatMap(change).join('\n')}\n`)
    return path
  }

  it('agrees with awk on the log of this example, in what npm start -- --once --json prints', async () => {
    const report = await agrees(sample, printedReportOn)
    assert.equal(report.days.length, 4)
    assert.equal(report.hours.length, 84)
    assert.equal(report.brokenLines.length, 1)
  })

  it('agrees with awk when lines are deleted', async () => {
    await agrees(await altered('deleted', (line, i) => (i % 3 === 0 ? [] : [line])))
  })

  it('agrees with awk when lines are repeated', async () => {
    await agrees(await altered('repeated', (line, i) => Array.from({ length: 1 + (i % 3) }, () => line)))
  })

  it('agrees with awk when most lines are broken', async () => {
    const ways = [
      (line: string) => line.slice(0, line.length / 2),
      (line: string) => line.slice(0, -1),
      () => '',
      (line: string) => line.replace('/May/', '/Mai/'),
      (line: string) => line.replace(/" \d{3} /, '" OK '),
      (line: string) => `${line} "`,
      () => '\u0000\u2028 garbage {"a": 1} 🙂',
    ]
    const report = await agrees(await altered('broken', (line, i) => [ways[i % 9]?.(line) ?? line]))
    assert.ok(report.brokenLines.length > lines.length / 2)
  })

  it('agrees with awk when lines are in any other order', async () => {
    await agrees(await altered('reordered', (_, i) => [lines[(i * 7919) % lines.length]!]))
  })

  it('agrees with awk on a log without a single request', async () => {
    const report = await agrees(await altered('empty', (_, i) => (i < 3 ? ['nothing'] : [])))
    assert.deepEqual([report.days.length, report.brokenLines.length], [0, 3])
  })
})
