import { custom, tumbling } from 'millrace'
import type { Bid } from '../events.ts'
import { bidsOf, type Query } from '../query.ts'

/** The bids with the highest price so far. */
const highest = custom<Bid, Bid[], Bid[]>({
  init: () => [],
  add: (bids, bid) => {
    const price = bids[0]?.price ?? 0
    if (bid.price > price) return [bid]
    if (bid.price === price) bids.push(bid)
    return bids
  },
  version: 1,
})

/** The same over what several keys found. */
const highestOf = custom<{ readonly bids: readonly Bid[] }, Bid[], Bid[]>({
  init: () => [],
  add: (highest, { bids }) => {
    const price = highest[0]?.price ?? 0
    if (bids[0]!.price > price) return [...bids]
    if (bids[0]!.price === price) highest.push(...bids)
    return highest
  },
  version: 1,
})

export const q7: Query = {
  name: 'q7',
  title: 'the highest bids of each 10 s',
  results: 'each',
  build(p, events, results) {
    bidsOf(p, events)
      .keyBy('auction')
      .window(tumbling('10s'))
      .aggregate('per-auction', { bids: highest })
      .emit('final')
      .keyBy('window', row => row.start, { partitions: 1 })
      .window(tumbling('10s'))
      .aggregate('highest', { bids: highestOf })
      .emit('final')
      .flatMap(({ bids }) => bids)
      .map(({ auction, price, bidder, dateTime, extra }) => ({ auction, price, bidder, dateTime, extra }))
      .to(results)
  },
  sql: `
    SELECT auction, price, bidder, time_text(dateTime) AS dateTime, extra
      FROM (SELECT *, max(price) OVER (PARTITION BY dateTime / 10000) AS highest FROM bid)
     WHERE price = highest`,
}
