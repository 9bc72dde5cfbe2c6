import { state, sum } from 'millrace'
import { bidsInTime } from '../bids-in-time.ts'
import type { Query } from '../query.ts'

interface Raised {
  readonly category: number
  /** By how much a bid raised what an auction brings. */
  readonly cents: number
  /** 1 with the first bid of an auction. */
  readonly auctions: number
}

export const q4: Query = {
  name: 'q4',
  title: 'what the auctions of each category bring on average',
  results: 'last per key',
  build(p, events, results) {
    bidsInTime(p, events)
      .byKey()
      .process(
        'highest',
        { state: { highest: state.value<number>() } },
        ({ auction, bid }, { state: { highest } }): Raised[] => {
          const before = highest.get()
          if (before !== undefined && bid.price <= before) return []
          highest.set(bid.price)
          const isFirst = before === undefined
          return [{ category: auction.category, cents: bid.price - (before ?? 0), auctions: isFirst ? 1 : 0 }]
        },
      )
      .keyBy('category')
      .aggregate('per-category', { cents: sum<Raised>('cents'), auctions: sum<Raised>('auctions') })
      .emit('updates')
      .filter(row => row !== null)
      .map(({ cents, auctions }, { key }) => ({ category: key, avg: Math.trunc(cents / auctions) }))
      .to(results)
  },
  sql: `
    SELECT category, sum(final) / count(*) AS avg
      FROM (SELECT category, max(price) AS final
              FROM auction JOIN bid ON bid.auction = auction.id AND bid.dateTime BETWEEN auction.dateTime AND auction.expires
             GROUP BY auction.id)
     GROUP BY category`,
}
