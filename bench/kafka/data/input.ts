import type { Log, OutgoingBatch } from '../../../packages/millrace/src/log/log.ts'
import { BatchWriter } from '../../../packages/millrace/src/record/writer.ts'
import { partitionOf } from '../../../packages/millrace/src/std/murmur2.ts'
import { createTopics } from '../../data/input.ts'
import { userBatches, userCount } from '../../data/users.ts'
import { type Bid, bidderFirst, bids, partitions, sentinel } from './bids.ts'

const batchBytes = 128 * 1024
const appendBytes = 8 << 20
const prefix = 'bids4-'
/** The table of W3: a row for nine of ten bidders. */
export const usersTopic = `${prefix}users`

export function inputTopic(count: number): string {
  return `${prefix}${count}`
}

/** Topics of input are kept from run to run; all others belong to the case that runs. */
export function isInput(topic: string): boolean {
  return topic.startsWith(prefix)
}

/** Writes the first `count` bids and the sentinels to their topic, unless they are there. */
export async function fillInput(log: Log, count: number): Promise<void> {
  const topic = inputTopic(count)
  if ((await log.describeTopics([topic])).length > 0) {
    const written = (await log.offsets(topic)).reduce((sum, { latest }) => sum + latest, 0)
    if (written === count + partitions) return
    await log.deleteTopics([topic])
  }
  await createTopics(log, [topic])
  const filling = new Filling(log, topic)
  for (const bid of bids(count)) await filling.add(bid)
  for (let partition = 0; partition < partitions; partition++) await filling.add(sentinel(partition, count))
  await filling.finish()
}

/** Writes the table of bidders, unless it is there. */
export async function fillUsers(log: Log): Promise<void> {
  if ((await log.describeTopics([usersTopic])).length > 0) await log.deleteTopics([usersTopic])
  await createTopics(log, [usersTopic])
  const first = bids(1).next().value!.dateTime
  const ids = [bidderFirst, bidderFirst + userCount] as const
  await log.append([...userBatches(usersTopic, partitions, ids, String, first - 86_400_000)])
}

class Filling {
  readonly #log: Log
  readonly #topic: string
  readonly #writers = Array.from({ length: partitions }, () => new BatchWriter({ initialBytes: batchBytes }))
  readonly #key = Buffer.alloc(64)
  readonly #value = Buffer.alloc(1024)
  #waiting: OutgoingBatch[] = []
  #waitingBytes = 0

  constructor(log: Log, topic: string) {
    this.#log = log
    this.#topic = topic
  }

  /** Gives a promise only when something is sent. */
  add(bid: Bid): Promise<void> | undefined {
    const keyEnd = this.#key.write(String(bid.bidder), 0, 'latin1')
    const valueEnd = this.#value.write(JSON.stringify(bid), 0, 'latin1')
    const partition = partitionOf(this.#key, 0, keyEnd, partitions)
    const writer = this.#writers[partition]!
    writer.append(bid.dateTime, this.#key, 0, keyEnd, this.#value, 0, valueEnd)
    if (writer.byteLength < batchBytes - 1024) return undefined
    this.#seal(partition)
    return this.#waitingBytes >= appendBytes ? this.#send() : undefined
  }

  async finish(): Promise<void> {
    this.#writers.forEach((writer, partition) => {
      if (writer.count > 0) this.#seal(partition)
    })
    await this.#send()
  }

  #seal(partition: number): void {
    const bytes = this.#writers[partition]!.finish()
    this.#waiting.push({ topic: this.#topic, partition, bytes })
    this.#waitingBytes += bytes.length
  }

  async #send(): Promise<void> {
    const batches = this.#waiting
    this.#waiting = []
    this.#waitingBytes = 0
    await this.#log.append(batches)
  }
}
