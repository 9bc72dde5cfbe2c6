import type { Query } from '../query.ts'
import { highestBids, highestSql } from './highest-bids.ts'

const drop = 50
const withinMs = 5_000

export const cepDrop: Query = {
  name: 'cep-drop',
  title:
    'bids that one of the same bidder and auction undercuts by more than 50 within 5 s, the first that is lower',
  results: 'each',
  build(p, events, results) {
    highestBids(p, events)
      .pattern('high', () => true)
      .next('between', () => true)
      .oneOrMore()
      .optional()
      .where(({ price }, { high }) => price! > high[0]!.price! - drop)
      .next('low', () => true)
      .where(({ price }, { high }) => price! < high[0]!.price! - drop)
      .within(withinMs)
      .match('drops', { skip: 'none' })
      .map(({ start, end, records: { high, low } }) => ({
        ...high[0]!.key,
        start,
        end,
        drop: high[0]!.price! - low[0]!.price!,
      }))
      .to(results)
  },
  sql: `
    WITH ${highestSql},
         pair AS (SELECT bidder, auction, json_group_array(dateTime ORDER BY dateTime) AS times,
                         drops(json_group_array(price ORDER BY dateTime)) AS drops
                    FROM highest GROUP BY bidder, auction)
    SELECT bidder, auction, json_extract(times, '$[' || (value ->> 0) || ']') AS start,
           json_extract(times, '$[' || (value ->> 1) || ']') AS end, value ->> 2 AS "drop"
      FROM pair, json_each(drops)
     WHERE end - start <= ${withinMs}`,
  functions: {
    /** For each price its place, that of the first lower one that is not near it, and how far it is below. */
    drops(text) {
      const prices: number[] = JSON.parse(String(text))
      const found = prices.flatMap((price, first) => {
        const end = prices.findIndex((each, i) => i > first && each <= price - drop)
        return end < 0 || prices[end] === price - drop ? [] : [[first, end, price - prices[end]!]]
      })
      return JSON.stringify(found)
    },
  },
}
