import { state } from 'millrace'
import { bidsInTime } from '../bids-in-time.ts'
import { timeOf } from '../events.ts'
import type { Query } from '../query.ts'

interface Closed {
  readonly auction: number
  readonly seller: number
  readonly price: number
  readonly closedAt: number
}

const auctionsMax = 10

export const q6: Query = {
  name: 'q6',
  title: 'what the last ten auctions of each seller brought on average',
  results: 'each',
  build(p, events, results) {
    bidsInTime(p, events)
      .byKey()
      .process(
        'winner',
        {
          state: { closed: state.value<Closed>() },
          onTimer: ({ state: { closed } }): Closed[] => [closed.get()!],
        },
        ({ auction, bid }, { state: { closed }, timers }): Closed[] => {
          const before = closed.get()
          if (before !== undefined && bid.price <= before.price) return []
          const closedAt = timeOf(auction.expires) + 1
          if (before === undefined) timers.at(closedAt)
          closed.set({ auction: auction.id, seller: auction.seller, price: bid.price, closedAt })
          return []
        },
      )
      .keyBy('seller')
      .process(
        'last-ten',
        {
          // What several tasks closed comes in any order until the time is over.
          state: { waiting: state.list<Closed>(), prices: state.value<readonly number[]>() },
          onTimer: ({ key, timestamp, state: { waiting, prices } }) => {
            const all = [...waiting]
            waiting.clear()
            for (const each of all) if (each.closedAt > timestamp) waiting.push(each)
            return all
              .filter(({ closedAt }) => closedAt <= timestamp)
              .sort((a, b) => a.closedAt - b.closedAt || a.auction - b.auction)
              .map(({ price }) => {
                const last = [...(prices.get() ?? []), price].slice(-auctionsMax)
                prices.set(last)
                return { seller: key, avg: Math.trunc(last.reduce((sum, each) => sum + each) / last.length) }
              })
          },
        },
        (closed, { state: { waiting }, timers }) => {
          waiting.push(closed)
          timers.at(closed.closedAt, String(closed.closedAt))
        },
      )
      .to(results)
  },
  sql: `
    SELECT seller, sum(final) OVER last_ten / count(*) OVER last_ten AS avg
      FROM (SELECT auction.id AS id, seller, expires, max(price) AS final
              FROM auction JOIN bid ON bid.auction = auction.id AND bid.dateTime BETWEEN auction.dateTime AND auction.expires
             GROUP BY auction.id)
    WINDOW last_ten AS (PARTITION BY seller ORDER BY expires, id ROWS 9 PRECEDING)`,
}
