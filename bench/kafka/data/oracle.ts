import { Digest } from '../../data/digest.ts'
import { fieldsOf } from '../../data/users.ts'
import { type Bid, bidderFirst, bids, partitions, sentinel, windowMs } from './bids.ts'

export type Workload = 'w0' | 'w1' | 'w2' | 'w3'
export const workloads: readonly Workload[] = ['w0', 'w1', 'w2', 'w3']

/** A price in another currency; of integers times a fraction, so that the same double comes out everywhere. */
export const rate = 0.908

/**
 * What the outputs of a workload must be over the first `count` bids and the sentinels, counted in plain JavaScript from the
 * generated objects: no codec, no engine.
 */
export function oracle(workload: Workload, count: number): string {
  const digest = new Digest()
  if (workload === 'w0') conversions(count, digest)
  else if (workload === 'w1') windows(count, digest)
  else if (workload === 'w2') runningCounts(count, digest)
  else joined(count, digest)
  return digest.text
}

function* allBids(count: number): Generator<Bid> {
  yield* bids(count)
  for (let partition = 0; partition < partitions; partition++) yield sentinel(partition, count)
}

function conversions(count: number, digest: Digest): void {
  for (const { auction, bidder, price, dateTime } of allBids(count))
    if (price % 2 === 0) digest.add(`${bidder}|${auction}|${bidder}|${price * rate}|${dateTime}`)
}

/** Windows that the sentinels close; their own stay open. */
function windows(count: number, digest: Digest): void {
  const rows = new Map<string, { n: number; total: number }>()
  for (const { bidder, dateTime, price } of bids(count)) {
    const id = `${bidder}|${dateTime - (dateTime % windowMs)}`
    const row = rows.get(id)
    if (row === undefined) rows.set(id, { n: 1, total: price })
    else {
      row.n++
      row.total += price
    }
  }
  for (const [id, { n, total }] of rows) digest.add(`${id}|${n}|${total}`)
}

/** Every update of every pair: its count goes up by one each time. */
function runningCounts(count: number, digest: Digest): void {
  const counts = new Map<string, number>()
  for (const { channel, auction } of allBids(count)) {
    const pair = `${channel}|${auction}`
    const n = (counts.get(pair) ?? 0) + 1
    counts.set(pair, n)
    digest.add(`${pair}|${n}`)
  }
}

/** How often each bidder has come, and for how much; the table that is restored. */
export function bidderSums(count: number): string {
  const rows = new Map<number, { n: number; total: number }>()
  for (const { bidder, price } of allBids(count)) {
    const row = rows.get(bidder) ?? { n: 0, total: 0 }
    row.n++
    row.total += price
    rows.set(bidder, row)
  }
  const digest = new Digest()
  for (const [bidder, { n, total }] of rows) digest.add(`${bidder}|${n}|${total}`)
  return digest.text
}

/** Every bid with what its bidder's row says. */
function joined(count: number, digest: Digest): void {
  for (const { auction, bidder, price, dateTime } of allBids(count)) {
    // Those of the sentinels are no users, and neither is the first.
    const row = { auction, bidder, price, dateTime, ...fieldsOf(bidder < bidderFirst ? 0 : bidder) }
    digest.add(`${bidder}|${JSON.stringify(row)}`)
  }
}
