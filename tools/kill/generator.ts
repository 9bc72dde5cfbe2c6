import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../../packages/millrace/src/log/log.ts'
import { BatchWriter } from '../../packages/millrace/src/record/writer.ts'
import { partitionOf } from '../../packages/millrace/src/std/murmur2.ts'
import type { Random } from '../../packages/millrace/src/std/random.ts'
import { outOfOrderMs, partitions, type Reading, readings } from './pipelines.ts'

const devices = 200
const users = 300
const groups = 20
const pauseMaxMs = 2_000
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
  /** By partition, in the order of the log. */
  readonly acknowledged: Reading[][] = Array.from({ length: partitions }, () => [])
  readonly #log: Log
  readonly #random: Random
  readonly #beginMs: number
  readonly #devices: string[][] = Array.from({ length: partitions }, () => [])
  readonly #next = Array<number>(partitions).fill(0)
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
    return this.acknowledged.reduce((sum, list) => sum + list.length, 0)
  }

  /** Appends at an uneven pace until `stop`; `minimum` records at least. */
  async run(minimum: number): Promise<void> {
    while (!this.#stopping || this.count < minimum) {
      const isBurst = this.#random() < 0.01
      const size = isBurst ? this.#recordsPerSecond : 1 + Math.floor(this.#random() * 60)
      const fromMs = performance.now()
      await this.append(size)
      const restMs = (1_000 * size * 2 * this.#random()) / this.#recordsPerSecond
      await sleep(Math.max(1, Math.min(pauseMaxMs, restMs - (performance.now() - fromMs))))
    }
  }

  stop(): void {
    this.#stopping = true
  }

  /** Appends `size` readings, spread over the partitions. */
  async append(size: number): Promise<void> {
    const made: Reading[][] = Array.from({ length: partitions }, () => [])
    for (let i = 0; i < size; i++) {
      const partition = this.#below(partitions)
      made[partition]!.push(this.#reading(partition))
    }
    const filled = made.map((list, partition) => ({ list, partition })).filter(({ list }) => list.length > 0)
    const offsets = await this.#log.append(
      filled.map(({ list, partition }) => ({ topic: readings.name, partition, bytes: batchOf(list) })),
    )
    filled.forEach(({ list, partition }, i) => {
      const expected = this.acknowledged[partition]!.length
      if (offsets[i] !== expected)
        throw new Error(`Partition ${partition} acknowledged offset ${offsets[i]}, not ${expected}`)
      this.acknowledged[partition]!.push(...list)
    })
  }

  #reading(partition: number): Reading {
    const seq = this.#next[partition]!++
    // A few are so old that their window may have closed.
    const ageMs = this.#random() < 0.005 ? 30_000 * this.#random() : outOfOrderMs * this.#random()
    return {
      partition,
      seq,
      device: this.#devices[partition]![this.#below(this.#devices[partition]!.length)]!,
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
