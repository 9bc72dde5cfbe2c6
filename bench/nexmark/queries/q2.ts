import { bidsOf, type Query } from '../query.ts'

export const q2: Query = {
  name: 'q2',
  title: 'bids on certain auctions',
  results: 'each',
  build(p, events, results) {
    bidsOf(p, events)
      .filter(bid => bid.auction % 123 === 0)
      .map(({ auction, price }) => ({ auction, price }))
      .to(results)
  },
  sql: 'SELECT auction, price FROM bid WHERE auction % 123 = 0',
}
