import { count, json, type Pipeline, pipeline, sum, topic, tumbling } from 'millrace'
import type { User, UserFields } from '../data/users.ts'
import { type Bid, disorderMs, partitions } from './data/bids.ts'
import { usersTopic } from './data/input.ts'
import { rate, type Workload } from './data/oracle.ts'
import type { Style } from './harness/cases.ts'

export interface PipelineOptions {
  readonly workload: Workload
  readonly style: Style
  readonly input: string
  readonly output: string
}

export interface Converted {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly dateTime: number
}

interface WindowRow {
  readonly n: number
  readonly total: number
  readonly key: string | null
  readonly start: number
  readonly end: number
}

// Values that are handed on to these escape the look at the callbacks' source, so they are decoded whole.
const priceOf = (v: Bid) => v.price
const pairOf = (v: Bid) => `${v.channel}|${v.auction}`
const isEven = (v: Bid) => v.price % 2 === 0

/** The pipeline of a workload, as a user would write it; the time of a bid is the time of its record. */
export function pipelineOf({ workload, style, input, output }: PipelineOptions): Pipeline {
  const bids = topic(input, { value: json<Bid>(), partitions })
  const into = <V>() => topic(output, { value: json<V>(), partitions })
  const source = { outOfOrder: disorderMs, idle: 'never' } as const
  const isWhole = style === 'whole'
  return pipeline(workload, p => {
    const stream = p.from(bids, source)
    if (workload === 'w0') {
      const wanted = isWhole ? stream.filter(v => isEven(v)) : stream.filter(v => v.price % 2 === 0)
      wanted
        .map(v => ({ auction: v.auction, bidder: v.bidder, price: v.price * rate, dateTime: v.dateTime }))
        .to(into<Converted>())
    } else if (workload === 'w1') {
      const total = isWhole
        ? sum<Bid>(v => priceOf(v))
        : style === 'fields'
          ? sum<Bid>('price')
          : sum<Bid>(v => v.price)
      stream
        .byKey()
        .window(tumbling('10s'))
        .aggregate('per-bidder', { n: count<Bid>(), total })
        .emit('final')
        .to(into<WindowRow>())
    } else if (workload === 'w3') {
      const table = p.table(topic(usersTopic, { value: json<User>(), partitions, cleanup: 'compact' }))
      stream.byKey().leftJoin(table, withUser).to(into<Converted & UserFields>())
    } else {
      const keyed = isWhole
        ? stream.keyBy('pair', v => pairOf(v))
        : stream.keyBy('pair', v => `${v.channel}|${v.auction}`)
      keyed.aggregate('per-pair', { n: count<Bid>() }).emit('updates').to(into<{ n: number }>())
    }
  })
}

/** What W3 makes of a bid, here and in the loop by hand. */
export const withUser = (v: Bid, user: User | undefined) => ({
  auction: v.auction,
  bidder: v.bidder,
  price: v.price,
  dateTime: v.dateTime,
  name: user?.name ?? null,
  city: user?.city ?? null,
  state: user?.state ?? null,
  tier: user?.tier ?? null,
})
