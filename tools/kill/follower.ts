import { setTimeout as sleep } from 'node:timers/promises'
import type { FetchedPartition, FetchPosition, Log } from '../../packages/millrace/src/log/log.ts'
import { RecordCursor } from '../../packages/millrace/src/record/cursor.ts'

const limits = { maxWaitMs: 200, maxBytes: 1 << 24, partitionMaxBytes: 1 << 20 }
const pollMs = 50

export interface ReadRecord {
  readonly key: string
  /** The text of the value. */
  readonly value: string
}

/** Reads topics as others would, while they are being written, and keeps what it has seen. */
export class Follower {
  readonly #log: Log
  readonly #records = new Map<string, ReadRecord[][]>()
  readonly #positions: FetchPosition[] = []
  readonly #cursor = new RecordCursor()
  #isOver = false
  #running: Promise<void> = Promise.resolve()

  constructor(log: Log, topics: readonly { readonly name: string; readonly partitions: number }[]) {
    this.#log = log
    for (const { name, partitions } of topics) {
      this.#records.set(
        name,
        Array.from({ length: partitions }, () => []),
      )
      for (let partition = 0; partition < partitions; partition++)
        this.#positions.push({ topic: name, partition, offset: 0 })
    }
  }

  /** By partition, in the order they were read in. */
  recordsOf(topic: string): readonly ReadRecord[][] {
    return this.#records.get(topic)!
  }

  start(): void {
    this.#running = this.#run()
    this.#running.catch(() => {})
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const parts = await this.#log.fetch(this.#positions, limits)
      for (const [index, part] of parts.entries()) {
        if (part.error?.retriable === false) throw part.error
        this.#take(index, part)
      }
    }
  }

  #take(index: number, { topic, partition, batches, release }: FetchedPartition): void {
    const cursor = this.#cursor
    const records = this.#records.get(topic)![partition]!
    for (const batch of batches) {
      cursor.open(batch)
      while (cursor.next()) {
        const { buffer, keyStart, keyEnd, valueStart, valueEnd } = cursor
        records.push({
          key: buffer.toString('utf8', keyStart, keyEnd),
          value: buffer.toString('utf8', valueStart, valueEnd),
        })
      }
      this.#positions[index] = { topic, partition, offset: cursor.lastOffset + 1 }
    }
    release?.()
  }

  /** Reads on to the end of every topic as it is now; throws naming what cannot be read to its end. */
  async finish(withinMs: number): Promise<void> {
    const untilMs = performance.now() + withinMs
    const unread = await this.#ends()
    try {
      while (unread.size > 0) {
        for (const [index, end] of unread) if (this.#positions[index]!.offset >= end) unread.delete(index)
        if (performance.now() > untilMs) throw new Error(`Not read to the end: ${this.#places(unread)}`)
        await Promise.race([sleep(pollMs), this.#running])
        if (this.#isOver) break
      }
    } finally {
      this.#isOver = true
      await this.#running
    }
  }

  async #ends(): Promise<Map<number, number>> {
    const ends = new Map<number, number>()
    for (const topic of this.#records.keys())
      for (const { partition, latest } of await this.#log.offsets(topic))
        ends.set(
          this.#positions.findIndex(each => each.topic === topic && each.partition === partition),
          latest,
        )
    return ends
  }

  #places(unread: ReadonlyMap<number, number>): string {
    return [...unread]
      .map(([index, end]) => {
        const { topic, partition, offset } = this.#positions[index]!
        return `${topic}/${partition} at ${offset} of ${end}`
      })
      .join(', ')
  }
}
