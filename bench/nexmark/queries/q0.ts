import { bidsOf, type Query } from '../query.ts'

export const q0: Query = {
  name: 'q0',
  title: 'every bid as it is',
  results: 'each',
  build(p, events, results) {
    bidsOf(p, events)
      .map(({ auction, bidder, price, dateTime, extra }) => ({ auction, bidder, price, dateTime, extra }))
      .to(results)
  },
  sql: 'SELECT auction, bidder, price, time_text(dateTime) AS dateTime, extra FROM bid',
}
