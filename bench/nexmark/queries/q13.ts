import { bidsOf, type Query } from '../query.ts'

export const q13: Query = {
  name: 'q13',
  title: 'bids with a value from a table beside the stream',
  results: 'each',
  build(p, events, results, side) {
    const values = p.table(side)
    bidsOf(p, events)
      .keyBy('slot', bid => bid.auction % 10_000)
      .join(values, ({ auction, bidder, price, dateTime }, { value }) => ({
        auction,
        bidder,
        price,
        dateTime,
        value,
      }))
      .to(results)
  },
  sql: `
    SELECT auction, bidder, price, time_text(dateTime) AS dateTime, CAST(auction % 10000 AS TEXT) AS value FROM bid`,
}
