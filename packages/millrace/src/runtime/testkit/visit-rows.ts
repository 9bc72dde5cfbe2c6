import type { Visit } from './visits.ts'

const windowMs = 10_000

/** One of an endless sequence of visits from a point in time on, which has to be a whole minute. */
export function visitAt(fromMs: number, i: number): Visit {
  return { visitor: `v${i % 37}`, page: `/${i % 11}`, ms: i % 100, at: fromMs + i * 25 }
}

/** The rows that a plain count of the first visits gives, sorted. */
export function expectedRows(fromMs: number, visits: number): string[] {
  const rows = new Map<string, { visits: number; ms: number; key: string; start: number; end: number }>()
  for (let i = 0; i < visits; i++) {
    const { visitor, page, ms, at } = visitAt(fromMs, i)
    for (const key of [visitor, page]) {
      const begin = at - (at % windowMs)
      const id = `${key} ${begin}`
      const row = rows.get(id) ?? { visits: 0, ms: 0, key, start: begin, end: begin + windowMs }
      rows.set(id, { ...row, visits: row.visits + 1, ms: row.ms + ms })
    }
  }
  return [...rows.values()].map(rowText).sort()
}

export function rowText({ visits: count, ms, key, start: begin, end }: { [name: string]: unknown }): string {
  return [key, begin, end, count, ms].join(' ')
}
