import { custom, every, out } from 'millrace'
import type { Bid } from '../events.ts'
import { bidsOf, type Query } from '../query.ts'

const places = 10

/** The ten best bids so far, the best first. */
const top = custom<Bid, Bid[], Bid[]>({
  init: () => [],
  add(bids, bid) {
    const at = bids.findIndex(each => isBetter(bid, each))
    if (at >= 0) bids.splice(at, 0, bid)
    else bids.push(bid)
    if (bids.length > places) bids.pop()
    return bids
  },
  version: 1,
})

export const q19: Query = {
  name: 'q19',
  title: 'the ten highest bids of each auction',
  results: 'last per key',
  build(p, events, results) {
    bidsOf(p, events)
      .keyBy('auction')
      .aggregate('top', { bids: top })
      .emit(every('10s', { time: 'event' }))
      .flatMap((row, { key }) =>
        (row?.bids ?? []).map((bid, i) => out({ ...bid, rank: i + 1 }, { key: `${key}|${i + 1}` })),
      )
      .to(results)
  },
  sql: `
    SELECT auction, bidder, price, channel, url, time_text(dateTime) AS dateTime, extra, rank
      FROM (SELECT *, row_number() OVER (PARTITION BY auction ORDER BY price DESC, dateTime, bidder, extra) AS rank FROM bid)
     WHERE rank <= 10`,
}

function isBetter(bid: Bid, than: Bid): boolean {
  if (bid.price !== than.price) return bid.price > than.price
  if (bid.dateTime !== than.dateTime) return bid.dateTime < than.dateTime
  if (bid.bidder !== than.bidder) return bid.bidder < than.bidder
  return bid.extra < than.extra
}
