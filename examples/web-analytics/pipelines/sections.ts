import { count, countDistinct, every, pipeline, type SourceOptions, tumbling } from 'millrace'
import { isPage } from '../site.ts'
import { accessLog, sectionsDaily, sectionsNow, sitePages } from '../topics.ts'

/** What people look at per day by section of the site, which the table of its pages knows. */
export const sections = (input: SourceOptions) =>
  pipeline('sections', { maxFailureRate: 1 }, p => {
    const pages = p.table(sitePages)
    const perDay = p
      .from(accessLog, input)
      .filter(r => !r.bot && r.page !== null && isPage(r.page))
      .keyBy('page')
      .leftJoin(pages, ({ ip }, page) => ({ ip, section: page?.section ?? 'not listed' }), {
        name: 'section-of-page',
      })
      .keyBy('section')
      .window(tumbling('1d', { grace: '1m' }))
      .aggregate('sections-per-day', { views: count(), visitors: countDistinct('ip') })
    perDay.emit('final').to(sectionsDaily)
    perDay.emit(every('500ms')).to(sectionsNow)
  })
