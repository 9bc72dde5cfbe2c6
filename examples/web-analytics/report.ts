import { byViews } from './pipelines/top-ten.ts'
import type { Results } from './results.ts'
import type { BrokenLine, NotFound, Ranked, Traffic } from './topics.ts'

type Figures = Omit<Traffic, 'start' | 'end' | 'key'>
type Page = Ranked & { bytes: number }

/** What `--json` prints. Days and hours are those of UTC; lists are by views, then by name. */
export type Report = {
  days: (Figures & {
    day: string
    topPages: readonly Ranked[]
    topReferrers: readonly Ranked[]
    pages: Page[]
    referrers: Ranked[]
  })[]
  hours: (Figures & {
    hour: string
    topPages: readonly Ranked[]
    topReferrers: readonly Ranked[]
    pages: Page[]
    referrers: Ranked[]
  })[]
  /** In the order of the log, as are the broken lines. */
  notFound: (Omit<NotFound, 'at'> & { at: string })[]
  brokenLines: BrokenLine[]
}

/** The report on what the pipelines have written; complete when they have seen the end of their input. */
export function reportOf(results: Results): Report {
  return {
    days: results.days.all().map(row => ({
      day: iso(row.start).slice(0, 10),
      ...figures(row),
      topPages: results.topPagesOfDay.get(row.start)?.top ?? [],
      topReferrers: results.topReferrersOfDay.get(row.start)?.top ?? [],
      pages: results.pagesOfDay.get(row.start).map(page).sort(byViews),
      referrers: results.referrersOfDay.get(row.start).map(ranked).sort(byViews),
    })),
    hours: results.hours.all().map(row => ({
      hour: iso(row.start),
      ...figures(row),
      topPages: results.topPagesOfHour.get(row.start)?.top ?? [],
      topReferrers: results.topReferrersOfHour.get(row.start)?.top ?? [],
      pages: results.pagesOfHour.get(row.start).map(page).sort(byViews),
      referrers: results.referrersOfHour.get(row.start).map(ranked).sort(byViews),
    })),
    notFound: byOffset(results.notFound).map(({ at, ...rest }) => ({ at: iso(at), ...rest })),
    brokenLines: byOffset(results.broken),
  }
}

const figures = ({ start, end, ...row }: Traffic): Figures => row
const ranked = ({ key, views, visitors }: { key: string; views: number; visitors: number }): Ranked => ({
  name: key,
  views,
  visitors,
})
const page = (row: { key: string; views: number; visitors: number; bytes: number }): Page => ({
  ...ranked(row),
  bytes: row.bytes,
})

function byOffset<R>(records: ReadonlyMap<number, R>): R[] {
  return [...records].sort(([a], [b]) => a - b).map(([, record]) => record)
}

function iso(ms: number): string {
  return new Date(ms).toISOString().replace('.000', '')
}
