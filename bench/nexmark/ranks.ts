import { count } from 'millrace'
import { distinctIds } from './distinct.ts'
import type { Bid } from './events.ts'

/** 1: below 100 dollars, 2: below 10,000, 3: the others. */
export function rankOf({ price }: Pick<Bid, 'price'>): 1 | 2 | 3 {
  return price < 10_000 ? 1 : price < 1_000_000 ? 2 : 3
}

/**
 * Bids, and different bidders and auctions, of all ranks and of each. A day has ten thousands of both: as sets of values they would not fit
 * a record of the changelog.
 */
export function rankColumns() {
  const bids = (rank: number) => count<Bid>(bid => rankOf(bid) === rank)
  const bidders = (rank: number) => distinctIds<Bid>(bid => (rankOf(bid) === rank ? bid.bidder : undefined))
  const auctions = (rank: number) => distinctIds<Bid>(bid => (rankOf(bid) === rank ? bid.auction : undefined))
  return {
    total_bids: count<Bid>(),
    rank1_bids: bids(1),
    rank2_bids: bids(2),
    rank3_bids: bids(3),
    total_bidders: distinctIds<Bid>(bid => bid.bidder),
    rank1_bidders: bidders(1),
    rank2_bidders: bidders(2),
    rank3_bidders: bidders(3),
    total_auctions: distinctIds<Bid>(bid => bid.auction),
    rank1_auctions: auctions(1),
    rank2_auctions: auctions(2),
    rank3_auctions: auctions(3),
  }
}

const ranks = ['price < 10000', 'price >= 10000 AND price < 1000000', 'price >= 1000000']

/** The same columns as SQL. */
export const rankSql = [
  'count(*) AS total_bids',
  ...ranks.map((rank, i) => `sum(${rank}) AS rank${i + 1}_bids`),
  ...['bidder', 'auction'].flatMap(field => [
    `count(DISTINCT ${field}) AS total_${field}s`,
    ...ranks.map(
      (rank, i) => `count(DISTINCT CASE WHEN ${rank} THEN ${field} END) AS rank${i + 1}_${field}s`,
    ),
  ]),
].join(', ')
