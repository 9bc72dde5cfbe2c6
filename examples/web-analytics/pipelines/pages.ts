import { count, countDistinct, pipeline, type SourceOptions, sum, tumbling } from 'millrace'
import { isPage } from '../site.ts'
import {
  accessLog,
  pagesDaily,
  pagesHourly,
  referrersDaily,
  referrersHourly,
  topPagesDaily,
  topPagesHourly,
  topReferrersDaily,
  topReferrersHourly,
} from '../topics.ts'
import { topTen } from './top-ten.ts'

const hour = tumbling('1h', { grace: '1m' })
const day = tumbling('1d', { grace: '1m' })

/** Views, visitors and bytes of every page, and who linked here; per hour and per day, with the ten best of each. */
export const pages = (input: SourceOptions) =>
  pipeline('pages', { maxFailureRate: 1 }, p => {
    const requests = p.from(accessLog, input)

    const byPage = requests.filter(r => r.page !== null).keyBy('page')
    const page = { views: count(), visitors: countDistinct('ip'), bytes: sum('bytes') }
    const pagesPerHour = byPage.window(hour).aggregate('pages-per-hour', page).emit('final')
    const pagesPerDay = byPage.window(day).aggregate('pages-per-day', page).emit('final')
    pagesPerHour.to(pagesHourly)
    pagesPerDay.to(pagesDaily)
    pagesPerHour
      .filter(row => isPage(row.key))
      .apply(topTen('top-pages-per-hour', '1h'))
      .to(topPagesHourly)
    pagesPerDay
      .filter(row => isPage(row.key))
      .apply(topTen('top-pages-per-day', '1d'))
      .to(topPagesDaily)

    const byReferrer = requests.filter(r => r.referrer !== null).keyBy('referrer')
    const referrer = { views: count(), visitors: countDistinct('ip') }
    const referrersPerHour = byReferrer.window(hour).aggregate('referrers-per-hour', referrer).emit('final')
    const referrersPerDay = byReferrer.window(day).aggregate('referrers-per-day', referrer).emit('final')
    referrersPerHour.to(referrersHourly)
    referrersPerDay.to(referrersDaily)
    referrersPerHour.apply(topTen('top-referrers-per-hour', '1h')).to(topReferrersHourly)
    referrersPerDay.apply(topTen('top-referrers-per-day', '1d')).to(topReferrersDaily)
  })
