import type { User } from '../data/users.ts'
import type { Stage, Topics } from '../loops/stage.ts'
import { w0Stages } from '../loops/w0.ts'
import { w1Stages } from '../loops/w1.ts'
import { w2Stages } from '../loops/w2.ts'
import { w3Stages } from '../loops/w3.ts'
import { type Bid, disorderMs } from './data/bids.ts'
import { usersTopic } from './data/input.ts'
import { rate, type Workload } from './data/oracle.ts'
import { type Converted, withUser } from './pipelines.ts'

/** The same work by hand, over the same codec, projection, key table and log. */
export function stagesOf(workload: Workload, style: 'callbacks' | 'fields', topics: Topics): Stage[] {
  switch (workload) {
    case 'w0':
      return w0Stages<Bid, Converted>(style, {
        ...topics,
        fields: ['auction', 'bidder', 'dateTime', 'price'],
        isWanted: v => v.price % 2 === 0,
        convert: { apply: convert, members: ['auction', 'bidder', 'price', 'dateTime'] },
      })
    case 'w1':
      return w1Stages<Bid>(style, { ...topics, field: 'price', amount: v => v.price, disorderMs })
    case 'w2':
      return w2Stages<Bid>(style, {
        ...topics,
        fields: ['auction', 'channel'],
        key: v => `${v.channel}|${v.auction}`,
      })
    case 'w3':
      return w3Stages<Bid, User>(style, {
        ...topics,
        table: usersTopic,
        fields: ['auction', 'bidder', 'dateTime', 'price'],
        rowFields: ['city', 'name', 'state', 'tier'],
        join: withUser,
      })
  }
}

function convert({ auction, bidder, price, dateTime }: Bid): Converted {
  return { auction, bidder, price: price * rate, dateTime }
}
