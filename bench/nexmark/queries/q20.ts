import { auctionsOf, bidsOf, type Query, wholeTime } from '../query.ts'

export const q20: Query = {
  name: 'q20',
  title: 'bids with their auctions, of a category',
  results: 'each',
  build(p, events, results) {
    const auctions = auctionsOf(p, events)
      .filter(auction => auction.category === 10)
      .keyBy('auction', 'id')
    bidsOf(p, events)
      .keyBy('bid', 'auction')
      .join('auctions', auctions, wholeTime, (bid, auction) => ({
        auction: bid.auction,
        bidder: bid.bidder,
        price: bid.price,
        channel: bid.channel,
        url: bid.url,
        bid_dateTime: bid.dateTime,
        bid_extra: bid.extra,
        itemName: auction.itemName,
        description: auction.description,
        initialBid: auction.initialBid,
        reserve: auction.reserve,
        auction_dateTime: auction.dateTime,
        expires: auction.expires,
        seller: auction.seller,
        category: auction.category,
        auction_extra: auction.extra,
      }))
      .to(results)
  },
  sql: `
    SELECT bid.auction AS auction, bidder, price, channel, url, time_text(bid.dateTime) AS bid_dateTime, bid.extra AS bid_extra, itemName,
           description, initialBid, reserve, time_text(auction.dateTime) AS auction_dateTime, time_text(expires) AS expires, seller, category,
           auction.extra AS auction_extra
      FROM bid JOIN auction ON bid.auction = auction.id
     WHERE category = 10`,
}
