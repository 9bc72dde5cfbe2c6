import { count, first, tumbling } from 'millrace'
import { auctionsOf, personsOf, type Query } from '../query.ts'

interface Seen {
  readonly id: number
  /** Of a person that appears; an auction knows its seller's number alone. */
  readonly name?: string
}

export const q8: Query = {
  name: 'q8',
  title: 'persons that appear and open an auction within the same 10 s',
  results: 'each',
  build(p, events, results) {
    const persons = personsOf(p, events).map(({ id, name }): Seen => ({ id, name }))
    const sellers = auctionsOf(p, events).map(({ seller }): Seen => ({ id: seller }))
    persons
      .merge(sellers)
      .keyBy('person', 'id')
      .window(tumbling('10s'))
      .aggregate('seen', {
        name: first<Seen, 'name'>('name'),
        auctions: count<Seen>(seen => seen.name === undefined),
      })
      .emit('final')
      .filter(({ name, auctions }) => name !== null && auctions > 0)
      .map(({ key, name, start }) => ({ id: key, name, start }))
      .to(results)
  },
  sql: `
    SELECT DISTINCT person.id AS id, name, person.dateTime / 10000 * 10000 AS start
      FROM person JOIN auction ON seller = person.id AND auction.dateTime / 10000 = person.dateTime / 10000`,
}
