import { byViews } from './pipelines/top-ten.ts'
import type { Results, Tables } from './results.ts'
import type {
  Bots,
  BrokenLine,
  Journey,
  NotFound,
  Period,
  Ranked,
  Rise,
  Suspect,
  Traffic,
  Visits,
} from './topics.ts'

/** What `--json` prints. Days and hours are those of UTC; lists are by views, then by name. */
export interface Report {
  readonly days: readonly (PeriodReport & { readonly day: string })[]
  readonly hours: readonly (PeriodReport & { readonly hour: string })[]
  /** What people did, by the day on which a visit ended. */
  readonly visits: readonly VisitsReport[]
  /** Each visit, by its beginning. */
  readonly journeys: readonly JourneyReport[]
  /** What people looked at by section of the site, per day. */
  readonly sections: readonly SectionsReport[]
  /** The steepest rises of each hour in which there was one; an hour begins every ten minutes. */
  readonly rising: readonly { readonly hour: string; readonly top: readonly Rise[] }[]
  /** Who behaved like a program, by the day on which the visit ended. */
  readonly bots: readonly BotsReport[]
  /** Each such visit, by its beginning. */
  readonly suspects: readonly SuspectReport[]
  /** By time. */
  readonly notFound: readonly (Omit<NotFound, 'at'> & { readonly at: string })[]
  readonly brokenLines: readonly BrokenLine[]
}

type Figures = Omit<Traffic, 'key' | 'start' | 'end'>

interface PeriodReport extends Figures {
  readonly topPages: readonly Ranked[]
  readonly topReferrers: readonly Ranked[]
  readonly pages: readonly (Ranked & { readonly bytes: number })[]
  readonly referrers: readonly Ranked[]
}

export interface VisitsReport extends Omit<Visits, 'key' | 'start' | 'end'> {
  readonly day: string
  readonly topEntries: readonly Ranked[]
  readonly topExits: readonly Ranked[]
}

export interface SectionsReport {
  readonly day: string
  readonly top: readonly Ranked[]
}

interface JourneyReport extends Omit<Journey, 'key' | 'start' | 'end'> {
  readonly ip: string
  readonly start: string
}

export interface BotsReport extends Omit<Bots, 'key' | 'start' | 'end'> {
  readonly day: string
}

interface SuspectReport extends Omit<Suspect, 'key' | 'start' | 'end'> {
  readonly ip: string
  readonly start: string
  readonly end: string
}

/** The report on what the pipelines have written; complete when they have seen the end of their input. */
export function reportOf(results: Results): Report {
  const { hourly, daily, journeys, sections, rising, bots, suspects, notFound, broken } = results
  return {
    days: daily.traffic.all().map(row => ({ day: iso(row.start).slice(0, 10), ...periodReport(row, daily) })),
    hours: hourly.traffic.all().map(row => ({ hour: iso(row.start), ...periodReport(row, hourly) })),
    visits: visitsReport(results),
    journeys: [...journeys.values()]
      .sort(byStart)
      .map(({ key: ip, start, end, ...rest }) => ({ ip, start: iso(start), ...rest })),
    sections: sections.starts().map(start => ({
      day: iso(start).slice(0, 10),
      top: sections.get(start).map(ranked).sort(byViews),
    })),
    rising: rising.all().map(({ start, top }) => ({ hour: iso(start), top })),
    bots: bots.all().map(({ key, start, end, ...figures }) => ({ day: iso(start).slice(0, 10), ...figures })),
    suspects: [...suspects.values()]
      .sort(byStart)
      .map(({ key: ip, start, end, ...rest }) => ({ ip, start: iso(start), end: iso(end), ...rest })),
    notFound: [...notFound.values()].map(({ at, ...rest }) => ({ at: iso(at), ...rest })).sort(byText),
    brokenLines: [...broken.values()].sort(byText),
  }
}

function periodReport({ key, start, end, ...figures }: Traffic, tables: Tables): PeriodReport {
  return {
    ...figures,
    topPages: tables.topPages.get(start)?.top ?? [],
    topReferrers: tables.topReferrers.get(start)?.top ?? [],
    pages: tables.pages
      .get(start)
      .map(({ key: name, views, visitors, bytes }) => ({ name, views, visitors, bytes }))
      .sort(byViews),
    referrers: tables.referrers.get(start).map(ranked).sort(byViews),
  }
}

function visitsReport({ visits, topEntries, topExits }: Results): VisitsReport[] {
  return visits.all().map(({ key, start, end, ...figures }) => ({
    day: iso(start).slice(0, 10),
    ...figures,
    topEntries: topEntries.get(start)?.top ?? [],
    topExits: topExits.get(start)?.top ?? [],
  }))
}

function ranked({ key: name, views, visitors }: { key: string; views: number; visitors: number }): Ranked {
  return { name, views, visitors }
}

function byStart(a: Period & { key: string }, b: Period & { key: string }): number {
  return a.start - b.start || (a.key < b.key ? -1 : 1)
}

/** An order that does not depend on which came first. */
function byText(a: object, b: object): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace('.000', '')
}
