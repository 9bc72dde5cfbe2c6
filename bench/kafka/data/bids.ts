import { createHash } from 'node:crypto'
import { letterPool, poolLetters, price } from '../../data/nexmark-draws.ts'
import { Sfc32 } from '../../data/sfc32.ts'

/** One record of the data set `bids4`: 189 bytes of JSON on average, under the bidder in decimal as key. */
export interface Bid {
  readonly auction: number
  readonly bidder: number
  readonly price: number
  readonly channel: string
  readonly url: string
  readonly dateTime: number
  readonly extra: string
}

export const partitions = 4
/** How far behind the newest record before it a record may lie, rounded up: nothing comes later. */
export const disorderMs = 2_000
export const windowMs = 10_000

const seed = 1
const keyCount = 100_000
export const bidderFirst = 1_000
const auctionCount = 6_250
const otherChannels = 12
const hotChannels = ['Google', 'Facebook', 'Baidu', 'Apple']
/** Records of so many are shuffled among each other. */
const groupSize = 1_000
const recordsPerMs = 100
const baseTime = Date.UTC(2024, 0, 1)

/** Of the first 100,000 values, each with a line feed: this generator makes what other implementations of it make. */
const expectedHash = '9024ba9ee946bed2971616c561d5e8734cf9d5ba93695120880bd2dc78f69883'
const hashedCount = 100_000

/** The first `count` bids; any of them is a function of its number alone. */
export function* bids(count: number): Generator<Bid> {
  const random = new Sfc32()
  const pool = letterPool(random, seed)
  for (let i = 0; i < count; i++) yield bid(shuffled(i), random, pool)
}

/** The last record of each partition: an hour ahead, so that every window of the others closes. */
export function sentinel(partition: number, count: number): Bid {
  // Keys that the default partitioner of Kafka puts into partitions 0 to 3.
  const bidder = [0, 4, 5, 1][partition]!
  const dateTime = baseTime + Math.floor(count / recordsPerMs) + 3_600_000
  return { auction: 0, bidder, price: 1, channel: 'sentinel', url: '', dateTime, extra: '' }
}

/** Throws unless the generator makes the bids that all its implementations must make. */
export function checkGenerator(): void {
  const hash = createHash('sha256')
  for (const each of bids(hashedCount)) hash.update(`${JSON.stringify(each)}\n`)
  const found = hash.digest('hex')
  if (found !== expectedHash)
    throw new Error(`The generator of bids is broken: the first ${hashedCount} hash to ${found}`)
}

function bid(e: number, random: Sfc32, pool: string): Bid {
  random.seed(e, 0x1000_0000 + Math.floor(e / 2 ** 32), seed)
  let dateTime = baseTime + Math.floor(e / recordsPerMs)
  if (random.below(100) === 0) dateTime -= random.below(1_500)
  const bidder = bidderFirst + ((random.below(keyCount) * 7_919) % keyCount)
  const auction = 1_000 + random.below(auctionCount)
  const amount = price(random)
  const isHot = random.below(2) > 0
  const channel = isHot
    ? hotChannels[random.below(hotChannels.length)]!
    : `channel-${random.below(otherChannels)}`
  const url = `https://www.nexmark.com/${channel.toLowerCase()}/item.htm?query=1`
  const length = random.below(60)
  const at = random.below(poolLetters - length)
  return { auction, bidder, price: amount, channel, url, dateTime, extra: pool.slice(at, at + length) }
}

function shuffled(i: number): number {
  return Math.floor(i / groupSize) * groupSize + ((i * 953) % groupSize)
}
