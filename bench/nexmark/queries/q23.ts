import { auctionsOf, bidsOf, personsOf, type Query, wholeTime } from '../query.ts'

export const q23: Query = {
  name: 'q23',
  title: 'bids of persons with what they are and what they sell themselves',
  results: 'each',
  build(p, events, results) {
    const persons = personsOf(p, events).keyBy('person', 'id')
    const auctions = auctionsOf(p, events).keyBy('seller')
    bidsOf(p, events)
      .keyBy('bidder')
      .join('persons', persons, wholeTime, (bid, person) => ({ bid, person }))
      .byKey()
      .join('auctions', auctions, wholeTime, ({ bid, person }, auction) => ({
        bidder: bid.bidder,
        price: bid.price,
        person_id: person.id,
        name: person.name,
        city: person.city,
        itemName: auction.itemName,
        seller: auction.seller,
        category: auction.category,
      }))
      .to(results)
  },
  sql: `
    SELECT bidder, price, person.id AS person_id, name, city, itemName, seller, category
      FROM bid JOIN person ON person.id = bidder JOIN auction ON seller = bidder`,
}
