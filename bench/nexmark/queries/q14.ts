import { timeOf } from '../events.ts'
import { bidsOf, type Query } from '../query.ts'

export const q14: Query = {
  name: 'q14',
  title: 'bids of a range of prices, with the time of day and a count of letters',
  results: 'each',
  build(p, events, results) {
    bidsOf(p, events)
      .filter(({ price }) => price * 908 > 1_000_000_000 && price * 908 < 50_000_000_000)
      .map(({ auction, bidder, price, dateTime, extra }) => ({
        auction,
        bidder,
        price: (price * 908) / 1000,
        bidTimeType: timeTypeOf(dateTime),
        dateTime,
        extra,
        c_counts: extra.split('c').length - 1,
      }))
      .to(results)
  },
  sql: `
    SELECT auction, bidder, price * 908 / 1000.0 AS price,
           CASE WHEN dateTime / 3600000 % 24 BETWEEN 8 AND 18 THEN 'dayTime'
                WHEN dateTime / 3600000 % 24 <= 6 OR dateTime / 3600000 % 24 >= 20 THEN 'nightTime'
                ELSE 'otherTime' END AS bidTimeType,
           time_text(dateTime) AS dateTime, extra, length(extra) - length(replace(extra, 'c', '')) AS c_counts
      FROM bid WHERE price BETWEEN 1101322 AND 55066079`,
}

function timeTypeOf(dateTime: string): string {
  const hour = new Date(timeOf(dateTime)).getUTCHours()
  if (hour >= 8 && hour <= 18) return 'dayTime'
  return hour <= 6 || hour >= 20 ? 'nightTime' : 'otherTime'
}
