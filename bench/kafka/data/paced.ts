import { Digest } from '../../data/digest.ts'
import { type Bid, bids } from './bids.ts'
import { rate } from './oracle.ts'

/** Records that come at a steady rate; the time of each is the one at which it is due. */
export interface Pace {
  readonly count: number
  readonly startMs: number
  readonly perSecond: number
}

/** So many different bids, over and over: they are made before the first one is sent. */
const differentBids = 100_000

/** The bids that are sent, but for their times. */
export function bidsInTurn(): Bid[] {
  return [...bids(differentBids)]
}

/** When a record is due, in whole ms. */
export function dueMs({ startMs, perSecond }: Pace, i: number): number {
  return Math.floor(startMs + (i * 1_000) / perSecond)
}

/** What W0 must make of paced records, in plain JavaScript. */
export function pacedOracle(pace: Pace): string {
  const digest = new Digest()
  const all = bidsInTurn()
  for (let i = 0; i < pace.count; i++) {
    const { auction, bidder, price } = all[i % all.length]!
    if (price % 2 === 0) digest.add(`${bidder}|${auction}|${bidder}|${price * rate}|${dueMs(pace, i)}`)
  }
  return digest.text
}
