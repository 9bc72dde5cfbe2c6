import { max } from 'millrace'
import type { Bid } from '../events.ts'
import { bidsOf, type Query } from '../query.ts'
import { rankColumns, rankSql } from '../ranks.ts'

export const q16: Query = {
  name: 'q16',
  title: 'the same of each channel and day, with the minute of the last bid',
  results: 'last per key',
  build(p, events, results) {
    bidsOf(p, events)
      .keyBy('channel-and-day', ({ channel, dateTime }) => ({ channel, day: dateTime.slice(0, 10) }))
      .aggregate('per-channel', { minute: max<Bid>(bid => minuteOf(bid.dateTime)), ...rankColumns() })
      .emit('updates')
      .filter(row => row !== null)
      .map((row, { key }) => ({ ...key, ...row }))
      .to(results)
  },
  sql: `
    SELECT channel, substr(time_text(dateTime), 1, 10) AS day, max(dateTime / 60000 % 1440) AS minute, ${rankSql}
      FROM bid GROUP BY channel, day`,
}

/** Of the day. */
function minuteOf(dateTime: string): number {
  return 60 * Number(dateTime.slice(11, 13)) + Number(dateTime.slice(14, 16))
}
