import { pipeline, type Topic } from 'millrace'
import * as topics from './topics.ts'

const read = {
  boards: topics.boards,
  lowVisibility: topics.lowVisibility,
  snowstorms: topics.snowstorms,
  weatherDelays: topics.weatherDelays,
  flights: topics.flights,
  airlineDays: topics.airlineDays,
  overdue: topics.overdue,
  landed: topics.landed,
  waves: topics.waves,
}

type Read = typeof read
export type ResultName = keyof Read
type ValueOf<T> = T extends Topic<infer V, any, any> ? V : never

/** All rows of each result topic, in its order. */
export type Results = { readonly [P in ResultName]: ValueOf<Read[P]>[] }

/** What is called with each row as it is read. */
export type Watch = <P extends ResultName>(name: P, row: Results[P][number]) => void

/** Reads all result topics from their beginning. */
export const collect = (watch: Watch) =>
  pipeline('collect', p => {
    for (const name of Object.keys(read) as ResultName[])
      p.from(read[name] as Topic<any, any, any>).forEach(name, row => watch(name, row))
  })

/** Results that are filled by `watch`. */
export function gathered(): { results: Results; watch: Watch } {
  const results = Object.fromEntries(Object.keys(read).map(name => [name, []])) as unknown as Results
  return { results, watch: (name, row) => void (results[name] as unknown[]).push(row) }
}
