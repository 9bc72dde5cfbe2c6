/** A line of the log as plain splitting at blanks and quotes gives it; nothing here knows how the pipelines read or count. */
export interface PlainLine {
  readonly ms: number
  readonly day: string
  readonly ip: string
  readonly page: string
  readonly isBot: boolean
  readonly isPart: boolean
  readonly isRobots: boolean
}

const PARTS = new Set('css js map png jpg jpeg gif svg ico webp woff woff2 ttf eot'.split(' '))
const BOT_WORDS =
  'bot crawl spider slurp feed rss fetch preview reader scout curl wget python perl ruby java/ http: https:'.split(
    ' ',
  )

/** The lines of a log that are whole, in their order. */
export function plainLines(log: string): PlainLine[] {
  return log.split('\n').flatMap(line => {
    const quoted = line.split('"')
    if (quoted.length !== 7 || quoted[6] !== '') return []
    const [ip, , , time] = quoted[0]!.split(' ') as [string, string, string, string]
    const ms = Date.parse(`${time.slice(1, 12).replaceAll('/', ' ')} ${time.slice(13)} UTC`)
    const page = quoted[1]!.split(' ')[1]!.split('?')[0]!
    const agent = quoted[5]!.toLowerCase()
    return {
      ms,
      day: new Date(ms).toISOString().slice(0, 10),
      ip,
      page,
      isBot: agent === '-' || BOT_WORDS.some(word => agent.includes(word)),
      isPart: page.includes('.') && PARTS.has(page.split('.').at(-1)!.toLowerCase()),
      isRobots: page === '/robots.txt',
    }
  })
}

export type Visit = readonly PlainLine[]

/** Lines of one address that lie at most half an hour apart, each visit in the order of time and then of names. */
export function visitsIn(lines: readonly PlainLine[]): Visit[] {
  return [...Map.groupBy(lines, line => line.ip).values()].flatMap(ofOne => {
    const sorted = ofOne.toSorted((a, b) => a.ms - b.ms || Number(a.page > b.page) - Number(a.page < b.page))
    const visits: PlainLine[][] = []
    for (const line of sorted) {
      const before = visits.at(-1)?.at(-1)
      if (before !== undefined && line.ms - before.ms <= 1_800_000) visits.at(-1)!.push(line)
      else visits.push([line])
    }
    return visits
  })
}

/** The most frequent names with how often they came and from how many addresses, equal ones by name. */
export function mostFrequent(named: readonly { name: string; ip: string }[], max = 10) {
  return [...Map.groupBy(named, each => each.name)]
    .map(([name, all]) => ({ name, views: all.length, visitors: new Set(all.map(({ ip }) => ip)).size }))
    .sort((a, b) => b.views - a.views || (a.name < b.name ? -1 : 1))
    .slice(0, max)
}
