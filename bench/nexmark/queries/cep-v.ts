import type { Query } from '../query.ts'
import { highestBids, highestSql } from './highest-bids.ts'

export const cepV: Query = {
  name: 'cep-v',
  title: 'bids of each bidder on each auction that fall and then rise',
  results: 'each',
  build(p, events, results) {
    highestBids(p, events)
      .pattern('high', () => true)
      .next('down', () => true)
      .oneOrMore()
      .where(({ price }, { high, down }) => price! < (down.at(-1) ?? high[0]!).price!)
      .next('up', () => true)
      .where(({ price }, { down }) => price! > down.at(-1)!.price!)
      .match('v')
      .map(({ start, end, records: { high, down } }) => ({
        ...high[0]!.key,
        start,
        end,
        lowest: down.at(-1)!.price,
      }))
      .to(results)
  },
  sql: `
    WITH ${highestSql},
         signed AS (SELECT *, CASE sign(price - lag(price) OVER (PARTITION BY bidder, auction ORDER BY dateTime))
                                WHEN -1 THEN 'd' WHEN 1 THEN 'u' ELSE '-' END AS sign
                      FROM highest),
         pair AS (SELECT bidder, auction, json_group_array(dateTime ORDER BY dateTime) AS times,
                         json_group_array(price ORDER BY dateTime) AS prices, v_shapes(group_concat(sign, '' ORDER BY dateTime)) AS shapes
                    FROM signed GROUP BY bidder, auction)
    SELECT bidder, auction, json_extract(times, '$[' || (value ->> 0) || ']') AS start,
           json_extract(times, '$[' || (value ->> 1) || ']') AS end,
           json_extract(prices, '$[' || ((value ->> 1) - 1) || ']') AS lowest
      FROM pair, json_each(shapes)`,
  functions: {
    /** The places of the first and the last bid of each V, by how each bid compares with that before it. */
    v_shapes: signs =>
      JSON.stringify(
        [...String(signs).matchAll(/.d+u/g)].map(({ 0: shape, index }) => [index, index + shape.length - 1]),
      ),
  },
}
