import { count, json, type Pipeline, pipeline, type Topic, topic } from '../../index.ts'
import type { Log, OutgoingBatch } from '../../log/log.ts'
import { BatchWriter } from '../../record/writer.ts'
import { readTopic } from './read-topic.ts'

interface Click {
  readonly user: string
}

/** A running count per user, of topics of the app's own: every click gives a row, so a loss and a repetition both show. */
export interface Clicks {
  readonly clicks: Topic<Click, string, Click>
  readonly counts: Topic
  readonly perUser: Pipeline
}

export function clicksOf(app: string, partitions: number): Clicks {
  const clicks = topic(`${app}-clicks`, { value: json<Click>(), key: 'user', partitions })
  const counts = topic(`${app}-counts`, { value: json<{ n: number }>(), partitions })
  const perUser = pipeline('per-user', p => {
    p.from(clicks).byKey().aggregate('count', { n: count() }).emit('updates').to(counts)
  })
  return { clicks, counts, perUser }
}

/** Appends clicks in turn of so many users per partition. */
export class Clicker {
  /** Clicks so far. */
  sent = 0
  readonly #log: Log
  readonly #topic: string
  readonly #partitions: number
  readonly #users: number

  constructor(log: Log, { clicks }: Clicks, users: number) {
    this.#log = log
    this.#topic = clicks.name
    this.#partitions = clicks.partitions
    this.#users = users
  }

  async click(times: number): Promise<void> {
    const batchRecords = 5_000
    for (let left = times; left > 0; left -= batchRecords * this.#partitions) {
      const batches: OutgoingBatch[] = []
      for (let partition = 0; partition < this.#partitions; partition++) {
        const records = Math.min(batchRecords, Math.ceil(left / this.#partitions))
        batches.push({ topic: this.#topic, partition, bytes: this.#batch(partition, records) })
      }
      await this.#log.append(batches)
    }
  }

  #batch(partition: number, records: number): Uint8Array {
    const writer = new BatchWriter()
    for (let i = 0; i < records; i++) {
      const user = `p${partition}-u${Math.floor(this.sent++ / this.#partitions) % this.#users}`
      const [key, value] = [Buffer.from(user), Buffer.from(JSON.stringify({ user }))]
      writer.append(Date.now(), key, 0, key.length, value, 0, value.length)
    }
    return writer.finish()
  }
}

/** Counts that are not the next of their user; the number of rows when there are none. */
export async function checkCounts(log: Log, { counts }: Clicks): Promise<{ rows: number; wrong: string[] }> {
  const last = new Map<string, number>()
  const wrong: string[] = []
  const rows = await readTopic(log, counts.name)
  for (const { key, value, partition, offset } of rows) {
    const { n } = JSON.parse(value!) as { n: number }
    const expected = (last.get(key!) ?? 0) + 1
    if (n !== expected) wrong.push(`${key} counts ${n}, not ${expected}, at ${partition}/${offset}`)
    last.set(key!, n)
  }
  return { rows: rows.length, wrong }
}
