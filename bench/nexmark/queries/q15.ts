import { bidsOf, type Query } from '../query.ts'
import { rankColumns, rankSql } from '../ranks.ts'

export const q15: Query = {
  name: 'q15',
  title: 'bids, bidders and auctions of each day by ranks of prices',
  results: 'last per key',
  build(p, events, results) {
    bidsOf(p, events)
      .keyBy('day', bid => bid.dateTime.slice(0, 10))
      .aggregate('per-day', rankColumns())
      .emit('updates')
      .filter(row => row !== null)
      .map((row, { key }) => ({ day: key, ...row }))
      .to(results)
  },
  sql: `SELECT substr(time_text(dateTime), 1, 10) AS day, ${rankSql} FROM bid GROUP BY day`,
}
