import { Consumer, type Message, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'
import { type Bid, disorderMs, partitions, windowMs } from './data/bids.ts'
import { rate } from './data/oracle.ts'
import type { Meter } from './harness/meter.ts'

const batchSize = 1_000

export interface RawOptions {
  readonly workload: 'w0' | 'w1'
  readonly brokers: readonly string[]
  readonly group: string
  readonly input: string
  readonly output: string
  readonly meter: Meter
}

interface Outgoing {
  readonly topic: string
  readonly key: string
  readonly value: string
}

/**
 * The program one would write first, on a plain client: `JSON.parse`, a Map, `JSON.stringify`. It goes on where it was after a
 * crash, at least once; what its Map held is gone then.
 */
export async function runRaw({ workload, brokers, group, input, output, meter }: RawOptions): Promise<void> {
  const consumer = new Consumer({
    groupId: group,
    clientId: 'raw',
    bootstrapBrokers: [...brokers],
    deserializers: stringDeserializers,
  })
  const producer = new Producer({
    clientId: 'raw',
    bootstrapBrokers: [...brokers],
    serializers: stringSerializers,
    acks: -1,
  })
  const stream = await consumer.consume({
    topics: [input],
    mode: 'earliest',
    autocommit: 1_000,
    maxWaitTime: 100,
    maxBytes: 1 << 20,
  })
  let waiting: Outgoing[] = []
  const emit = (key: string, value: object) =>
    waiting.push({ topic: output, key, value: JSON.stringify(value) })
  const work = workload === 'w0' ? convert(emit) : sumWindows(emit)
  let ended = 0
  let seen = 0
  for await (const message of stream) {
    const bid: Bid = JSON.parse(message.value!)
    if (bid.channel === 'sentinel') ended++
    work(message, bid)
    meter.notePosition(message.partition, Number(message.offset) + 1)
    if (++seen % batchSize === 0) meter.look()
    if (waiting.length < batchSize && ended < partitions) continue
    const messages = waiting
    waiting = []
    // A closing window gives more at once than a request may hold.
    for (let at = 0; at < messages.length; at += batchSize)
      await producer.send({ messages: messages.slice(at, at + batchSize) })
    if (ended === partitions) break
  }
  await producer.close()
  await consumer.close(true)
}

type Work = (message: Message<string, string, string, string>, bid: Bid) => void
type Emit = (key: string, value: object) => void

function convert(emit: Emit): Work {
  return (message, { auction, bidder, price, dateTime }) => {
    if (price % 2 === 0) emit(message.key!, { auction, bidder, price: price * rate, dateTime })
  }
}

/** Windows per partition, closed by its own time. */
function sumWindows(emit: Emit): Work {
  const lanes = Array.from({ length: partitions }, () => new Windows(emit))
  return (message, bid) => lanes[message.partition]!.add(message.key!, bid)
}

class Windows {
  readonly #emit: Emit
  readonly #open = new Map<number, Map<string, { n: number; total: number }>>()
  #newest = Number.NEGATIVE_INFINITY
  #nextClose = Number.POSITIVE_INFINITY

  constructor(emit: Emit) {
    this.#emit = emit
  }

  add(key: string, { dateTime, price }: Bid): void {
    const start = dateTime - (dateTime % windowMs)
    let window = this.#open.get(start)
    if (window === undefined) {
      window = new Map()
      this.#open.set(start, window)
      this.#nextClose = Math.min(this.#nextClose, start + windowMs)
    }
    const row = window.get(key)
    if (row === undefined) window.set(key, { n: 1, total: price })
    else {
      row.n++
      row.total += price
    }
    if (dateTime <= this.#newest) return
    this.#newest = dateTime
    if (dateTime - disorderMs >= this.#nextClose) this.#close(dateTime - disorderMs)
  }

  #close(watermark: number): void {
    for (const start of [...this.#open.keys()].sort((a, b) => a - b)) {
      const end = start + windowMs
      if (end > watermark) break
      for (const [key, { n, total }] of this.#open.get(start)!) this.#emit(key, { n, total, key, start, end })
      this.#open.delete(start)
    }
    this.#nextClose = Math.min(...this.#open.keys()) + windowMs
  }
}
