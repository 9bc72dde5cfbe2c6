import { json, keys, topic } from 'millrace'
import { accessLogLine } from './access-log.ts'

/** What a row of a window is about: `end` is exclusive, both in ms since the epoch. */
export type Period = { start: number; end: number }

/** The whole site in one hour or day. */
export type Traffic = Period & {
  key: string
  requests: number
  /** Different IP addresses. */
  visitors: number
  bytes: number
  /** 95 % of the answers are no larger; within 1 %. Null when no answer had a size. */
  p95Bytes: number | null
  peopleRequests: number
  peopleVisitors: number
  botRequests: number
  botVisitors: number
  '1xx': number
  '2xx': number
  '3xx': number
  '4xx': number
  '5xx': number
  notFound: number
}

/** One page in one hour or day; `key` is its path. */
export type PageViews = Period & { key: string; views: number; visitors: number; bytes: number }

/** One linking site in one hour or day; `key` is its host. */
export type Referrals = Period & { key: string; views: number; visitors: number }

/** A line of a top list. */
export type Ranked = { name: string; views: number; visitors: number }

/** The best of one hour or day, most views first. */
export type TopList = Period & { top: readonly Ranked[] }

/** One visit of a person: `key` is the address, `start` and `end` are the times of its first and last page. */
export type Journey = Period & {
  key: string
  durationMs: number
  pages: number
  /** The first 20 pages; the first of all is where the visit began. */
  path: readonly string[]
  exit: string
  /** Of the funnel, see `stepsReached`. */
  steps: number
}

/** The visits that ended on one day. */
export type Visits = Period & {
  key: string
  visits: number
  visitors: number
  onePage: number
  meanMs: number | null
  read: number
  readOn: number
  downloaded: number
}

/** A page of the site, from `data/pages.tsv`. */
export type SitePage = { path: string; section: string }

/** What people looked at in one section on one day; `key` is its name. */
export type SectionViews = Period & { key: string; views: number; visitors: number }

/** A page that had more views within an hour than in the one before. */
export type Rise = { name: string; views: number; before: number }

/** The steepest rises of one hour, which may begin at any ten minutes. */
export type RisingPages = Period & { top: readonly Rise[] }

/** A visit that only a program makes; `key` is its address, `start` and `end` are the times of its first and last request. */
export type Suspect = Period & {
  key: string
  pages: number
  /** It asked for robots.txt, or for pages one after the other without what comes along with them; null when it is none. */
  why: 'robots.txt' | 'pages alone' | null
  /** Whether its agent is a bot's, too. */
  saysSo: boolean
}

/** The addresses that behaved like programs in visits that ended on one day. */
export type Bots = Period & {
  key: string
  addresses: number
  askForRobots: number
  takePagesAlone: number
  saySo: number
  doNotSaySo: number
}

/** Somebody asked for a page that is not there. */
export type NotFound = { at: number; page: string | null; ip: string; referrer: string | null; bot: boolean }

/** A line that is not one of an access log. */
export type BrokenLine = { line: string; reason: string }

// The report is read from these topics, and an interrupted replay may go on weeks later: nothing in them goes by age.
const retention = 'forever'
/** A top list is keyed by the start of its hour or day. */
const byStart = { keySerde: keys.number, retention } as const

/** Lines go in as text, one after the other in one partition, so that an offset is a position in the file. */
export const accessLog = topic('access-log', { value: accessLogLine, timestamp: 'at', retention })

/** The hour under way, several times a second: for watching, not for counting. */
export const trafficNow = topic('traffic-now', { value: json<Traffic>() })
export const trafficHourly = topic('traffic-hourly', { value: json<Traffic>(), retention })
export const trafficDaily = topic('traffic-daily', { value: json<Traffic>(), retention })

export const pagesHourly = topic('pages-hourly', { value: json<PageViews>(), retention })
export const pagesDaily = topic('pages-daily', { value: json<PageViews>(), retention })
export const referrersHourly = topic('referrers-hourly', { value: json<Referrals>(), retention })
export const referrersDaily = topic('referrers-daily', { value: json<Referrals>(), retention })

export const topPagesHourly = topic('top-pages-hourly', { value: json<TopList>(), ...byStart })
export const topPagesDaily = topic('top-pages-daily', { value: json<TopList>(), ...byStart })
export const topReferrersHourly = topic('top-referrers-hourly', { value: json<TopList>(), ...byStart })
export const topReferrersDaily = topic('top-referrers-daily', { value: json<TopList>(), ...byStart })

export const journeysDone = topic('journeys', { value: json<Journey>(), retention })
export const visitsDaily = topic('visits-daily', { value: json<Visits>(), retention })
export const topEntriesDaily = topic('top-entries-daily', { value: json<TopList>(), ...byStart })
export const topExitsDaily = topic('top-exits-daily', { value: json<TopList>(), ...byStart })

/** The table of pages, written once before anything is analysed. */
export const sitePages = topic('pages', { value: json<SitePage>(), key: 'path', retention })
export const sectionsNow = topic('sections-now', { value: json<SectionViews>() })
export const sectionsDaily = topic('sections-daily', { value: json<SectionViews>(), retention })

export const risingPages = topic('rising-pages', { value: json<RisingPages>(), ...byStart })

export const suspects = topic('suspects', { value: json<Suspect>(), retention })
export const botsDaily = topic('bots-daily', { value: json<Bots>(), retention })

export const notFoundAlerts = topic('not-found-alerts', { value: json<NotFound>(), retention })
export const brokenLines = topic('broken-lines', { value: json<BrokenLine>(), retention })
