import { count, max, min, sum } from 'millrace'
import type { Bid } from '../events.ts'
import { bidsOf, type Query } from '../query.ts'
import { rankOf } from '../ranks.ts'

export const q17: Query = {
  name: 'q17',
  title: 'bids of each auction and day: ranks of prices, the lowest, highest and mean price',
  results: 'last per key',
  build(p, events, results) {
    bidsOf(p, events)
      .keyBy('auction-and-day', ({ auction, dateTime }) => ({ auction, day: dateTime.slice(0, 10) }))
      .aggregate('per-auction', {
        total_bids: count<Bid>(),
        rank1_bids: count<Bid>(bid => rankOf(bid) === 1),
        rank2_bids: count<Bid>(bid => rankOf(bid) === 2),
        rank3_bids: count<Bid>(bid => rankOf(bid) === 3),
        min_price: min<Bid>('price'),
        max_price: max<Bid>('price'),
        sum_price: sum<Bid>('price'),
      })
      .emit('updates')
      .filter(row => row !== null)
      .map((row, { key }) => ({ ...key, ...row, avg_price: Math.trunc(row.sum_price / row.total_bids) }))
      .to(results)
  },
  sql: `
    SELECT auction, substr(time_text(dateTime), 1, 10) AS day, count(*) AS total_bids,
           sum(price < 10000) AS rank1_bids, sum(price >= 10000 AND price < 1000000) AS rank2_bids, sum(price >= 1000000) AS rank3_bids,
           min(price) AS min_price, max(price) AS max_price, sum(price) / count(*) AS avg_price, sum(price) AS sum_price
      FROM bid GROUP BY auction, day`,
}
