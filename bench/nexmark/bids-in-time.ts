import type { PipelineBuilder, Stream, Topic } from 'millrace'
import type { Auction, Bid, NexmarkEvent } from './events.ts'
import { auctionsOf, bidsOf } from './query.ts'

export interface BidInTime {
  readonly auction: Auction
  readonly bid: Bid
}

/** Every bid with its auction, under the number of that, that came while the auction was open. */
export function bidsInTime(p: PipelineBuilder, events: Topic<NexmarkEvent>): Stream<BidInTime, number> {
  const bids = bidsOf(p, events).keyBy('bid', 'auction')
  // No auction is open for longer.
  return auctionsOf(p, events)
    .keyBy('auction', 'id')
    .join('bids', bids, { after: '10m' }, (auction, bid): BidInTime => ({ auction, bid }))
    .filter(({ auction, bid }) => bid.dateTime <= auction.expires)
}
