import { count, custom, hopping, tumbling } from 'millrace'
import { bidsOf, type Query } from '../query.ts'

interface Hot {
  readonly auction: number
  readonly num: number
  readonly start: number
}

/** The rows with the largest count so far. */
const hottest = custom<Hot, Hot[], Hot[]>({
  init: () => [],
  add: (rows, row) => {
    const largest = rows[0]?.num ?? 0
    if (row.num > largest) return [row]
    if (row.num === largest) rows.push(row)
    return rows
  },
  version: 1,
})

export const q5: Query = {
  name: 'q5',
  title: 'the auctions with the most bids of the last 10 s, every 2 s',
  results: 'each',
  build(p, events, results) {
    bidsOf(p, events)
      .keyBy('auction')
      .window(hopping('10s', { advance: '2s' }))
      .aggregate('per-auction', { num: count() })
      .emit('final')
      .map(({ key, num, start }): Hot => ({ auction: key, num, start }))
      .keyBy('window', row => row.start, { partitions: 1 })
      .window(tumbling('2s'))
      .aggregate('hottest', { rows: hottest })
      .emit('final')
      .flatMap(({ rows }) => rows)
      .to(results)
  },
  sql: `
    SELECT auction, num, start
      FROM (SELECT auction, start, count(*) AS num, max(count(*)) OVER (PARTITION BY start) AS most
              FROM (SELECT auction, dateTime / 2000 * 2000 - hop.ms AS start
                      FROM bid, (SELECT 0 AS ms UNION SELECT 2000 UNION SELECT 4000 UNION SELECT 6000 UNION SELECT 8000) AS hop)
             GROUP BY auction, start)
     WHERE num = most`,
}
