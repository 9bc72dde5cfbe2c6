import { count, countDistinct, every, pipeline, quantile, type SourceOptions, sum, tumbling } from 'millrace'
import type { Request } from '../access-log.ts'
import { accessLog, brokenLines, trafficDaily, trafficHourly, trafficNow } from '../topics.ts'

const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes)

/** The whole site per hour and per day: requests, visitors, bytes, people and bots, status classes. */
export const traffic = (input: SourceOptions) =>
  // A log full of broken lines is worth a report, not a stop.
  pipeline('traffic', { maxFailureRate: 1 }, p => {
    const requests = p.from(accessLog, input)
    requests.rejected
      .map((line, { headers }) => ({
        line: text(line),
        reason: text(headers.find(header => header.name === 'millrace.error')?.value),
      }))
      .to(brokenLines)

    const site = requests.keyBy('site', () => 'all')
    const perHour = site.window(tumbling('1h', { grace: '1m' })).aggregate('traffic-per-hour', columns())
    perHour.emit('final').to(trafficHourly)
    perHour.emit(every('200ms')).to(trafficNow)

    site
      .window(tumbling('1d', { grace: '1m' }))
      .aggregate('traffic-per-day', columns())
      .emit('final')
      .to(trafficDaily)
  })

const columns = () => ({
  requests: count<Request>(),
  visitors: countDistinct<Request>('ip'),
  bytes: sum<Request>('bytes'),
  p95Bytes: quantile<Request>('bytes', 0.95),
  peopleRequests: count<Request>(r => !r.bot),
  peopleVisitors: countDistinct<Request>(r => (r.bot ? undefined : r.ip)),
  botRequests: count<Request>(r => r.bot),
  botVisitors: countDistinct<Request>(r => (r.bot ? r.ip : undefined)),
  '1xx': count<Request>(r => r.status < 200),
  '2xx': count<Request>(r => r.status >= 200 && r.status < 300),
  '3xx': count<Request>(r => r.status >= 300 && r.status < 400),
  '4xx': count<Request>(r => r.status >= 400 && r.status < 500),
  '5xx': count<Request>(r => r.status >= 500),
  notFound: count<Request>(r => r.status === 404),
})
