import { setTimeout as wait } from 'node:timers/promises'
import { openKafkaLog } from '../../../packages/millrace/src/log/kafka/open.ts'
import type { Log, OutgoingBatch } from '../../../packages/millrace/src/log/log.ts'
import { BatchWriter } from '../../../packages/millrace/src/record/writer.ts'
import { partitionOf } from '../../../packages/millrace/src/std/murmur2.ts'
import { partitions } from '../data/bids.ts'
import { bidsInTurn, dueMs, type Pace } from '../data/paced.ts'
import { LatencyReader } from './latency-reader.ts'

export interface Traffic {
  readonly brokers: readonly string[]
  readonly input: string
  readonly output: string
  readonly perSecond: number
  readonly seconds: number
  /** Not counted: the first seconds, in which code is compiled. */
  readonly warmUpSeconds: number
}

export interface TrafficResult extends Pace {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly results: number
}

/** Far below what a broker takes, also when this process was held up. */
const batchBytes = 128 * 1024
const headStartMs = 200
const timeDigits = 13

/** Sends paced records and reads the results at once; resolves when the result of every record is there. */
export async function runTraffic(traffic: Traffic): Promise<TrafficResult> {
  const { brokers, input, output, perSecond, seconds, warmUpSeconds } = traffic
  const log = await openKafkaLog({ brokers })
  const prepared = new PreparedBids()
  const pace: Pace = { count: perSecond * seconds, perSecond, startMs: Math.ceil(nowMs()) + headStartMs }
  const reader = new LatencyReader(log, output, pace.startMs + warmUpSeconds * 1_000)
  const expected = prepared.resultsOf(pace.count)
  const [figures] = await Promise.all([reader.read(expected, nowMs), send(log, input, prepared, pace)])
  await log.close()
  return { ...pace, ...figures }
}

function nowMs(): number {
  return performance.timeOrigin + performance.now()
}

/** One request at a time, with all that is due by then, as producers do that gather what comes while they wait. */
async function send(log: Log, topic: string, prepared: PreparedBids, pace: Pace): Promise<void> {
  const writers = Array.from({ length: partitions }, () => new BatchWriter())
  for (let sent = 0; sent < pace.count; ) {
    const batches: OutgoingBatch[] = []
    const seal = (atLeast: number) => {
      for (const [partition, writer] of writers.entries())
        if (writer.byteLength >= atLeast && writer.count > 0)
          batches.push({ topic, partition, bytes: writer.finish() })
    }
    const due = Math.floor(((nowMs() - pace.startMs) * pace.perSecond) / 1_000)
    for (const end = Math.min(pace.count, due); sent < end; sent++) {
      prepared.append(writers, sent, dueMs(pace, sent))
      if (sent % 128 === 0) seal(batchBytes)
    }
    seal(0)
    if (batches.length > 0) await log.append(batches)
    else await wait(1)
  }
}

/** The bids as bytes, so that sending one is a copy and the writing of its time. */
class PreparedBids {
  readonly #keys: Buffer[] = []
  readonly #values: Buffer[] = []
  readonly #timeAt: number[] = []
  readonly #partitions: number[] = []
  readonly #isResult: boolean[] = []

  constructor() {
    for (const bid of bidsInTurn()) {
      const key = Buffer.from(String(bid.bidder))
      const value = Buffer.from(JSON.stringify(bid))
      this.#keys.push(key)
      this.#values.push(value)
      this.#timeAt.push(value.indexOf('"dateTime":') + '"dateTime":'.length)
      this.#partitions.push(partitionOf(key, 0, key.length, partitions))
      this.#isResult.push(bid.price % 2 === 0)
    }
  }

  resultsOf(count: number): number {
    let results = 0
    for (let i = 0; i < count; i++) if (this.#isResult[i % this.#isResult.length]) results++
    return results
  }

  append(writers: readonly BatchWriter[], i: number, timeMs: number): void {
    const n = i % this.#values.length
    const key = this.#keys[n]!
    const value = this.#values[n]!
    let left = timeMs
    for (let at = this.#timeAt[n]! + timeDigits - 1; at >= this.#timeAt[n]!; at--) {
      const rest = Math.floor(left / 10)
      value[at] = 48 + left - rest * 10
      left = rest
    }
    writers[this.#partitions[n]!]!.append(timeMs, key, 0, key.length, value, 0, value.length)
  }
}
