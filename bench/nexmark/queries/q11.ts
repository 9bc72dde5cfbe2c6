import { count, session } from 'millrace'
import { bidsOf, type Query } from '../query.ts'

export const q11: Query = {
  name: 'q11',
  title: 'bids of each bidder without a break of more than 10 s',
  results: 'each',
  build(p, events, results) {
    bidsOf(p, events)
      .keyBy('bidder')
      .window(session('10s'))
      .aggregate('visits', { count: count() })
      .emit('final')
      .map(({ key, count, start, end }) => ({ bidder: key, count, start, end: end + 10_000 }))
      .to(results)
  },
  sql: `
    SELECT bidder, count(*) AS count, min(dateTime) AS start, max(dateTime) + 10000 AS end
      FROM (SELECT bidder, dateTime, sum(begins) OVER (PARTITION BY bidder ORDER BY dateTime ROWS UNBOUNDED PRECEDING) AS visit
              FROM (SELECT bidder, dateTime,
                           coalesce(dateTime - lag(dateTime) OVER (PARTITION BY bidder ORDER BY dateTime) > 10000, 1) AS begins
                      FROM bid))
     GROUP BY bidder, visit`,
}
