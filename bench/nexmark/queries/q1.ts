import { bidsOf, type Query } from '../query.ts'

export const q1: Query = {
  name: 'q1',
  title: 'prices in another currency',
  results: 'each',
  build(p, events, results) {
    bidsOf(p, events)
      .map(({ auction, bidder, price, dateTime, extra }) => ({
        auction,
        bidder,
        price: (price * 908) / 1000,
        dateTime,
        extra,
      }))
      .to(results)
  },
  sql: 'SELECT auction, bidder, price * 908 / 1000.0 AS price, time_text(dateTime) AS dateTime, extra FROM bid',
}
