import { bidsOf, type Query } from '../query.ts'

export const q22: Query = {
  name: 'q22',
  title: 'bids with the folders of their URL',
  results: 'each',
  build(p, events, results) {
    bidsOf(p, events)
      .map(({ auction, bidder, price, channel, url }) => {
        const [, , , dir1, dir2, dir3] = url.split('/')
        return { auction, bidder, price, channel, dir1, dir2, dir3 }
      })
      .to(results)
  },
  sql: `
    SELECT auction, bidder, price, channel, split_part(url, 3) AS dir1, split_part(url, 4) AS dir2, split_part(url, 5) AS dir3
      FROM bid`,
}
