import { bidsOf, type Query } from '../query.ts'

const known: Readonly<Record<string, string>> = { apple: '0', google: '1', facebook: '2', baidu: '3' }

export const q21: Query = {
  name: 'q21',
  title: 'bids with the number of their channel',
  results: 'each',
  build(p, events, results) {
    bidsOf(p, events)
      .map(({ auction, bidder, price, channel, url }) => ({
        auction,
        bidder,
        price,
        channel,
        channel_id: known[channel.toLowerCase()] ?? /(?:&|^)channel_id=([^&]*)/.exec(url)?.[1] ?? null,
      }))
      .filter(({ channel_id }) => channel_id !== null)
      .to(results)
  },
  sql: `
    SELECT auction, bidder, price, channel,
           CASE lower(channel) WHEN 'apple' THEN '0' WHEN 'google' THEN '1' WHEN 'facebook' THEN '2' WHEN 'baidu' THEN '3'
                ELSE substr(url, instr(url, '&channel_id=') + 12) END AS channel_id
      FROM bid
     WHERE lower(channel) IN ('apple', 'google', 'facebook', 'baidu') OR instr(url, '&channel_id=') > 0`,
}
