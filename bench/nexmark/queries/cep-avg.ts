import type { Query } from '../query.ts'
import { highestBids, highestSql } from './highest-bids.ts'

const averageMax = 10_000

export const cepAvg: Query = {
  name: 'cep-avg',
  title: 'from each bid on: those of its bidder and auction up to where their mean is no longer low',
  results: 'each',
  build(p, events, results) {
    highestBids(p, events)
      .pattern('cheap', () => true)
      .oneOrMore()
      .where(({ price }, { cheap }) => {
        const total = cheap.reduce((sum, each) => sum + each.price!, price!)
        return total < averageMax * (cheap.length + 1)
      })
      .next('dear', () => true)
      .match('cheap-bids', { skip: 'none' })
      .map(({ start, end, records: { cheap } }) => ({ ...cheap[0]!.key, start, end, count: cheap.length }))
      .to(results)
  },
  sql: `
    WITH ${highestSql},
         pair AS (SELECT bidder, auction, json_group_array(dateTime ORDER BY dateTime) AS times,
                         cheap_runs(json_group_array(price ORDER BY dateTime)) AS runs
                    FROM highest GROUP BY bidder, auction)
    SELECT bidder, auction, json_extract(times, '$[' || (value ->> 0) || ']') AS start,
           json_extract(times, '$[' || (value ->> 1) || ']') AS end, (value ->> 1) - (value ->> 0) AS count
      FROM pair, json_each(runs)`,
  functions: {
    /** For each price that is low itself its place, and that of the first behind it with which their mean is not. */
    cheap_runs(text) {
      const prices: number[] = JSON.parse(String(text))
      const runs = prices.flatMap((_, first) => {
        for (let end = first, total = 0; end < prices.length; end++) {
          total += prices[end]!
          if (total / (end - first + 1) >= averageMax) return end === first ? [] : [[first, end]]
        }
        return []
      })
      return JSON.stringify(runs)
    },
  },
}
