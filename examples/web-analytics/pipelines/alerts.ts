import { pipeline, type SourceOptions } from 'millrace'
import { accessLog, notFoundAlerts } from '../topics.ts'

/** Each request for something that is not there, at once. */
export const alerts = (input: SourceOptions) =>
  pipeline('alerts', { maxFailureRate: 1 }, p => {
    p.from(accessLog, input)
      .filter(r => r.status === 404)
      .map(({ at, page, ip, referrer, bot }) => ({ at, page, ip, referrer, bot }))
      .to(notFoundAlerts)
  })
