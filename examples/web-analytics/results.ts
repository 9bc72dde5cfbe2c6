import { pipeline } from 'millrace'
import type {
  Bots,
  BrokenLine,
  Journey,
  NotFound,
  PageViews,
  Period,
  Referrals,
  RisingPages,
  SectionViews,
  Suspect,
  TopList,
  Traffic,
  Visits,
} from './topics.ts'
import * as topics from './topics.ts'

/** What the pipelines have written so far. A record that comes twice changes nothing. */
export class Results {
  readonly hourly = new Tables()
  readonly daily = new Tables()
  /** Hours as they were a moment ago, also those that are not over. */
  readonly hoursNow = new PerPeriod<Traffic>()
  readonly visits = new PerPeriod<Visits>()
  readonly topEntries = new PerPeriod<TopList>()
  readonly topExits = new PerPeriod<TopList>()
  readonly sections = new PerKey<SectionViews>()
  /** Days as they were a moment ago, also the one that is not over. */
  readonly sectionsNow = new PerKey<SectionViews>()
  readonly rising = new PerPeriod<RisingPages>()
  readonly bots = new PerPeriod<Bots>()
  /** By offset. */
  readonly suspects = new Map<number, Suspect>()
  readonly journeys = new Map<number, Journey>()
  readonly notFound = new Map<number, NotFound>()
  readonly broken = new Map<number, BrokenLine>()
}

/** What is known of each hour, or of each day. */
export class Tables {
  readonly traffic = new PerPeriod<Traffic>()
  readonly topPages = new PerPeriod<TopList>()
  readonly topReferrers = new PerPeriod<TopList>()
  readonly pages = new PerKey<PageViews>()
  readonly referrers = new PerKey<Referrals>()
}

/** One row per hour or day. */
class PerPeriod<R extends Period> {
  readonly #rows = new Map<number, R>()

  set(row: R): void {
    this.#rows.set(row.start, row)
  }

  get(start: number): R | undefined {
    return this.#rows.get(start)
  }

  /** By time. */
  all(): R[] {
    return [...this.#rows.values()].sort((a, b) => a.start - b.start)
  }
}

/** One row per key and hour or day. */
class PerKey<R extends Period & { key: string }> {
  readonly #rows = new Map<number, Map<string, R>>()

  set(row: R): void {
    const ofPeriod = this.#rows.get(row.start) ?? new Map<string, R>()
    this.#rows.set(row.start, ofPeriod.set(row.key, row))
  }

  /** By time. */
  starts(): number[] {
    return [...this.#rows.keys()].sort((a, b) => a - b)
  }

  get(start: number): R[] {
    return [...(this.#rows.get(start)?.values() ?? [])]
  }
}

/** Puts all that the pipelines write, from the beginning, into `results`. */
export const collect = (results: Results) =>
  pipeline('collect', p => {
    const { hourly, daily, hoursNow, visits, topEntries, topExits, journeys, notFound, broken } = results
    p.from(topics.trafficNow).forEach('traffic-now', row => hoursNow.set(row))
    p.from(topics.trafficHourly).forEach('traffic-hourly', row => hourly.traffic.set(row))
    p.from(topics.trafficDaily).forEach('traffic-daily', row => daily.traffic.set(row))
    p.from(topics.topPagesHourly).forEach('top-pages-hourly', row => hourly.topPages.set(row))
    p.from(topics.topPagesDaily).forEach('top-pages-daily', row => daily.topPages.set(row))
    p.from(topics.topReferrersHourly).forEach('top-referrers-hourly', row => hourly.topReferrers.set(row))
    p.from(topics.topReferrersDaily).forEach('top-referrers-daily', row => daily.topReferrers.set(row))
    p.from(topics.pagesHourly).forEach('pages-hourly', row => hourly.pages.set(row))
    p.from(topics.pagesDaily).forEach('pages-daily', row => daily.pages.set(row))
    p.from(topics.referrersHourly).forEach('referrers-hourly', row => hourly.referrers.set(row))
    p.from(topics.referrersDaily).forEach('referrers-daily', row => daily.referrers.set(row))
    p.from(topics.journeysDone).forEach('journeys', (row, { offset }) => void journeys.set(offset, row))
    p.from(topics.visitsDaily).forEach('visits-daily', row => visits.set(row))
    p.from(topics.topEntriesDaily).forEach('top-entries-daily', row => topEntries.set(row))
    p.from(topics.topExitsDaily).forEach('top-exits-daily', row => topExits.set(row))
    p.from(topics.sectionsNow).forEach('sections-now', row => results.sectionsNow.set(row))
    p.from(topics.sectionsDaily).forEach('sections-daily', row => results.sections.set(row))
    p.from(topics.risingPages).forEach('rising-pages', row => results.rising.set(row))
    p.from(topics.suspects).forEach('suspects', (row, { offset }) => void results.suspects.set(offset, row))
    p.from(topics.botsDaily).forEach('bots-daily', row => results.bots.set(row))
    p.from(topics.notFoundAlerts).forEach('not-found', (row, { offset }) => void notFound.set(offset, row))
    p.from(topics.brokenLines).forEach('broken', (row, { offset }) => void broken.set(offset, row))
  })
