import { state } from 'millrace'
import { timeOf } from '../events.ts'
import { type Part, writePart } from '../parts.ts'
import { bidsOf, type Query } from '../query.ts'

const minuteMs = 60_000
const linesMax = 10_000

export const q10: Query = {
  name: 'q10',
  title: 'bids as lines of files, in a folder per minute that is marked when it is whole',
  results: 'files',
  build(p, events, _results, _side, folder) {
    bidsOf(p, events)
      .keyBy('minute', ({ dateTime }) => `dt=${dateTime.slice(0, 10)}/hm=${dateTime.slice(11, 16)}`)
      .process(
        'parts',
        {
          state: { lines: state.list<string>(), parts: state.value<number>() },
          onTimer({ key, state: { lines, parts } }): Part[] {
            const part = { folder: key, n: parts.get() ?? 0, lines: [...lines], isLast: true }
            lines.clear()
            parts.delete()
            return [part]
          },
        },
        (
          { auction, bidder, price, dateTime, extra },
          { key, state: { lines, parts }, timers, watermark },
        ): Part[] => {
          const time = timeOf(dateTime)
          const wholeAt = time - (time % minuteMs) + 2 * minuteMs
          if (watermark >= wholeAt) throw new Error(`${key} is whole already`)
          if (lines.length === 0 && parts.get() === undefined) timers.at(wholeAt)
          lines.push(`${auction},${bidder},${price},${dateTime},${extra}`)
          if (lines.length < linesMax) return []
          const n = parts.get() ?? 0
          const part = { folder: key, n, lines: [...lines], isLast: false }
          lines.clear()
          parts.set(n + 1)
          return [part]
        },
      )
      // What a crash lets it write again is the same file under the same name.
      .forEach(async part => {
        await writePart(folder, part)
      })
  },
  sql: `
    SELECT 'dt=' || substr(time, 1, 10) || '/hm=' || substr(time, 12, 5) AS folder, auction || ',' || bidder || ',' || price || ',' || time || ',' || extra AS line
      FROM (SELECT *, time_text(dateTime) AS time FROM bid)`,
}
