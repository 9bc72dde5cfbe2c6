import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../packages/millrace/src/log/log.ts'
import { BatchWriter } from '../../packages/millrace/src/record/writer.ts'
import { partitionOf } from '../../packages/millrace/src/std/murmur2.ts'
import type { Random } from '../../packages/millrace/src/std/random.ts'
import type { Input } from './expected.ts'
import { arrivals, outOfOrderMs, partitions, type Reading } from './pipelines.ts'

const devices = 200
const users = 300
const groups = 20
const devicesPerArrival = 10
const pauseMaxMs = 2_000
/** So much of what could not be written in time is made up for. */
const behindMaxMs = 10_000
/** Once there are as many as wanted, what is left of the storm goes on with fewer. */
const tricklePart = 0.25
/** Of all records, those of the topic whose partitions become more. */
const arrivalPart = 0.04
/** So many appends in a second, on average: each is a round trip to several brokers. */
const appendsPerSecond = 25
/** Event time from one record of a partition to the next, on average. */
const stepMs = 40

export interface GeneratorOptions {
  readonly log: Log
  readonly random: Random
  /** Event times begin here. */
  readonly beginMs: number
  /** On average. */
  readonly recordsPerSecond: number
}

/** Appends readings during the run, and remembers which were acknowledged. */
export class Generator {
  readonly acknowledged: { readonly [Topic in keyof Input]: Reading[][] } = {
    readings: Array.from({ length: partitions }, () => []),
    arrivals: Array.from({ length: arrivals.partitions }, () => []),
  }
  readonly #log: Log
  readonly #random: Random
  readonly #beginMs: number
  readonly #devices: string[][] = Array.from({ length: partitions }, () => [])
  readonly #next = Array<number>(partitions).fill(0)
  readonly #nextArrival = Array<number>(arrivals.partitions).fill(0)
  readonly #recordsPerSecond: number
  #stopping = false

  constructor({ log, random, beginMs, recordsPerSecond }: GeneratorOptions) {
    this.#log = log
    this.#random = random
    this.#beginMs = beginMs
    this.#recordsPerSecond = recordsPerSecond
    for (let i = 0; i < devices; i++) {
      const device = `device-${i}`
      const key = Buffer.from(device)
      this.#devices[partitionOf(key, 0, key.length, partitions)]!.push(device)
    }
  }

  get count(): number {
    return [this.acknowledged.readings, this.acknowledged.arrivals]
      .flat()
      .reduce((sum, list) => sum + list.length, 0)
  }

  /** Appends at an uneven pace until `stop`, a slower one once there are `enough`. */
  async run(enough: number): Promise<void> {
    let dueMs = performance.now()
    while (!this.#stopping) {
      const perSecond = this.#recordsPerSecond * (this.count < enough ? 1 : tricklePart)
      const isBurst = this.#random() < 0.01
      const mean = Math.max(30, perSecond / appendsPerSecond)
      const size = isBurst ? Math.ceil(perSecond) : 1 + Math.floor(this.#random() * 2 * mean)
      await this.append(size)
      dueMs = Math.max(
        dueMs + (1_000 * size * 2 * this.#random()) / perSecond,
        performance.now() - behindMaxMs,
      )
      await sleep(Math.max(1, Math.min(pauseMaxMs, dueMs - performance.now())))
    }
  }

  stop(): void {
    this.#stopping = true
  }

  /** The topic whose partitions become more has one more now. */
  addPartition(): void {
    this.acknowledged.arrivals.push([])
    this.#nextArrival.push(0)
  }

  /** Appends `size` records, spread over the partitions. */
  async append(size: number): Promise<void> {
    const made = {
      readings: this.acknowledged.readings.map((): Reading[] => []),
      arrivals: this.acknowledged.arrivals.map((): Reading[] => []),
    }
    for (let i = 0; i < size; i++) {
      const topic = this.#random() < arrivalPart ? 'arrivals' : 'readings'
      const partition = this.#below(made[topic].length)
      made[topic][partition]!.push(topic === 'readings' ? this.#reading(partition) : this.#arrival(partition))
    }
    const batches = (['readings', 'arrivals'] as const).flatMap(topic =>
      made[topic].flatMap((list, partition) => (list.length > 0 ? [{ topic, partition, list }] : [])),
    )
    const offsets = await this.#log.append(
      batches.map(({ topic, partition, list }) => ({ topic, partition, bytes: batchOf(list) })),
    )
    batches.forEach(({ topic, partition, list }, i) => {
      const acknowledged = this.acknowledged[topic][partition]!
      if (offsets[i] !== acknowledged.length)
        throw new Error(`${topic}/${partition} acknowledged offset ${offsets[i]}, not ${acknowledged.length}`)
      acknowledged.push(...list)
    })
  }

  #arrival(partition: number): Reading {
    const seq = this.#nextArrival[partition]!++
    const device = `arrival-${partition}-${this.#below(devicesPerArrival)}`
    return this.#of(partition, seq, device)
  }

  #reading(partition: number): Reading {
    const seq = this.#next[partition]!++
    const device = this.#devices[partition]![this.#below(this.#devices[partition]!.length)]!
    return this.#of(partition, seq, device)
  }

  #of(partition: number, seq: number, device: string): Reading {
    // A few are so old that their window may have closed.
    const ageMs = this.#random() < 0.005 ? 30_000 * this.#random() : outOfOrderMs * this.#random()
    return {
      partition,
      seq,
      device,
      user: `user-${this.#below(users)}`,
      group: `group-${this.#below(groups)}`,
      amount: this.#below(1000),
      level: seq + this.#below(50),
      at: this.#beginMs + seq * stepMs - Math.floor(ageMs),
    }
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit)
  }
}

function batchOf(list: readonly Reading[]): Uint8Array {
  const writer = new BatchWriter()
  for (const reading of list) {
    const key = Buffer.from(reading.device)
    const value = Buffer.from(JSON.stringify(reading))
    writer.append(reading.at, key, 0, key.length, value, 0, value.length)
  }
  return writer.finish()
}
