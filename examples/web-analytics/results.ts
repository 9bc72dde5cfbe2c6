import { pipeline } from 'millrace'
import type { BrokenLine, NotFound, PageViews, Period, Referrals, TopList, Traffic } from './topics.ts'
import * as topics from './topics.ts'

/** What the pipelines have written so far. A record that comes twice changes nothing. */
export class Results {
  readonly hours = new PerPeriod<Traffic>()
  readonly days = new PerPeriod<Traffic>()
  /** Hours as they were a moment ago, also those that are not over. */
  readonly hoursNow = new PerPeriod<Traffic>()
  readonly topPagesOfHour = new PerPeriod<TopList>()
  readonly topPagesOfDay = new PerPeriod<TopList>()
  readonly topReferrersOfHour = new PerPeriod<TopList>()
  readonly topReferrersOfDay = new PerPeriod<TopList>()
  readonly pagesOfHour = new PerKey<PageViews>()
  readonly pagesOfDay = new PerKey<PageViews>()
  readonly referrersOfHour = new PerKey<Referrals>()
  readonly referrersOfDay = new PerKey<Referrals>()
  /** By offset. */
  readonly notFound = new Map<number, NotFound>()
  readonly broken = new Map<number, BrokenLine>()
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

  get(start: number): R[] {
    return [...(this.#rows.get(start)?.values() ?? [])]
  }
}

/** Puts all that the pipelines write, from the beginning, into `results`. */
export const collect = (results: Results) =>
  pipeline('collect', p => {
    p.from(topics.trafficNow).forEach('now', row => results.hoursNow.set(row))
    p.from(topics.trafficHourly).forEach('hours', row => results.hours.set(row))
    p.from(topics.trafficDaily).forEach('days', row => results.days.set(row))
    p.from(topics.topPagesHourly).forEach('top-pages-of-hour', row => results.topPagesOfHour.set(row))
    p.from(topics.topPagesDaily).forEach('top-pages-of-day', row => results.topPagesOfDay.set(row))
    p.from(topics.topReferrersHourly).forEach('top-referrers-of-hour', row =>
      results.topReferrersOfHour.set(row),
    )
    p.from(topics.topReferrersDaily).forEach('top-referrers-of-day', row =>
      results.topReferrersOfDay.set(row),
    )
    p.from(topics.pagesHourly).forEach('pages-of-hour', row => results.pagesOfHour.set(row))
    p.from(topics.pagesDaily).forEach('pages-of-day', row => results.pagesOfDay.set(row))
    p.from(topics.referrersHourly).forEach('referrers-of-hour', row => results.referrersOfHour.set(row))
    p.from(topics.referrersDaily).forEach('referrers-of-day', row => results.referrersOfDay.set(row))
    p.from(topics.notFoundAlerts).forEach(
      'alerts',
      (row, { offset }) => void results.notFound.set(offset, row),
    )
    p.from(topics.brokenLines).forEach('broken', (row, { offset }) => void results.broken.set(offset, row))
  })
