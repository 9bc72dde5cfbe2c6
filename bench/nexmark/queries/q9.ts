import { custom } from 'millrace'
import { type BidInTime, bidsInTime } from '../bids-in-time.ts'
import { type Bid, timeOf } from '../events.ts'
import type { Query } from '../query.ts'

/** The best bid so far: the highest, of several the earliest, of several the least by its other members. */
const best = custom<BidInTime, BidInTime | null>({
  init: () => null,
  add: (best, valid) => (best === null || isBetter(valid.bid, best.bid) ? valid : best),
  version: 1,
})

export const q9: Query = {
  name: 'q9',
  title: 'the winning bid of each auction',
  results: 'last per key',
  build(p, events, results) {
    bidsInTime(p, events)
      .byKey()
      .aggregate('best', { best })
      .emit('updates')
      .filter(row => row !== null)
      .map(({ best }) => ({
        ...best!.auction,
        auction: best!.bid.auction,
        bidder: best!.bid.bidder,
        price: best!.bid.price,
        bid_dateTime: best!.bid.dateTime,
        bid_extra: best!.bid.extra,
      }))
      .to(results)
  },
  sql: `
    SELECT id, itemName, description, initialBid, reserve, time_text(dateTime) AS dateTime, time_text(expires) AS expires, seller, category,
           extra, auction, bidder, price, time_text(bid_dateTime) AS bid_dateTime, bid_extra
      FROM (SELECT auction.*, bid.auction, bid.bidder, bid.price, bid.dateTime AS bid_dateTime, bid.extra AS bid_extra,
                   row_number() OVER (PARTITION BY auction.id ORDER BY price DESC, bid.dateTime, bidder, bid.extra) AS place
              FROM auction JOIN bid ON bid.auction = auction.id AND bid.dateTime BETWEEN auction.dateTime AND auction.expires)
     WHERE place = 1`,
}

function isBetter(bid: Bid, than: Bid): boolean {
  if (bid.price !== than.price) return bid.price > than.price
  if (bid.dateTime !== than.dateTime) return timeOf(bid.dateTime) < timeOf(than.dateTime)
  if (bid.bidder !== than.bidder) return bid.bidder < than.bidder
  return bid.extra < than.extra
}
