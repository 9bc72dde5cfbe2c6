import type { Log } from '../../../packages/millrace/src/log/log.ts'
import { batchInfo } from '../../../packages/millrace/src/record/batch.ts'
import { RecordCursor } from '../../../packages/millrace/src/record/cursor.ts'
import { Digest } from '../../data/digest.ts'
import { partitions, sentinel, windowMs } from './bids.ts'
import type { Workload } from './oracle.ts'

const options = { maxWaitMs: 0, maxBytes: 16 << 20, partitionMaxBytes: 16 << 20 }

/**
 * Reads every committed result of a topic, of whatever system wrote it, into the text that the oracle gives. Throws where rows
 * contradict each other.
 */
export async function resultsOf(log: Log, topic: string, workload: Workload, count: number): Promise<string> {
  const results = new Results(workload, count)
  const cursor = new RecordCursor()
  for (let partition = 0; partition < partitions; partition++) {
    for (let offset = 0; ; ) {
      const [part] = await log.fetch([{ topic, partition, offset }], options)
      if (part!.error !== undefined) throw part!.error
      if (part!.batches.length === 0 && offset >= part!.highWatermark && part!.highWatermark >= 0) break
      for (const batch of part!.batches) {
        cursor.open(batch)
        const { buffer } = cursor
        while (cursor.next()) {
          const key = buffer.toString('latin1', cursor.keyStart, cursor.keyEnd)
          results.add(key, buffer.toString('latin1', cursor.valueStart, cursor.valueEnd))
        }
        offset = batchInfo(batch).lastOffset + 1
      }
      part!.release?.()
    }
  }
  return results.text
}

class Results {
  readonly #digest = new Digest()
  readonly #workload: Workload
  /** Windows from here on are the sentinels' own, which need not close. */
  readonly #openFrom: number
  readonly #counts = new Map<string, number>()

  constructor(workload: Workload, count: number) {
    this.#workload = workload
    this.#openFrom = sentinel(0, count).dateTime - windowMs
  }

  add(key: string, text: string): void {
    const row = JSON.parse(text)
    if (this.#workload === 'w0')
      this.#digest.add(`${key}|${row.auction}|${row.bidder}|${row.price}|${row.dateTime}`)
    else if (this.#workload === 'w1') this.#addWindow(key, row)
    else if (this.#workload === 'w2') this.#addCount(key, row.n)
    else this.#digest.add(`${key}|${text}`)
  }

  #addWindow(key: string, row: { n: number; total: number; key: string; start: number; end: number }): void {
    if (row.key !== key || row.end !== row.start + windowMs)
      throw new Error(`A window's row does not agree with itself: ${key}: ${JSON.stringify(row)}`)
    if (row.start < this.#openFrom) this.#digest.add(`${key}|${row.start}|${row.n}|${row.total}`)
  }

  /** The counts of a pair lie in one partition, in order. */
  #addCount(pair: string, n: number): void {
    const before = this.#counts.get(pair) ?? 0
    if (n !== before + 1) throw new Error(`The count of ${pair} goes from ${before} to ${n}`)
    this.#counts.set(pair, n)
    this.#digest.add(`${pair}|${n}`)
  }

  get text(): string {
    return this.#digest.text
  }
}
