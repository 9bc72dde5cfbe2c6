import { count, countDistinct, pipeline, type SourceOptions, session, tumbling } from 'millrace'
import { isPage, isPart, isRobotsFile } from '../site.ts'
import { accessLog, botsDaily, type Suspect, suspects } from '../topics.ts'

const PAGES_MIN = 5
/** Somebody who reads takes longer for a page. */
const MS_PER_PAGE_MAX = 12_000

/** Visits that only a program makes, whatever its agent says; per day how many addresses, and how many of them say what they are. */
export const bots = (input: SourceOptions) =>
  pipeline('bots', { maxFailureRate: 1 }, p => {
    const found = p
      .from(accessLog, input)
      .filter(r => r.page !== null)
      .keyBy('ip')
      .window(session('30m', { grace: '1m' }))
      .aggregate('visits-of-anyone', {
        pages: count(r => isPage(r.page!)),
        parts: count(r => isPart(r.page!)),
        robots: count(r => isRobotsFile(r.page!)),
        asBot: count(r => r.bot),
      })
      .emit('final')
      .map(({ key, start, end, pages, parts, robots, asBot }): Suspect => {
        const isFast = end - start <= pages * MS_PER_PAGE_MAX
        const why =
          robots > 0 ? 'robots.txt' : pages >= PAGES_MIN && parts === 0 && isFast ? 'pages alone' : null
        return { key, start, end, pages, why, saysSo: asBot > 0 }
      })
      .filter(({ why }) => why !== null)
    found.to(suspects)

    found
      .keyBy('site', () => 'all')
      .window(tumbling('1d'))
      .aggregate('bots-per-day', {
        addresses: countDistinct('key'),
        askForRobots: countDistinct(v => (v.why === 'robots.txt' ? v.key : undefined)),
        takePagesAlone: countDistinct(v => (v.why === 'pages alone' ? v.key : undefined)),
        saySo: countDistinct(v => (v.saysSo ? v.key : undefined)),
        doNotSaySo: countDistinct(v => (v.saysSo ? undefined : v.key)),
      })
      .emit('final')
      .to(botsDaily)
  })
