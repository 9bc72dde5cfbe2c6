import { custom, type Duration, type Stream, tumbling } from 'millrace'
import type { Ranked } from '../topics.ts'

type Row = { key: string; start: number; views: number; visitors: number }

/** Brings the rows of each window of `size` together and keeps the ten with the most views; equal ones in the order of their names. */
export const topTen = (name: string, size: Duration) => (rows: Stream<Row, string>) =>
  rows
    .keyBy(`${name}-start`, 'start')
    // No grace: a row of a window that closed comes in time, since the watermark waits for it.
    .window(tumbling(size))
    .aggregate(name, { top: best(10) })
    .emit('final')

const best = (size: number) =>
  custom<Row, Ranked[], Ranked[]>({
    version: 1,
    init: () => [],
    add: (top, { key, views, visitors }) =>
      [...top, { name: key, views, visitors }].sort(byViews).slice(0, size),
  })

/** Most views first. */
export function byViews(a: Ranked, b: Ranked): number {
  return b.views - a.views || (a.name < b.name ? -1 : 1)
}
