import { state } from 'millrace'
import { bidsOf, type Query } from '../query.ts'
import { lagMs } from '../wall-clock.ts'

const windowMs = 10_000

export const q12: Query = {
  name: 'q12',
  title: 'bids of each bidder in each 10 s of the wall clock',
  results: 'each',
  goesByWallClock: true,
  build(p, events, results) {
    bidsOf(p, events)
      .keyBy('bidder')
      .process(
        'per-10s',
        {
          state: { count: state.value<number>() },
          onTimer({ key, timer: { time }, state: { count } }) {
            const bids = count.get()!
            count.delete()
            return [{ bidder: key, count: bids, start: time - windowMs, end: time }]
          },
        },
        (_, { state: { count }, wallTimers }) => {
          const bids = count.get()
          count.set((bids ?? 0) + 1)
          if (bids !== undefined) return
          // The end of the window that is open now.
          wallTimers.after(windowMs)
          wallTimers.at(Math.floor(wallTimers.get()! / windowMs) * windowMs)
        },
      )
      .to(results)
  },
  sql: `
    SELECT bidder, count(*) AS count, wall - wall % ${windowMs} AS start, wall - wall % ${windowMs} + ${windowMs} AS end
      FROM (SELECT bidder, dateTime - dateTime % 1000 + ${lagMs} AS wall FROM bid)
     GROUP BY bidder, start`,
}
