import { auctionsOf, personsOf, type Query, wholeTime } from '../query.ts'

const states = new Set(['OR', 'ID', 'CA'])

export const q3: Query = {
  name: 'q3',
  title: 'who sells in a category, of three states',
  results: 'each',
  build(p, events, results) {
    const sellers = personsOf(p, events)
      .filter(person => states.has(person.state))
      .keyBy('person', 'id')
    auctionsOf(p, events)
      .filter(auction => auction.category === 10)
      .keyBy('seller')
      .join('sellers', sellers, wholeTime, (auction, { name, city, state }) => ({
        name,
        city,
        state,
        id: auction.id,
      }))
      .to(results)
  },
  sql: `
    SELECT name, city, state, auction.id AS id
      FROM auction JOIN person ON seller = person.id
     WHERE category = 10 AND state IN ('OR', 'ID', 'CA')`,
}
