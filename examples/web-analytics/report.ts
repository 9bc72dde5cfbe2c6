import { byViews } from './pipelines/top-ten.ts'
import type { Results, Tables } from './results.ts'
import type { BrokenLine, NotFound, Ranked, Traffic } from './topics.ts'

/** What `--json` prints. Days and hours are those of UTC; lists are by views, then by name. */
export interface Report {
  readonly days: readonly (PeriodReport & { readonly day: string })[]
  readonly hours: readonly (PeriodReport & { readonly hour: string })[]
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

/** The report on what the pipelines have written; complete when they have seen the end of their input. */
export function reportOf({ hourly, daily, notFound, broken }: Results): Report {
  return {
    days: daily.traffic.all().map(row => ({ day: iso(row.start).slice(0, 10), ...periodReport(row, daily) })),
    hours: hourly.traffic.all().map(row => ({ hour: iso(row.start), ...periodReport(row, hourly) })),
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
    referrers: tables.referrers
      .get(start)
      .map(({ key: name, views, visitors }) => ({ name, views, visitors }))
      .sort(byViews),
  }
}

/** An order that does not depend on which came first. */
function byText(a: object, b: object): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace('.000', '')
}
