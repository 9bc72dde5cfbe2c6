import { max, type PipelineBuilder, type Topic, tumbling } from 'millrace'
import type { NexmarkEvent } from '../events.ts'
import { bidsOf } from '../query.ts'

/** The bids of each bidder on each auction for patterns: of several in one ms the highest, so that nothing depends on which came first. */
export function highestBids(p: PipelineBuilder, events: Topic<NexmarkEvent>) {
  return bidsOf(p, events)
    .keyBy('bidder-and-auction', ({ bidder, auction }) => ({ bidder, auction }))
    .window(tumbling(1))
    .aggregate('bids', { price: max('price') })
    .emit('final')
    .byKey()
}

/** The same as a table of SQL. */
export const highestSql =
  'highest AS (SELECT bidder, auction, dateTime, max(price) AS price FROM bid GROUP BY bidder, auction, dateTime)'
