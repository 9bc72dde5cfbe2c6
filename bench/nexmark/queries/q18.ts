import { custom } from 'millrace'
import type { Bid } from '../events.ts'
import { bidsOf, type Query } from '../query.ts'

/** The latest bid so far, of several the largest by its other members. */
const latest = custom<Bid, Bid | null, Bid | null>({
  init: () => null,
  add: (latest, bid) => (latest === null || isLater(bid, latest) ? bid : latest),
  version: 1,
})

export const q18: Query = {
  name: 'q18',
  title: 'the last bid of each bidder on each auction',
  results: 'last per key',
  build(p, events, results) {
    bidsOf(p, events)
      .keyBy('bidder-and-auction', ({ bidder, auction }) => ({ bidder, auction }))
      .aggregate('latest', { bid: latest })
      .emit('updates')
      .filter(row => row !== null)
      .map(({ bid }) => bid!)
      .to(results)
  },
  sql: `
    SELECT auction, bidder, price, channel, url, time_text(dateTime) AS dateTime, extra
      FROM (SELECT *, row_number() OVER (PARTITION BY bidder, auction
                                             ORDER BY dateTime DESC, price DESC, channel DESC, url DESC, extra DESC) AS place
              FROM bid)
     WHERE place = 1`,
}

function isLater(bid: Bid, than: Bid): boolean {
  if (bid.dateTime !== than.dateTime) return bid.dateTime > than.dateTime
  if (bid.price !== than.price) return bid.price > than.price
  if (bid.channel !== than.channel) return bid.channel > than.channel
  if (bid.url !== than.url) return bid.url > than.url
  return bid.extra > than.extra
}
