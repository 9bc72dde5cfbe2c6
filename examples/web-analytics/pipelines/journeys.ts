import { avg, count, countDistinct, custom, pipeline, type SourceOptions, session, tumbling } from 'millrace'
import type { Request } from '../access-log.ts'
import { stepsReached } from '../funnel.ts'
import { isPage } from '../site.ts'
import {
  accessLog,
  type Journey,
  journeysDone,
  topEntriesDaily,
  topExitsDaily,
  visitsDaily,
} from '../topics.ts'
import { topTen } from './top-ten.ts'

const PATH_LENGTH_MAX = 20

/** People's visits: the way of each one through the site; per day how many, how long, how far, and where they begin and end. */
export const journeys = (input: SourceOptions) =>
  pipeline('journeys', { maxFailureRate: 1 }, p => {
    const visits = p
      .from(accessLog, input)
      .filter(r => !r.bot && r.page !== null && isPage(r.page))
      .keyBy('ip')
      .window(session('30m', { grace: '1m' }))
      .aggregate('visits', { pages: count(), seen: firstPages, exit: lastPage })
      .emit('final')
      .map(({ key, start, end, pages, seen, exit }): Journey => {
        const path = seen.map(({ page }) => page)
        return { key, start, end, durationMs: end - start, pages, path, exit, steps: stepsReached(path) }
      })
    visits.to(journeysDone)

    // No grace from here on: a visit comes in time, since the watermark waits for it.
    const day = tumbling('1d')
    visits
      .keyBy('site', () => 'all')
      .window(day)
      .aggregate('visits-per-day', {
        visits: count(),
        visitors: countDistinct('key'),
        onePage: count(v => v.pages === 1),
        meanMs: avg('durationMs'),
        read: count(v => v.steps >= 1),
        readOn: count(v => v.steps >= 2),
        downloaded: count(v => v.steps >= 3),
      })
      .emit('final')
      .to(visitsDaily)

    const ends = { views: count(), visitors: countDistinct<Journey>('key') }
    const perEntry = visits.keyBy('entry', v => v.path[0]!)
    const perExit = visits.keyBy('exit')
    perEntry
      .window(day)
      .aggregate('entries-per-day', ends)
      .emit('final')
      .apply(topTen('top-entries-per-day', '1d'))
      .to(topEntriesDaily)
    perExit
      .window(day)
      .aggregate('exits-per-day', ends)
      .emit('final')
      .apply(topTen('top-exits-per-day', '1d'))
      .to(topExitsDaily)
  })

type Seen = { at: number; page: string }

/** The pages in the order of their times, then of their names, whatever order they come in: so two parts of a visit can be joined. */
const firstPages = custom<Request, Seen[]>({
  version: 1,
  init: () => [],
  add: (seen, { at, page }) => firstOf([...seen, { at, page: page! }]),
  merge: (a, b) => firstOf([...a, ...b]),
})

const lastPage = custom<Request, Seen | null, string>({
  version: 1,
  init: () => null,
  add: (last, { at, page }) => laterOf(last, { at, page: page! }),
  merge: laterOf,
  result: last => last!.page,
})

function firstOf(seen: Seen[]): Seen[] {
  return seen.sort(byTime).slice(0, PATH_LENGTH_MAX)
}

function laterOf(a: Seen | null, b: Seen | null): Seen | null {
  if (a === null || b === null) return a ?? b
  return byTime(a, b) > 0 ? a : b
}

function byTime(a: Seen, b: Seen): number {
  return a.at - b.at || (a.page < b.page ? -1 : a.page > b.page ? 1 : 0)
}
